// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace shallop::base {

/// SHA-256 (FIPS 180-4) of what is added, piece by piece. Used by one thread at a time.
class Digest {
public:
    Digest();
    Digest(Digest&&) noexcept;
    Digest& operator=(Digest&&) noexcept;
    ~Digest();

    void add(std::string_view bytes);
    /// Its length goes first, so that two texts are never taken for two others.
    void add_text(std::string_view text);

    /// The 32 bytes of it; begins anew.
    std::string take();
    /// The same in lower-case hexadecimal.
    std::string take_hex();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// The 32 bytes of the SHA-256 of `bytes`.
std::string sha256(std::string_view bytes);

}  // namespace shallop::base
