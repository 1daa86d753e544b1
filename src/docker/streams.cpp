// SPDX-License-Identifier: Apache-2.0
#include "docker/streams.h"

#include <algorithm>

namespace shallop::docker {

bool Lines::feed(std::string_view bytes) {
    rest_.erase(0, begin_);
    begin_ = 0;
    rest_.append(bytes);
    const auto last = rest_.rfind('\n');
    return rest_.size() - (last == std::string::npos ? 0 : last + 1) <= longest_;
}

std::optional<std::string> Lines::next() {
    for (;;) {
        const auto end = rest_.find('\n', begin_);
        if (end == std::string::npos) return std::nullopt;
        std::string line = rest_.substr(begin_, end - begin_);
        begin_ = end + 1;
        if (!line.empty() && line.back() == '\r') line.pop_back();
        if (!line.empty()) return line;
    }
}

bool LogFrames::feed(std::string_view bytes) {
    while (!bytes.empty()) {
        if (left_ == 0 && !head(bytes)) return false;
        const auto part = bytes.substr(0, left_);
        text_.append(part);
        left_ -= static_cast<std::uint32_t>(part.size());
        bytes.remove_prefix(part.size());
        // Twice the limit, so that the front is moved seldom.
        if (text_.size() > 2 * keep_) trim(keep_);
    }
    return true;
}

/// Takes the rest of a frame's head from `bytes`. False where it is none.
bool LogFrames::head(std::string_view& bytes) {
    constexpr std::size_t head_size = 8;
    const auto part = bytes.substr(0, head_size - head_.size());
    head_.append(part);
    bytes.remove_prefix(part.size());
    if (static_cast<unsigned char>(head_[0]) > 3) return false;  // 0 to 2 as descriptors, 3 the engine's own error
    for (std::size_t i = 1; i < std::min<std::size_t>(head_.size(), 4); ++i) {
        if (head_[i] != 0) return false;
    }
    if (head_.size() < head_size) return true;
    for (std::size_t i = 4; i < head_size; ++i) left_ = (left_ << 8) | static_cast<unsigned char>(head_[i]);
    head_.clear();
    return true;
}

std::string LogFrames::take() {
    trim(keep_);
    return std::move(text_);
}

void LogFrames::trim(std::size_t to) {
    if (text_.size() > to) text_.erase(0, text_.size() - to);
}

}  // namespace shallop::docker
