// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace shallop::base {

/// Bytes that nobody else is to see: in memory of their own, which is kept out of swap where the system allows it and out of core dumps, and
/// overwritten when they end.
class SecretBytes {
public:
    SecretBytes() = default;
    /// Zeros. Throws std::bad_alloc.
    explicit SecretBytes(std::size_t size);
    static SecretBytes copy_of(std::string_view bytes);

    SecretBytes(SecretBytes&& other) noexcept;
    SecretBytes& operator=(SecretBytes&& other) noexcept;
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    ~SecretBytes() = default;

    std::size_t size() const { return size_; }
    std::string_view view() const { return {reinterpret_cast<const char*>(bytes_.get()), size_}; }
    std::span<unsigned char> bytes() { return {bytes_.get(), size_}; }
    std::span<const unsigned char> bytes() const { return {bytes_.get(), size_}; }

private:
    struct Free {
        void operator()(unsigned char* bytes) const;
    };
    std::unique_ptr<unsigned char[], Free> bytes_;
    std::size_t size_ = 0;
};

/// What `text` spells: base64 (RFC 4648 section 4, padded), or two hexadecimal digits a byte. Nothing where it is none.
std::optional<SecretBytes> secret_from_base64(std::string_view text);
std::optional<SecretBytes> secret_from_hex(std::string_view text);

/// Overwrites what an ordinary text has held, and empties it.
void wipe(std::string& text);

}  // namespace shallop::base
