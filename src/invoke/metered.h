// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/function/event.h>
#include <shallop/observe/invocations.h>

#include <charconv>
#include <string>

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

/// Appends the value of Server-Timing (W3C): milliseconds with three digits behind the point.
inline void append_server_timing(std::string& out, async::Duration queue, async::Duration start, async::Duration run) {
    char text[128];
    char* at = text;
    const auto add = [&](std::string_view words, async::Duration took) {
        at = std::copy(words.begin(), words.end(), at);
        const auto us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
        at = std::to_chars(at, at + 20, us / 1000).ptr;
        *at++ = '.';
        for (auto unit = 100; unit > 0; unit /= 10) *at++ = static_cast<char>('0' + us / unit % 10);
    };
    add("queue;dur=", queue);
    add(", start;dur=", start);
    add(", run;dur=", run);
    out.append(text, at);
}

/// Stamps the head with the invocation's id and timings (which a function cannot say itself), and counts the bytes of the reply on their way out.
class MeteredSink final : public function::ReplySink {
public:
    MeteredSink(function::ReplySink& to, observe::Invocation& record, async::Clock& clock)
        : to_(to), record_(record), clock_(clock) {}

    void run_begins(async::Instant now) { run_began_ = now; }
    async::Duration running(async::Instant now) const {
        return run_began_ == async::Instant{} ? async::Duration{} : now - run_began_;
    }

    async::Task<base::Status> begin(function::ReplyHead head) override {
        stamp(head);
        return to_.begin(std::move(head));
    }

    async::Task<base::Status> begin_with(function::ReplyHead head, std::span<const char> first) override {
        stamp(head);
        record_.bytes_out += first.size();
        return to_.begin_with(std::move(head), first);
    }

    async::Task<base::Status> write(std::span<const char> bytes) override {
        record_.bytes_out += bytes.size();
        return to_.write(bytes);
    }

    bool begun() const override { return to_.begun(); }

private:
    void stamp(function::ReplyHead& head) {
        std::erase_if(head.fields, [](const auto& field) {
            return base::same_name(field.name, "X-Shallop-Invocation-Id") ||
                   base::same_name(field.name, "Server-Timing");
        });
        head.lines.reserve(160);
        head.lines.append("X-Shallop-Invocation-Id: ").append(record_.id).append("\r\nServer-Timing: ");
        append_server_timing(head.lines, record_.queue, record_.start, running(clock_.now()));
        head.lines.append("\r\n");
        record_.http_status = head.status;
    }

    function::ReplySink& to_;
    observe::Invocation& record_;
    async::Clock& clock_;
    async::Instant run_began_{};
};

}  // namespace shallop::invoke
