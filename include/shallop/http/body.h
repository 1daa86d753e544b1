// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/http/message.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace shallop::http {

/// Takes a message's body out of its framing (RFC 9112 section 6 and 7.1), without I/O. Strict as HeadParser: each
/// line of the chunked coding ends in CRLF, extensions and trailers keep to their grammar and their limits.
/// Extensions and trailers are dropped.
class BodyDecoder {
public:
    /// No body.
    BodyDecoder() = default;
    static BodyDecoder fixed(std::uint64_t length);
    /// `limits` must outlive the decoder.
    static BodyDecoder chunked(const Limits& limits);

    struct Step {
        std::size_t consumed = 0;
        std::size_t produced = 0;
    };
    /// Reads from `in`, writes body bytes to `out`; either may end first. Not a step forward with room in `out` =
    /// more input is needed. After refused() nothing more is read.
    Step decode(std::string_view in, std::span<char> out);

    bool done() const { return state_ == State::done; }
    bool refused() const { return state_ == State::refused; }
    const Refusal& refusal() const { return refusal_; }

    /// So many of the next raw bytes are body bytes as they stand: they may be received in place, then told by
    /// advance().
    std::uint64_t direct() const { return state_ == State::data ? left_ : 0; }
    void advance(std::uint64_t received);

private:
    enum class State { done, data, size_line, data_end, trailer_line, refused };

    std::size_t take_line(std::string_view in);
    void end_of_line();
    void size_line();
    void trailer_line();
    bool grow_line(char byte);
    void refuse(int status, std::string detail);

    State state_ = State::done;
    bool chunked_ = false;
    std::uint64_t left_ = 0;  ///< of the body, or of the chunk
    const Limits* limits_ = nullptr;
    std::string line_;  ///< the framing line being read
    bool after_cr_ = false;
    std::size_t extensions_ = 0;  ///< bytes so far, in all
    std::size_t trailer_bytes_ = 0;
    std::size_t trailer_fields_ = 0;
    Refusal refusal_;
};

}  // namespace shallop::http
