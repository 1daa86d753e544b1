// SPDX-License-Identifier: Apache-2.0
#include <shallop/api/trusted_proxies.h>

#include <shallop/base/fields.h>
#include <shallop/http/syntax.h>

#include <algorithm>

namespace shallop::api {
namespace {

/// Takes the last element off a list.
std::string_view take_last(std::string_view& list) {
    const auto comma = list.rfind(',');
    const auto last = http::trim(comma == list.npos ? list : list.substr(comma + 1));
    list = comma == list.npos ? std::string_view() : list.substr(0, comma);
    return last;
}

/// Of all fields of this name, one list.
std::string joined(const base::Fields& fields, std::string_view name) {
    std::string list;
    for (const auto& field : fields) {
        if (!base::same_name(field.name, name)) continue;
        if (!list.empty()) list += ", ";
        list += field.value;
    }
    return list;
}

/// IPv6 may stand in brackets.
std::string_view bare(std::string_view address) {
    const bool bracketed = address.starts_with('[') && address.ends_with(']');
    return bracketed ? address.substr(1, address.size() - 2) : address;
}

}  // namespace

base::Result<TrustedProxies> TrustedProxies::read(const std::vector<std::string>& entries) {
    TrustedProxies proxies;
    for (const auto& entry : entries) {
        const auto block = base::parse_address_block(entry);
        if (!block && entry != "unix") {
            return base::Error(base::Fault::invalid,
                               "'" + entry + "' is no address: give 10.0.0.5, 192.168.0.0/16, ::1 or unix");
        }
        if (block) proxies.blocks_.push_back(*block);
        proxies.unix_ = proxies.unix_ || !block;
    }
    return proxies;
}

bool TrustedProxies::trusts(std::string_view address) const {
    const auto read = base::parse_address(address);
    return read && std::any_of(blocks_.begin(), blocks_.end(), [&](const auto& block) { return block.has(*read); });
}

void TrustedProxies::see_through(http::Request& request) const {
    const bool trusted = request.remote_addr.empty() ? unix_ : trusts(request.remote_addr);
    if (!trusted) return;
    const auto schemes = joined(request.fields, "X-Forwarded-Proto");
    std::string_view said = schemes;
    const auto scheme = take_last(said);
    if (base::same_name(scheme, "https")) request.tls = true;
    if (base::same_name(scheme, "http")) request.tls = false;

    const auto chain = joined(request.fields, "X-Forwarded-For");
    std::string_view rest = chain, before = chain, client;
    while (client.empty() || trusts(client)) {
        const auto next = bare(take_last(before));
        if (!base::parse_address(next)) break;
        client = next;
        rest = before;
    }
    if (client.empty()) return;
    request.remote_addr = client;
    request.remote_port = 0;
    std::erase_if(request.fields, [](const auto& field) { return base::same_name(field.name, "X-Forwarded-For"); });
    rest = http::trim(rest);
    if (!rest.empty()) request.fields.push_back({"X-Forwarded-For", std::string(rest)});
}

}  // namespace shallop::api
