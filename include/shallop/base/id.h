// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace shallop::base {

/// Gives out identifiers that never repeat. Injected, so that a test can make them predictable.
class IdSource {
public:
    virtual ~IdSource() = default;

    /// 26 lower-case characters of Crockford's base 32: 48 bits of milliseconds, 80 random bits (a ULID), so that
    /// identifiers sort by their time of making.
    virtual void write_next(std::string& into) = 0;
    std::string next() {
        std::string id;
        write_next(id);
        return id;
    }

    /// `bytes` random bytes from the kernel, in lower-case hexadecimal: for tokens.
    virtual std::string secret(int bytes) = 0;
};

/// The real one: the wall clock and getrandom(2).
class RandomIds final : public IdSource {
public:
    void write_next(std::string& into) override;
    std::string secret(int bytes) override;

private:
    std::array<unsigned char, 256> ahead_{};  ///< random bytes for next()
    std::size_t used_ = ahead_.size();
    std::array<char, 10> time_{};  ///< the first letters of an id made at last_ms_
    std::uint64_t last_ms_ = 0;
};

}  // namespace shallop::base
