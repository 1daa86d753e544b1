// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace shallop::contract {

/// Takes the chunked coding (RFC 9112 section 7.1) off a body, as it comes. Extensions and trailers are read over, within bounds.
class ChunkedBody {
public:
    enum class State { open, complete, malformed };

    /// Consumes from the front of `bytes` and returns the next run of content; empty when `bytes` is used up or nothing more can come.
    std::span<const char> next(std::span<const char>& bytes);

    State state() const;
    const std::string& why() const { return why_; }

private:
    enum class Phase { size, extension, content, content_end, trailer, complete, malformed };
    void take(char c);
    void take_size(char c);
    void end_size();
    void take_trailer(char c);
    void fail(const char* why);

    Phase phase_ = Phase::size;
    std::uint64_t left_ = 0;  ///< of the current chunk
    std::size_t digits_ = 0;
    std::size_t extensions_ = 0;  ///< bytes of all of them
    std::size_t trailers_ = 0;    ///< bytes of all of them
    std::size_t line_ = 0;        ///< bytes of the current trailer line
    bool cr_ = false;             ///< the byte before was a CR that must be followed by LF
    std::string why_;
};

}  // namespace shallop::contract
