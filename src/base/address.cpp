// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/address.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>
#include <string>

namespace shallop::base {

std::optional<Address> parse_address(std::string_view text) {
    const std::string address(text);
    Address bytes{};
    in_addr v4{};
    if (inet_pton(AF_INET, address.c_str(), &v4) == 1) {
        bytes[10] = bytes[11] = 0xff;
        std::memcpy(&bytes[12], &v4, 4);
        return bytes;
    }
    if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return bytes;
    return std::nullopt;
}

bool AddressBlock::has(const Address& address) const {
    for (int bit = 0; bit < bits; ++bit) {
        const auto at = static_cast<std::size_t>(bit / 8);
        const int mask = 0x80 >> (bit % 8);
        if ((address.at(at) & mask) != (first.at(at) & mask)) return false;
    }
    return true;
}

std::optional<AddressBlock> parse_address_block(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = text.substr(0, slash);
    const auto first = parse_address(address);
    if (!first) return std::nullopt;
    const bool v4 = address.find(':') == address.npos;
    const int most = v4 ? 32 : 128;
    int bits = most;
    if (slash != text.npos) {
        const auto word = text.substr(slash + 1);
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), bits);
        if (error != std::errc{} || end != word.data() + word.size() || bits < 0 || bits > most) return std::nullopt;
    }
    return AddressBlock{*first, v4 ? bits + 96 : bits};
}

}  // namespace shallop::base
