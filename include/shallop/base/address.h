// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace shallop::base {

/// An IP address as IPv6 writes it; IPv4 is mapped (RFC 4291 2.5.5.2).
using Address = std::array<unsigned char, 16>;

/// As inet_pton(3) reads it, without a port or brackets.
std::optional<Address> parse_address(std::string_view text);

/// Addresses that begin with the same bits.
struct AddressBlock {
    Address first{};
    int bits = 128;  ///< of IPv6's form

    bool has(const Address& address) const;
};

/// "10.0.0.0/8", "fd00::/8", or an address, which is a block of one.
std::optional<AddressBlock> parse_address_block(std::string_view text);

}  // namespace shallop::base
