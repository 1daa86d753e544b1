// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/result.h>
#include <shallop/http/syntax.h>

#include <shallop/http/body.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace shallop::http {
namespace {

constexpr std::size_t longest_size = 15;  // hex digits: below 2^60, so that sums cannot overflow

/// Takes a token or, where allowed, a quoted string off the front of `text`.
bool take_word(std::string_view& text, bool quoted_too) {
    if (quoted_too && text.starts_with('"')) {
        std::size_t at = 1;
        while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
        if (at >= text.size()) return false;
        text.remove_prefix(at + 1);
        return true;
    }
    std::size_t at = 0;
    while (at < text.size() && is_token(text.substr(at, 1))) ++at;
    text.remove_prefix(at);
    return at > 0;
}

void skip_space(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size())); }

/// RFC 9112 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS value ] ).
bool are_extensions(std::string_view text) {
    while (!text.empty()) {
        skip_space(text);
        if (!text.starts_with(';')) return false;
        text.remove_prefix(1);
        skip_space(text);
        if (!take_word(text, false)) return false;
        auto ahead = text;
        skip_space(ahead);
        if (!ahead.starts_with('=')) continue;
        ahead.remove_prefix(1);
        skip_space(ahead);
        if (!take_word(ahead, true)) return false;
        text = ahead;
    }
    return true;
}

}  // namespace

BodyDecoder BodyDecoder::fixed(std::uint64_t length) {
    BodyDecoder decoder;
    decoder.left_ = length;
    if (length > 0) decoder.state_ = State::data;
    return decoder;
}

BodyDecoder BodyDecoder::chunked(const Limits& limits) {
    BodyDecoder decoder;
    decoder.state_ = State::size_line;
    decoder.chunked_ = true;
    decoder.limits_ = &limits;
    return decoder;
}

BodyDecoder::Step BodyDecoder::decode(std::string_view in, std::span<char> out) {
    Step step;
    while (step.consumed < in.size() && !done() && !refused()) {
        const auto rest = in.substr(step.consumed);
        if (state_ != State::data) {
            step.consumed += take_line(rest);
            continue;
        }
        const auto room = out.size() - step.produced;
        if (room == 0) break;
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>({left_, rest.size(), room}));
        std::memcpy(out.data() + step.produced, rest.data(), count);
        step.consumed += count;
        step.produced += count;
        advance(count);
    }
    return step;
}

void BodyDecoder::advance(std::uint64_t received) {
    base::ensure(state_ == State::data && received <= left_, "a body advances within what is left of it");
    left_ -= received;
    if (left_ == 0) state_ = chunked_ ? State::data_end : State::done;
}

/// Takes bytes up to the end of the current framing line.
std::size_t BodyDecoder::take_line(std::string_view in) {
    std::size_t taken = 0;
    while (taken < in.size()) {
        const char byte = in[taken++];
        if (after_cr_ && byte != '\n') {
            refuse(400, "The chunked body has a CR without LF.");
            return taken;
        }
        if (after_cr_) {
            after_cr_ = false;
            end_of_line();
            return taken;
        }
        if (byte == '\r') {
            after_cr_ = true;
        } else if (!grow_line(byte)) {
            return taken;
        }
    }
    return taken;
}

bool BodyDecoder::grow_line(char byte) {
    if (state_ == State::data_end) {
        refuse(400, "A chunk is longer than its size says.");
    } else if (!is_field_value(std::string_view(&byte, 1))) {
        refuse(400, byte == '\n' ? "A line of the chunked body ends in LF without CR."
                                 : "The chunked body's framing has a control byte.");
    } else if (state_ == State::size_line && line_.size() >= longest_size &&
               ++extensions_ > limits_->chunk_extensions) {
        refuse(400,
               "The chunk extensions are longer than " + std::to_string(limits_->chunk_extensions) + " bytes in all.");
    } else if (state_ == State::trailer_line && ++trailer_bytes_ > limits_->trailers) {
        refuse(431, "The trailer fields are longer than " + std::to_string(limits_->trailers) + " bytes.");
    } else {
        line_.push_back(byte);
        return true;
    }
    return false;
}

void BodyDecoder::end_of_line() {
    if (state_ == State::data_end) {
        state_ = State::size_line;
    } else if (state_ == State::size_line) {
        size_line();
    } else {
        trailer_line();
    }
    line_.clear();
}

void BodyDecoder::size_line() {
    const auto digits = std::min(line_.find_first_not_of("0123456789abcdefABCDEF"), line_.size());
    if (digits == 0 || digits > longest_size)
        return refuse(400, "A chunk's size is not a hexadecimal number of a sane size.");
    if (!are_extensions(std::string_view(line_).substr(digits)))
        return refuse(400, "A chunk's size is followed by what is no extension.");
    // grow_line() has counted only what lies beyond the longest size; short lines with extensions count here.
    extensions_ += std::min(line_.size(), longest_size) - digits;
    if (extensions_ > limits_->chunk_extensions) {
        return refuse(400, "The chunk extensions are longer than " + std::to_string(limits_->chunk_extensions) +
                               " bytes in all.");
    }
    std::from_chars(line_.data(), line_.data() + digits, left_, 16);
    state_ = left_ > 0 ? State::data : State::trailer_line;
}

void BodyDecoder::trailer_line() {
    if (line_.empty()) {
        state_ = State::done;
        return;
    }
    if (++trailer_fields_ > limits_->fields) return refuse(431, "The body has too many trailer fields.");
    std::string why;
    if (parse_field_line(line_, why).name.empty()) refuse(400, std::move(why));
}

void BodyDecoder::refuse(int status, std::string detail) {
    state_ = State::refused;
    refusal_ = {status, std::move(detail)};
}

}  // namespace shallop::http
