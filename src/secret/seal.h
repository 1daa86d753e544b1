// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/secret_bytes.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// One value, sealed: XChaCha20-Poly1305 with a nonce of its own, bound to its name and version, so that none can be put in the place of another.
namespace shallop::secret {

inline constexpr std::size_t key_bytes = 32;

/// What a sealed value has more than the value: the nonce before it, and the tag behind it.
inline constexpr std::size_t seal_bytes = 24 + 16;

/// `key` has key_bytes.
std::string seal(const base::SecretBytes& key, std::string_view name, std::int64_t version,
                 const base::SecretBytes& value);

/// Nothing where it was not sealed with this key, for this name and version, or is not as it was.
std::optional<base::SecretBytes> unseal(const base::SecretBytes& key, std::string_view name, std::int64_t version,
                                        std::string_view sealed);

}  // namespace shallop::secret
