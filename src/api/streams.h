// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/function/event.h>
#include <shallop/http/listener.h>

namespace shallop::api {

/// The pointer of a timed_out that is the client's: 408 rather than 504.
inline constexpr const char* slow_body = "body";

/// The request's body as the function's input.
class RequestBody final : public function::BodySource {
public:
    explicit RequestBody(http::Exchange& exchange) : exchange_(exchange) {}
    async::Task<base::Result<std::size_t>> read(std::span<char> into) override {
        auto read = co_await exchange_.read(into);
        // It is the client that was too slow, not the function.
        if (!read && read.error().fault == base::Fault::timed_out) {
            co_return base::Error(base::Fault::timed_out, read.error().detail, slow_body);
        }
        co_return read;
    }

private:
    http::Exchange& exchange_;
};

/// The input of an event that has none.
class NoBody final : public function::BodySource {
public:
    async::Task<base::Result<std::size_t>> read(std::span<char>) override { co_return std::size_t{0}; }
};

/// The connection as the place for the function's reply.
class ReplyStream final : public function::ReplySink {
public:
    explicit ReplyStream(http::Exchange& exchange) : exchange_(exchange) {}

    async::Task<base::Status> begin(function::ReplyHead head) override {
        return exchange_.begin(response_from(std::move(head)));
    }
    async::Task<base::Status> begin_with(function::ReplyHead head, std::span<const char> first) override {
        return exchange_.begin_with(response_from(std::move(head)), first);
    }
    async::Task<base::Status> write(std::span<const char> bytes) override { return exchange_.write(bytes); }
    bool begun() const override { return exchange_.begun(); }

private:
    static http::Response response_from(function::ReplyHead head) {
        http::Response response;
        response.status = head.status;
        response.reason = std::move(head.reason);
        response.fields = std::move(head.fields);
        response.lines = std::move(head.lines);
        response.content_length = head.content_length;
        return response;
    }

    http::Exchange& exchange_;
};

}  // namespace shallop::api
