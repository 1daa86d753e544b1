// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/function/event.h>
#include <shallop/observe/invocations.h>

#include <array>
#include <cstdio>

namespace shallop::invoke {

/// Counts the bytes of a request body on their way in.
class MeteredSource final : public function::BodySource {
public:
    MeteredSource(function::BodySource& from, observe::Invocation& record) : from_(from), record_(record) {}

    async::Task<base::Result<std::size_t>> read(std::span<char> into) override {
        auto got = co_await from_.read(into);
        if (got) record_.bytes_in += *got;
        co_return got;
    }

private:
    function::BodySource& from_;
    observe::Invocation& record_;
};

/// Stamps the head with the invocation's id and timings, and counts the bytes of the reply on their way out.
class MeteredSink final : public function::ReplySink {
public:
    MeteredSink(function::ReplySink& to, observe::Invocation& record, async::Clock& clock)
        : to_(to), record_(record), clock_(clock) {}

    void run_begins() { run_began_ = clock_.now(); }
    async::Duration running() const {
        return run_began_ == async::Instant{} ? async::Duration{} : clock_.now() - run_began_;
    }

    async::Task<base::Status> begin(function::ReplyHead head) override {
        std::erase_if(head.fields, [](const auto& field) {
            return base::same_name(field.name, "X-Shallop-Invocation-Id") ||
                   base::same_name(field.name, "Server-Timing");
        });
        head.fields.push_back({"X-Shallop-Invocation-Id", record_.id});
        head.fields.push_back({"Server-Timing", timing()});
        record_.http_status = head.status;
        co_return co_await to_.begin(std::move(head));
    }

    async::Task<base::Status> write(std::span<const char> bytes) override {
        record_.bytes_out += bytes.size();
        co_return co_await to_.write(bytes);
    }

    bool begun() const override { return to_.begun(); }

private:
    std::string timing() const {
        const auto ms = [](async::Duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
        std::array<char, 120> text{};
        std::snprintf(text.data(), text.size(), "queue;dur=%.3f, start;dur=%.3f, run;dur=%.3f", ms(record_.queue),
                      ms(record_.start), ms(running()));
        return text.data();
    }

    function::ReplySink& to_;
    observe::Invocation& record_;
    async::Clock& clock_;
    async::Instant run_began_{};
};

}  // namespace shallop::invoke
