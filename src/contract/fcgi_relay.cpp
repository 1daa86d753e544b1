// SPDX-License-Identifier: Apache-2.0
#include "contract/fcgi_relay.h"

#include <shallop/async/race.h>

#include <algorithm>

namespace shallop::contract {

using base::Error;
using base::Fault;

namespace {

constexpr std::span<const char> nothing;
constexpr auto no_stall = std::chrono::hours(24);  // the deadline is watched by the receiving side

ReplyRules rules_for(const Call& call, const function::Limits& limits) {
    ReplyRules rules;
    rules.output = function::Output::cgi;
    rules.head_request = call.event.method == "HEAD";
    rules.body_limit = limits.response_body;
    return rules;
}

std::string_view text_of(const FcgiHeader& header) { return {header.data(), header.size()}; }

}  // namespace

FcgiRelay::FcgiRelay(Upstream& upstream, Call& call, function::BodySource* body, const Surroundings& around,
                     BodyBuffers& buffers, std::function<void()> answered)
    : up_(upstream),
      call_(call),
      body_(body),
      around_(around),
      buffers_(buffers),
      on_answer_(std::move(answered)),
      reply_(rules_for(call, around.function->spec.limits)),
      lines_(around.function->spec.limits.log_rate, around.clock.now(), call.stderr_line),
      verdict_(call, around) {}

bool FcgiRelay::reusable() const {
    return whole_ && ended_ && body_sent_ && trouble() == Trouble::none && up_.wire().buffered().empty();
}

// ---- the request

bool FcgiRelay::send_begin(const std::vector<std::string>& parameters) {
    const auto end_of_body = fcgi_stdin_header(0);
    auto& begin = up_.head();
    write_fcgi_begin(begin, parameters);
    if (body_ == nullptr) begin.append(text_of(end_of_body));
    up_.wire().expect_answer();
    if (body_ != nullptr) return true;
    http::Wire::Parts parts{begin, {}, {}};
    up_.wire().send_at_once(parts);
    if (up_.wire().seen_gone()) return false;
    begin_sent_ = begin.size() - parts[0].size();
    call_.sent = call_.sent || begin_sent_ > 0;
    body_sent_ = begin_sent_ == begin.size();
    return true;
}

/// Sends and reads at once: a responder may answer early, or only while it is being sent to.
Task<void> FcgiRelay::pass() {
    if (body_sent_) {
        co_await read_reply();
    } else {
        never_.emplace(around_.executor);
        auto reading = read_reply();
        auto sending = send_request();
        co_await async::race(std::move(reading), std::move(sending));
    }
    lines_.finish(around_.clock.now());
}

/// Ends only when the body does not come as it should.
Task<void> FcgiRelay::send_request() {
    if (body_ != nullptr) {
        BodyBuffers::Borrowed buffer(buffers_);
        co_await send_body(buffer.room().first(fcgi_most_content));
        if (trouble() != Trouble::none) co_return;
    } else {
        const auto rest = std::string_view(up_.head()).substr(begin_sent_);
        const http::Wire::Parts parts{rest, {}, {}};
        const auto sent = co_await up_.wire().send(parts, no_stall);
        body_sent_ = sent.has_value();
    }
    for (;;) co_await never_->wait();
}

/// A responder that takes no more of it may still answer.
Task<void> FcgiRelay::send_body(std::span<char> into) {
    for (;;) {
        waits_for_client_ = true;
        const auto got = co_await body_->read(into);
        waits_for_client_ = false;
        call_.sent = true;  // what was read cannot be read again for another try
        if (!got) {
            verdict_.fail_client(got.error());
            co_return;
        }
        const std::string_view piece(into.data(), *got);
        const auto sent = co_await send_piece(piece);
        if (!sent) co_return;
        if (piece.empty()) break;
    }
    body_sent_ = true;
}

/// One record, with what is left of the request's begin before it. An empty one is the end of the body.
Task<base::Status> FcgiRelay::send_piece(std::string_view piece) {
    const auto before = std::string_view(up_.head()).substr(begin_sent_);
    const auto header = fcgi_stdin_header(piece.size());
    const http::Wire::Parts parts{before, text_of(header), piece};
    begin_sent_ = up_.head().size();
    co_return co_await up_.wire().send(parts, no_stall);
}

// ---- the reply

Task<void> FcgiRelay::read_reply() {
    using Kind = FcgiReplies::Kind;
    auto& wire = up_.wire();
    for (;;) {
        const auto bytes = wire.buffered();
        const auto step = records_.next(bytes);
        const auto behind = bytes.substr(step.consumed);
        bool sound = true;
        switch (step.kind) {
            case Kind::more:
                wire.consume(step.consumed);
                sound = co_await receive();
                break;
            case Kind::output:
                sound = co_await take_output(step.content, behind);
                wire.consume(step.consumed);
                break;
            case Kind::error:
                lines_.feed(step.content, around_.clock.now());
                wire.consume(step.consumed);
                break;
            case Kind::refused:
                sound =
                    verdict_.fail(Trouble::garbage, Fault::function_failed, "the function sent " + records_.refusal());
                break;
            case Kind::end:
                wire.consume(step.consumed);
                ended_ = true;
                co_await take_end();
                co_return;
        }
        if (!sound) co_return;
    }
}

/// A head that waited for its body waits no longer than for what is here.
Task<bool> FcgiRelay::receive() {
    if (head_held_) {
        const bool begun = co_await begin(nothing);
        if (!begun) co_return false;
    }
    auto& wire = up_.wire();
    auto received = co_await wire.fill(call_.deadline);
    // Bytes that are always there would keep the sweep from seeing that the time is up.
    if (received && around_.clock.now() >= call_.deadline) received = Error(Fault::timed_out, {});
    if (received && *received > 0) {
        up_.grown = up_.grown || wire.buffered().size() >= http::Wire::small_buffer;
        if (!answered_) on_answer_();
        answered_ = true;
        co_return true;
    }
    // The client has all of its reply; what is not over is the responder's own business.
    const bool late = !received && received.error().fault == Fault::timed_out;
    if (!whole_) co_return verdict_.fail_receive(received, waits_for_client_, !answered_);
    if (late) verdict_.note(Trouble::late);
    co_return false;
}

/// `behind`: what has come after it.
Task<bool> FcgiRelay::take_output(std::string_view content, std::string_view behind) {
    if (whole_) co_return true;
    reply_.feed(content);
    for (;;) {
        const auto step = reply_.next();
        if (!step) co_return verdict_.fail(Trouble::other, step.error().fault, step.error().detail);
        switch (*step) {
            case CgiReply::Step::read:
                co_return true;
            case CgiReply::Step::begin:
                head_held_ = true;
                break;
            case CgiReply::Step::write: {
                const auto body = reply_.body();
                bool written = false;
                if (head_held_) {
                    if (reply_.open_ended() && !reply_.head().content_length && ends_in(behind))
                        reply_.head().content_length = body.size();
                    written = co_await begin(body);
                } else {
                    const auto status = co_await call_.reply.write(body);
                    written = status.has_value() || verdict_.fail_client(status.error());
                }
                if (!written) co_return false;
                break;
            }
            case CgiReply::Step::cut:
                co_return verdict_.fail(Trouble::other, Fault::function_failed, reply_.why());
            case CgiReply::Step::local_redirect:
            case CgiReply::Step::end: {
                if (*step == CgiReply::Step::local_redirect) verdict_.outcome().local_redirect = reply_.target();
                whole_ = true;
                bool begun = true;
                if (head_held_) begun = co_await begin(nothing);
                co_return begun;
            }
        }
    }
}

Task<bool> FcgiRelay::begin(std::span<const char> first) {
    head_held_ = false;
    const auto begun = co_await call_.reply.begin_with(std::move(reply_.head()), first);
    if (!begun) co_return verdict_.fail_client(begun.error());
    co_return true;
}

/// Whether the request ends there without further output: then the length of its reply is known.
bool FcgiRelay::ends_in(std::string_view behind) const {
    auto ahead = records_;
    for (;;) {
        const auto step = ahead.next(behind);
        behind.remove_prefix(step.consumed);
        if (step.kind == FcgiReplies::Kind::end) return ahead.protocol_status() == 0;
        if (step.kind != FcgiReplies::Kind::error) return false;
    }
}

/// The request has ended, and with it the output.
Task<bool> FcgiRelay::take_end() {
    const auto status = records_.application_status();
    verdict_.outcome().exit_code = static_cast<int>(std::min(status, 255U));
    if (records_.protocol_status() != 0) {
        const std::string words(fcgi_status_words(records_.protocol_status()));
        co_return verdict_.fail(Trouble::other, Fault::function_failed, "the function " + words);
    }
    if (whole_) co_return true;
    if (reply_.silent()) {
        const auto with = status == 0 ? std::string() : " with status " + std::to_string(status);
        co_return verdict_.fail(Trouble::other, Fault::function_failed,
                                "the function ended the request" + with + " and printed nothing");
    }
    reply_.finish();
    const std::string_view no_more;
    const bool taken = co_await take_output(no_more, no_more);
    co_return taken;
}

}  // namespace shallop::contract
