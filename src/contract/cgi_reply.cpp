// SPDX-License-Identifier: Apache-2.0
#include "contract/cgi_reply.h"

#include <algorithm>

namespace shallop::contract {

using base::Fault;
using base::Result;
using function::Output;
using Step = CgiReply::Step;

void CgiReply::feed(std::span<const char> bytes) {
    silent_ = silent_ && bytes.empty();
    if (phase_ == Phase::body) {
        held_ = std::string();
        input_ = bytes;
    } else {
        held_.append(bytes.data(), bytes.size());
    }
}

Result<Step> CgiReply::next() {
    for (;;) {
        const auto step = turn();
        if (failure_) return *failure_;
        if (step) return *step;
    }
}

std::optional<Step> CgiReply::turn() {
    switch (phase_) {
        case Phase::kind:
            return find_kind();
        case Phase::cgi:
            return read_header(false);
        case Phase::nph_line:
            return read_status_line();
        case Phase::nph_fields:
            return read_nph_fields();
        case Phase::first_byte:
            return await_first_byte();
        case Phase::begin:
            phase_ = page_.empty() ? Phase::body : Phase::page;
            return Step::begin;
        case Phase::body:
            return framing_ == Framing::chunked ? read_chunks() : read_body();
        case Phase::page:
            phase_ = Phase::ended;
            body_ = page_;
            return Step::write;
        case Phase::local_redirect:
            // The redirect is run when the first program has done its work.
            held_.clear();
            return finished_ ? Step::local_redirect : Step::read;
        case Phase::ended:
            return Step::end;
        case Phase::broken:
            return Step::cut;
    }
    return Step::cut;
}

std::optional<Step> CgiReply::find_kind() {
    if (rules_.output == Output::cgi) {
        phase_ = Phase::cgi;
    } else if (rules_.output == Output::nph) {
        phase_ = Phase::nph_line;
    } else if (held_.empty() && !finished_) {
        return Step::read;
    } else if (rules_.output == Output::raw) {
        return start_raw();
    } else {
        const auto message = looks_like_status_line(held_);
        if (message == StatusLine::no) return read_header(true);
        if (message == StatusLine::open) return finished_ ? start_raw() : Step::read;
        phase_ = Phase::nph_line;
    }
    return std::nullopt;
}

/// Reads on in the header block. With `automatic` it may turn out not to be one.
std::optional<Step> CgiReply::read_header(bool automatic) {
    using State = HeaderScanner::State;
    const auto state = scanner_.scan(head_bytes());
    const bool meant = !automatic || scanner_.surely_cgi();
    if (state == State::complete) {
        if (automatic && !scanner_.has_cgi_field()) return start_raw();
        return scanner_.fields().empty() ? fail("the output begins without a header") : start_cgi();
    }
    if (state == State::malformed) return meant ? fail(scanner_.why()) : start_raw();
    if (held_.size() >= rules_.head_limit) {
        return meant ? fail("the header block is too long") : start_raw();
    }
    if (!finished_) return Step::read;
    return meant ? fail(silent_ ? "the output is empty" : "the header block has no end") : start_raw();
}

/// Nothing behind the limit is looked at, so that how the output is cut into pieces changes nothing.
std::string_view CgiReply::head_bytes() const { return std::string_view(held_).substr(0, rules_.head_limit); }

std::optional<Step> CgiReply::read_status_line() {
    const auto newline = head_bytes().find('\n');
    if (newline == std::string_view::npos) {
        if (!finished_ && held_.size() < rules_.head_limit) return Step::read;
        return fail(silent_ ? "the output is empty" : "the status line has no end");
    }
    status_line_ = held_.substr(0, newline);
    held_.erase(0, newline + 1);
    phase_ = Phase::nph_fields;
    return std::nullopt;
}

std::optional<Step> CgiReply::read_nph_fields() {
    using State = HeaderScanner::State;
    const auto state = scanner_.scan(head_bytes());
    if (state == State::malformed) return fail(scanner_.why());
    if (state == State::open) {
        if (!finished_ && held_.size() < rules_.head_limit) return Step::read;
        return fail(finished_ ? "the head has no end" : "the head is too long");
    }
    const auto code = looks_like_status_line(status_line_ + '\n') == StatusLine::yes ? status_line_.substr(9, 3) : "";
    if (!code.starts_with('1')) {
        auto nph = read_nph_head(status_line_, std::move(scanner_.fields()));
        return nph ? start_nph(std::move(*nph)) : fail(nph.error().detail);
    }
    if (code == "101") return fail("the reply switches protocols");
    if (++interim_ > rules_.max_interim) return fail("the reply has too many interim heads");
    held_.erase(0, scanner_.length());
    scanner_ = HeaderScanner(rules_.max_fields);
    phase_ = Phase::nph_line;
    return std::nullopt;
}

std::optional<Step> CgiReply::start_raw() {
    input_ = held_;
    head_.fields = {{"Content-Type", std::string(guess_type(held_))}};
    if (finished_) head_.content_length = held_.size();
    return start_body();
}

std::optional<Step> CgiReply::start_cgi() {
    const auto length = scanner_.length();
    auto cgi = read_cgi_head(std::move(scanner_.fields()));
    if (!cgi) return fail(cgi.error().detail);
    head_ = std::move(cgi->head);
    target_ = std::move(cgi->target);
    if (cgi->kind == CgiHead::Kind::local_redirect) {
        phase_ = Phase::local_redirect;
        return std::nullopt;
    }
    if (cgi->kind == CgiHead::Kind::client_redirect) {
        page_ = redirect_page(target_);
        framing_ = Framing::none;
        head_.fields.push_back({"Content-Type", "text/html; charset=utf-8"});
        head_.content_length = page_.size();
        phase_ = Phase::begin;
        return std::nullopt;
    }
    held_.erase(0, length);
    const bool typed = base::find_field(head_.fields, "Content-Type") != nullptr;
    if (!typed && !rules_.head_request && may_have_body(head_.status) && head_.content_length.value_or(1) > 0) {
        phase_ = Phase::first_byte;
        return std::nullopt;
    }
    input_ = held_;
    // Where the promise is seen to be wrong before it is passed on, it is dropped instead.
    if (head_.content_length.value_or(held_.size()) < held_.size()) head_.content_length.reset();
    return start_body();
}

/// Without a type, whether there is a body decides the head.
std::optional<Step> CgiReply::await_first_byte() {
    if (held_.empty() && !finished_) return Step::read;
    if (held_.empty()) {
        head_.content_length = 0;
    } else {
        head_.fields.push_back({"Content-Type", "application/octet-stream"});
        if (head_.content_length.value_or(held_.size()) < held_.size()) head_.content_length.reset();
    }
    input_ = held_;
    return start_body();
}

std::optional<Step> CgiReply::start_nph(NphHead nph) {
    held_.erase(0, scanner_.length());
    head_ = std::move(nph.head);
    input_ = held_;
    framing_ = nph.chunked ? Framing::chunked : Framing::until_end;
    return start_body();
}

/// The head is ready; settles how long the body is.
std::optional<Step> CgiReply::start_body() {
    if (!may_have_body(head_.status)) {
        framing_ = Framing::none;
        head_.content_length = head_.status == 205 ? std::optional<std::uint64_t>(0) : std::nullopt;
    } else if (rules_.head_request) {
        framing_ = Framing::none;
    } else if (head_.content_length) {
        framing_ = Framing::counted;
        promised_left_ = *head_.content_length;
        if (promised_left_ > rules_.body_limit.value_or(promised_left_))
            return fail("the reply is longer than limits.response_body");
    }
    phase_ = Phase::begin;
    return std::nullopt;
}

std::optional<Step> CgiReply::read_body() {
    if (framing_ == Framing::none) input_ = {};
    if (framing_ == Framing::counted && promised_left_ == 0) {
        phase_ = Phase::ended;
        return std::nullopt;
    }
    if (input_.empty()) {
        if (!finished_) return Step::read;
        if (framing_ == Framing::counted) return cut("the output is shorter than its Content-Length");
        phase_ = Phase::ended;
        return std::nullopt;
    }
    const auto left = framing_ == Framing::counted ? promised_left_ : input_.size();
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, input_.size()));
    body_ = input_.first(size);
    input_ = input_.subspan(size);
    promised_left_ -= framing_ == Framing::counted ? size : 0;
    return hand_out(size);
}

std::optional<Step> CgiReply::read_chunks() {
    using State = ChunkedBody::State;
    body_ = chunks_.next(input_);
    if (!body_.empty()) return hand_out(body_.size());
    if (chunks_.state() == State::malformed) return cut(chunks_.why());
    if (chunks_.state() == State::complete) {
        phase_ = Phase::ended;
        return std::nullopt;
    }
    return finished_ ? cut("the chunked body has no end") : Step::read;
}

std::optional<Step> CgiReply::hand_out(std::size_t size) {
    sent_ += size;
    if (rules_.body_limit && sent_ > *rules_.body_limit) return cut("the reply is longer than limits.response_body");
    return Step::write;
}

std::optional<Step> CgiReply::fail(std::string why) {
    failure_.emplace(Fault::function_failed, std::move(why));
    return std::nullopt;
}

std::optional<Step> CgiReply::cut(std::string why) {
    why_ = std::move(why);
    phase_ = Phase::broken;
    return Step::cut;
}

}  // namespace shallop::contract
