// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/docker/engine.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shallop::docker {

/// Cuts a stream of bytes into lines; empty ones are left out. Holds at most `longest` bytes of a line that has not ended.
class Lines {
public:
    explicit Lines(std::size_t longest) : longest_(longest) {}

    /// False once a line has passed the limit: the stream is of no more use.
    bool feed(std::string_view bytes);
    std::optional<std::string> next();

    /// Whether the stream stopped inside a line; to be asked when next() has none.
    bool inside() const { return begin_ < rest_.size(); }

private:
    std::size_t longest_;
    std::size_t begin_ = 0;  ///< of the next line in rest_
    std::string rest_;
};

/// Takes the payload out of the frames in which the engine sends stdout and stderr together
/// ([stream, 0, 0, 0, length as 32 bits big-endian] payload), and keeps the last `keep` bytes of it.
class LogFrames {
public:
    explicit LogFrames(std::size_t keep) : keep_(keep) {}

    /// False where the bytes are no such frames.
    bool feed(std::string_view bytes);
    std::string take();

private:
    bool head(std::string_view& bytes);
    void trim(std::size_t to);

    std::size_t keep_;
    std::string head_;
    std::uint32_t left_ = 0;
    std::string text_;
};

}  // namespace shallop::docker
