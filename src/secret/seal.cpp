// SPDX-License-Identifier: Apache-2.0
#include "secret/seal.h"

#include <shallop/base/result.h>

#include <sodium.h>

namespace shallop::secret {
namespace {

constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(nonce_bytes + tag_bytes == seal_bytes);
static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == key_bytes);

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

/// A name has no line's end in it.
std::string bound_to(std::string_view name, std::int64_t version) {
    return "shallop secret\n" + std::string(name) + "\n" + std::to_string(version);
}

}  // namespace

std::string seal(const base::SecretBytes& key, std::string_view name, std::int64_t version,
                 const base::SecretBytes& value) {
    base::ensure(key.size() == key_bytes, "a key has 32 bytes");
    const auto bound = bound_to(name, version);
    std::string sealed(nonce_bytes + value.size() + tag_bytes, '\0');
    auto* const nonce = bytes_of(sealed);
    randombytes_buf(nonce, nonce_bytes);
    const int failed = crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + nonce_bytes, nullptr, value.bytes().data(),
                                                                  value.size(), bytes_of(std::string_view(bound)),
                                                                  bound.size(), nullptr, nonce, key.bytes().data());
    base::ensure(failed == 0, "what is small can be sealed");
    return sealed;
}

std::optional<base::SecretBytes> unseal(const base::SecretBytes& key, std::string_view name, std::int64_t version,
                                        std::string_view sealed) {
    base::ensure(key.size() == key_bytes, "a key has 32 bytes");
    if (sealed.size() < seal_bytes) return std::nullopt;
    const auto bound = bound_to(name, version);
    const auto* const nonce = bytes_of(sealed);
    base::SecretBytes value(sealed.size() - seal_bytes);
    const int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(
        value.bytes().data(), nullptr, nullptr, nonce + nonce_bytes, sealed.size() - nonce_bytes,
        bytes_of(std::string_view(bound)), bound.size(), nonce, key.bytes().data());
    if (failed != 0) return std::nullopt;
    return value;
}

}  // namespace shallop::secret
