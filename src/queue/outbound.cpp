// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/address.h>
#include <shallop/queue/outbound.h>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

namespace shallop::queue {
namespace {

using base::Address;
using base::AddressBlock;
using base::Error;
using base::Fault;
using base::parse_address;
using base::parse_address_block;

/// Special-purpose addresses (IANA's registries, RFC 6890 and after) that are not reachable from everywhere, or are somebody's insides.
constexpr std::array<std::string_view, 27> special{
    "0.0.0.0/8",      "10.0.0.0/8",   "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24",   "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",  "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4",  "240.0.0.0/4",    "::/128",         "::1/128",        "100::/64",
    "2001:db8::/32",  "2001::/23",    "3fff::/20",      "5f00::/16",      "fc00::/7",       "fe80::/10",
    "fec0::/10",      "ff00::/8",     "64:ff9b:1::/48",
};

/// The IPv4 address that a translating IPv6 prefix leads to.
std::optional<Address> embedded(const Address& address) {
    const auto take = [&](std::size_t from) {
        Address inner{};
        inner[10] = inner[11] = 0xff;
        std::copy_n(address.begin() + static_cast<std::ptrdiff_t>(from), 4, inner.begin() + 12);
        return inner;
    };
    if (parse_address_block("64:ff9b::/96")->has(address)) return take(12);  // RFC 6052
    if (parse_address_block("2002::/16")->has(address)) return take(2);      // RFC 3056
    if (parse_address_block("::/96")->has(address)) return take(12);         // the old "compatible" form
    return std::nullopt;
}

bool is_special(const Address& address) {
    for (const auto text : special) {
        if (parse_address_block(text)->has(address)) return true;
    }
    return false;
}

/// An entry of `allowed` and the port it names, 0 = any.
std::optional<AddressBlock> read_entry(std::string_view entry, int& port) {
    port = 0;
    auto address = entry;
    if (entry.starts_with('[')) {
        const auto end = entry.find(']');
        if (end == entry.npos) return std::nullopt;
        address = entry.substr(1, end - 1);
        entry.remove_prefix(end + 1);
    } else if (std::count(entry.begin(), entry.end(), ':') == 1) {
        address = entry.substr(0, entry.find(':'));
        entry.remove_prefix(address.size());
    } else {
        return parse_address_block(address);
    }
    if (entry.empty()) return parse_address_block(address);
    const auto word = entry.substr(1);
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), port);
    if (!entry.starts_with(':') || error != std::errc{} || end != word.data() + word.size() || port < 1 || port > 65535)
        return std::nullopt;
    return parse_address_block(address);
}

/// What the callbacks of one call know, and tell.
struct Call {
    const OutboundSettings& settings;
    base::Bytes left;
    std::string refused;  ///< the address that may not be called
};

curl_socket_t open_socket(void* given, curlsocktype, curl_sockaddr* to) {
    auto& call = *static_cast<Call*>(given);
    std::array<char, INET6_ADDRSTRLEN> text{};
    std::uint16_t port = 0;
    if (to->family == AF_INET) {
        const auto* const v4 = reinterpret_cast<const sockaddr_in*>(&to->addr);
        inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
        port = ntohs(v4->sin_port);
    } else if (to->family == AF_INET6) {
        const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(&to->addr);
        inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
        port = ntohs(v6->sin6_port);
    } else {
        return CURL_SOCKET_BAD;
    }
    const auto allowed = is_allowed(call.settings.allowed, text.data(), port);
    if (is_private(text.data()) && !(allowed && *allowed)) {
        call.refused = text.data();
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

std::size_t drop(char*, std::size_t, std::size_t size, void* given) {
    auto& call = *static_cast<Call*>(given);
    if (size > call.left) return 0;
    call.left -= size;
    return size;
}

int stop_when_told(void* given, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<const std::atomic<bool>*>(given)->load() ? 1 : 0;
}

long ms(base::Duration duration) {
    return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

struct CloseEasy {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct CloseList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

}  // namespace

bool is_private(std::string_view address) {
    const auto bytes = parse_address(address);
    if (!bytes || is_special(*bytes)) return true;
    const auto inner = embedded(*bytes);
    return inner && is_special(*inner);
}

base::Result<bool> is_allowed(const std::vector<std::string>& allowed, std::string_view address, std::uint16_t port) {
    const auto bytes = parse_address(address);
    bool found = false;
    for (const auto& entry : allowed) {
        int at = 0;
        const auto block = read_entry(entry, at);
        if (!block) {
            return Error(Fault::invalid,
                         "'" + entry + "' is no address: give 10.0.0.5, 192.168.0.0/16, 127.0.0.1:9000 or [::1]:9000");
        }
        if (bytes && block->has(*bytes) && (at == 0 || at == port)) found = true;
    }
    return found;
}

Outbound::Outbound(OutboundSettings settings) : settings_(std::move(settings)), pool_(settings_.threads) {}

async::Task<base::Result<int>> Outbound::post(std::string url, base::Fields fields, std::string body) {
    auto work = [this, &url, &fields, &body] { return send(url, fields, body); };
    co_return co_await pool_.run(work);
}

base::Result<int> Outbound::send(const std::string& url, const base::Fields& fields, const std::string& body) const {
    const std::unique_ptr<CURL, CloseEasy> easy(curl_easy_init());
    if (!easy) return Error(Fault::internal, "no memory for a call");
    Call call{settings_, settings_.answer, {}};
    curl_slist* list = nullptr;
    for (const auto& field : fields) list = curl_slist_append(list, (field.name + ": " + field.value).c_str());
    for (const auto* const without : {"Expect:", "Accept: */*"}) list = curl_slist_append(list, without);
    const std::unique_ptr<curl_slist, CloseList> headers(list);
    CURL* const c = easy.get();
    curl_easy_setopt(c, CURLOPT_URL, url.c_str());
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "shallop/" SHALLOP_VERSION);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, ms(settings_.connect));
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, ms(settings_.whole));
    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, &call);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &call);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, stop_when_told);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, &stopping_);
    curl_easy_setopt(c, CURLOPT_POST, 1L);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    const auto done = curl_easy_perform(c);
    long status = 0;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    // An answer longer than we read is an answer.
    if (done == CURLE_OK || (done == CURLE_WRITE_ERROR && status != 0)) return static_cast<int>(status);
    if (!call.refused.empty()) {
        return Error(Fault::invalid, call.refused +
                                         " is an address that is not to be called from outside; --callback-allow "
                                         "permits those that may");
    }
    if (stopping_) return Error(Fault::shutting_down, "the server is stopping");
    if (done == CURLE_OPERATION_TIMEDOUT) return Error(Fault::timed_out, "no answer in time");
    if (done == CURLE_URL_MALFORMAT || done == CURLE_UNSUPPORTED_PROTOCOL)
        return Error(Fault::invalid, "this is no URL to send to");
    return Error(Fault::function_failed, curl_easy_strerror(done));
}

}  // namespace shallop::queue
