// SPDX-License-Identifier: Apache-2.0
#include <shallop/access/failures.h>

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace shallop::access {

std::string client_of(std::string_view address) {
    constexpr std::size_t v4 = 4;
    constexpr std::size_t network = 8;
    const std::string text(address);
    std::array<char, sizeof(in6_addr)> bytes{};
    if (::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return {bytes.data(), v4};
    if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return "";
    in6_addr v6{};
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(v6.s6_addr));
    // The same client, whichever way the socket sees it.
    if (IN6_IS_ADDR_V4MAPPED(&v6)) return {bytes.data() + bytes.size() - v4, v4};
    return {bytes.data(), network};
}

async::Duration Failures::note(std::string_view address) {
    auto client = client_of(address);
    if (client.empty()) return {};
    const auto now = clock_.now();
    const auto found = settled_.find(client);
    const auto next = (found == settled_.end() ? now : std::max(found->second, now)) + limits_.each;
    const auto wait = next - now - limits_.each * limits_.at_once;
    if (wait > async::Duration::zero()) return wait;
    if (found == settled_.end()) make_room(now);
    settled_[std::move(client)] = next;
    return {};
}

void Failures::make_room(async::Instant now) {
    if (settled_.size() < limits_.clients) return;
    std::erase_if(settled_, [&](const auto& entry) { return entry.second <= now; });
    if (settled_.size() < limits_.clients) return;
    settled_.erase(std::min_element(settled_.begin(), settled_.end(),
                                    [](const auto& a, const auto& b) { return a.second < b.second; }));
}

}  // namespace shallop::access
