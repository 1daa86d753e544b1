// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace shallop::queue {

/// SHA-256 of what is added, piece by piece.
class Digest {
public:
    Digest();
    Digest(Digest&&) noexcept;
    ~Digest();

    void add(std::string_view bytes);
    /// In lower-case hexadecimal; ends it.
    std::string hex();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Of several texts, none of which can pass for a part of another.
std::string digest_of(std::initializer_list<std::string_view> texts);

}  // namespace shallop::queue
