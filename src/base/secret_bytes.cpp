// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/result.h>
#include <shallop/base/secret_bytes.h>

#include <sodium.h>

#include <cstring>
#include <new>
#include <utility>

namespace shallop::base {
namespace {

/// Memory between pages that cannot be touched, locked as far as RLIMIT_MEMLOCK goes.
unsigned char* allocate(std::size_t size) {
    static const bool there = sodium_init() >= 0;
    ensure(there, "libsodium is there");
    auto* const bytes = static_cast<unsigned char*>(sodium_malloc(size));
    if (bytes == nullptr) throw std::bad_alloc();
    sodium_memzero(bytes, size);
    return bytes;
}

}  // namespace

void SecretBytes::Free::operator()(unsigned char* bytes) const { sodium_free(bytes); }

SecretBytes::SecretBytes(std::size_t size) : bytes_(size == 0 ? nullptr : allocate(size)), size_(size) {}

SecretBytes SecretBytes::copy_of(std::string_view bytes) {
    SecretBytes copy(bytes.size());
    if (!bytes.empty()) std::memcpy(copy.bytes_.get(), bytes.data(), bytes.size());
    return copy;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
    bytes_ = std::move(other.bytes_);
    size_ = std::exchange(other.size_, 0);
    return *this;
}

std::optional<SecretBytes> secret_from_base64(std::string_view text) {
    SecretBytes room(text.size() / 4 * 3 + 3);
    std::size_t size = 0;
    const int failed = sodium_base642bin(room.bytes().data(), room.size(), text.data(), text.size(), nullptr, &size,
                                         nullptr, sodium_base64_VARIANT_ORIGINAL);
    if (failed != 0) return std::nullopt;
    return SecretBytes::copy_of(room.view().substr(0, size));
}

std::optional<SecretBytes> secret_from_hex(std::string_view text) {
    SecretBytes bytes(text.size() / 2);
    if (bytes.size() == 0) return text.empty() ? std::optional(std::move(bytes)) : std::nullopt;
    std::size_t size = 0;
    const int failed =
        sodium_hex2bin(bytes.bytes().data(), bytes.size(), text.data(), text.size(), nullptr, &size, nullptr);
    if (failed != 0 || size * 2 != text.size()) return std::nullopt;
    return bytes;
}

void wipe(std::string& text) {
    sodium_memzero(text.data(), text.size());
    text.clear();
}

}  // namespace shallop::base
