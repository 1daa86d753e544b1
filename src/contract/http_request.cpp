// SPDX-License-Identifier: Apache-2.0
#include "contract/http_request.h"

#include "contract/field_rules.h"

#include <shallop/base/result.h>
#include <shallop/http/syntax.h>

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <vector>

namespace shallop::contract {
namespace {

using base::same_name;
using function::Event;

/// What happens to a field of the client's.
enum class Fate { pass, drop, host, te, upgrade, forwarded_for, forwarded, traceparent, tracestate };

struct Known {
    std::string_view name;
    Fate fate;
};

constexpr Known known_fields[] = {
    {"host", Fate::host},
    {"te", Fate::te},
    {"upgrade", Fate::upgrade},
    {"x-forwarded-for", Fate::forwarded_for},
    {"forwarded", Fate::forwarded},
    {"traceparent", Fate::traceparent},
    {"tracestate", Fate::tracestate},
    {"connection", Fate::drop},
    {"content-length", Fate::drop},
    {"expect", Fate::drop},
    {"http2-settings", Fate::drop},
    {"keep-alive", Fate::drop},
    {"proxy", Fate::drop},
    {"trailer", Fate::drop},
    {"transfer-encoding", Fate::drop},
    {"x-forwarded-host", Fate::drop},
    {"x-forwarded-prefix", Fate::drop},
    {"x-forwarded-proto", Fate::drop},
};

/// Programs that make CGI-like variables of fields take "_" for "-": such a twin of a known name is never passed.
constexpr char folded(char c) {
    if (c == '_') return '-';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool same_folded(std::string_view name, std::string_view known) {
    return std::equal(name.begin(), name.end(), known.begin(), known.end(),
                      [](char a, char b) { return folded(a) == b; });
}

/// The first letters of all known names, as a set of bits.
constexpr std::uint32_t first_letters() {
    std::uint32_t letters = 0;
    for (const auto& known : known_fields) letters |= 1U << (known.name[0] - 'a');
    return letters;
}

constexpr std::uint32_t known_letters = first_letters();

Fate fate_of(std::string_view name) {
    const auto letter = static_cast<unsigned>(folded(name.front()) - 'a');
    if (letter >= 26 || (known_letters >> letter & 1) == 0) return Fate::pass;
    for (const auto& known : known_fields) {
        if (known.name.size() != name.size() || !same_folded(name, known.name)) continue;
        return name.find('_') == name.npos ? known.fate : Fate::drop;
    }
    return name.size() > 6 && same_folded(name.substr(0, 6), "proxy-") ? Fate::drop : Fate::pass;
}

constexpr std::size_t own_text = 512;  // of everything a Writer adds that is not from the event

/// Writes into memory whose size was settled before: appending to a string costs more than the bytes do.
class Writer {
public:
    Writer(std::string& out, const Event& event) : out_(out), event_(event) {
        out_.resize(bound());
        at_ = out_.data();
    }

    void request_line() {
        put(event_.method);
        if (!event_.by_name) {
            put(" ", event_.target);
        } else {
            put(" ", event_.path_info.empty() ? std::string_view("/") : std::string_view(event_.path_info));
            if (!event_.query.empty()) put("?", event_.query);
        }
        put(" HTTP/1.1\r\n");
    }

    /// Passes on what is the event's, and remembers what is joined with ours.
    void fields() {
        for (const auto& given : event_.fields) {
            if (given.name.size() == 10 && same_name(given.name, "connection"))
                named_ = connection_options(event_.fields);
        }
        for (const auto& given : event_.fields) {
            if (given.name.empty()) continue;
            const auto fate = fate_of(given.name);
            if (fate != Fate::pass) {
                remember(fate, given.value);
            } else if (named_.empty() || !contains_name(named_, given.name)) {
                field(given.name, given.value);
            }
        }
        if (host_.data() == nullptr) field("Host", event_.server_name.empty() ? "localhost" : event_.server_name);
    }

    void forwarded() {
        const bool has_host = host_.data() != nullptr;
        // Who comes over a unix socket has no address: what it says of those before it stays as it is.
        if (!forwarded_for_.empty() || !event_.remote_addr.empty()) {
            const bool both = !forwarded_for_.empty() && !event_.remote_addr.empty();
            put("X-Forwarded-For: ", forwarded_for_, both ? ", " : "", event_.remote_addr, "\r\n");
        }
        put("X-Forwarded-Proto: ", event_.scheme, "\r\n");
        if (has_host) put("X-Forwarded-Host: ", host_, "\r\n");
        if (event_.by_name && !event_.script_name.empty()) field("X-Forwarded-Prefix", event_.script_name);
        put("Forwarded: ");
        if (!forwarded_.empty()) put(forwarded_, ", ");
        put_forwarded_for();
        if (has_host && host_.find_first_of("\"\\") == host_.npos) put(";host=\"", host_, "\"");
        put(";proto=", event_.scheme, "\r\n");
    }

    void trace(TraceIds& traces) {
        const bool valid = traceparents_ == 1 && is_traceparent(traceparent_);
        put("traceparent: ");
        if (valid) {
            put(traceparent_);
        } else {
            at_ = traces.write(at_);
        }
        put("\r\n");
        if (!valid) return;  // without its parent a state means nothing
        for (const auto state : tracestate_) field("tracestate", state);
    }

    void ours() {
        if (!event_.id.empty()) put("X-Shallop-Invocation-Id: ", event_.id, "\r\n");
        if (event_.attempt > 0) put("X-Shallop-Attempt: ", std::to_string(event_.attempt), "\r\n");
    }

    void framing(bool upgrade) {
        if (upgrade) {
            put("Connection: upgrade", wants_trailers_ ? ", TE\r\n" : "\r\n");
            for (const auto protocol : upgrade_) field("Upgrade", protocol);
        } else if (wants_trailers_) {
            put("Connection: TE\r\n");
        }
        if (wants_trailers_) put("TE: trailers\r\n");
        if (event_.chunked) {
            put("Transfer-Encoding: chunked\r\n");
        } else if (event_.content_length) {
            put("Content-Length: ");
            at_ = std::to_chars(at_, at_ + 20, *event_.content_length).ptr;
            put("\r\n");
        }
        put("\r\n");
        const auto size = static_cast<std::size_t>(at_ - out_.data());
        base::ensure(size <= out_.size(), "a request's head fits its bound");
        out_.resize(size);
    }

private:
    /// No head is longer: each of the event's texts counted as often as it can be written.
    std::size_t bound() const {
        const auto& e = event_;
        auto size = own_text + e.method.size() + e.target.size() + e.path_info.size() + e.query.size() +
                    e.script_name.size() + e.server_name.size() + 2 * (e.remote_addr.size() + e.scheme.size()) +
                    e.id.size();
        for (const auto& given : e.fields) size += given.name.size() + 3 * given.value.size() + 16;
        return size;
    }

    template <typename... Texts>
    void put(const Texts&... texts) {
        (put_one(texts), ...);
    }

    void put_one(std::string_view text) {
        std::memcpy(at_, text.data(), text.size());
        at_ += text.size();
    }

    void field(std::string_view name, std::string_view value) { put(name, ": ", value, "\r\n"); }

    void remember(Fate fate, std::string_view value) {
        switch (fate) {
            case Fate::host:
                if (host_.data() != nullptr) break;
                host_ = value;
                field("Host", value);
                break;
            case Fate::te:
                wants_trailers_ = wants_trailers_ || http::list_has(value, "trailers");
                break;
            case Fate::upgrade:
                upgrade_.push_back(value);
                break;
            case Fate::forwarded_for:
                join(forwarded_for_, value);
                break;
            case Fate::forwarded:
                join(forwarded_, value);
                break;
            case Fate::traceparent:
                ++traceparents_;
                traceparent_ = value;
                break;
            case Fate::tracestate:
                tracestate_.push_back(value);
                break;
            default:
                break;
        }
    }

    static void join(std::string& list, std::string_view value) {
        if (value.empty()) return;
        if (!list.empty()) list.append(", ");
        list.append(value);
    }

    /// RFC 7239 6: an IPv6 address stands in brackets and quotes.
    void put_forwarded_for() {
        const auto& address = event_.remote_addr;
        if (address.empty()) {
            put("for=unknown");
        } else if (address.find(':') == address.npos) {
            put("for=", address);
        } else {
            put("for=\"[", address, "]\"");
        }
    }

    std::string& out_;
    char* at_ = nullptr;
    const Event& event_;
    std::vector<std::string_view> named_;  ///< by Connection
    std::vector<std::string_view> upgrade_;
    std::vector<std::string_view> tracestate_;
    std::string forwarded_for_;
    std::string forwarded_;
    std::string_view host_;
    std::string_view traceparent_;
    int traceparents_ = 0;
    bool wants_trailers_ = false;
};

/// Each byte's two digits.
constexpr auto hex_pairs = [] {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<char, 512> pairs{};
    for (std::size_t byte = 0; byte < 256; ++byte) {
        pairs[2 * byte] = digits[byte >> 4];
        pairs[2 * byte + 1] = digits[byte & 15];
    }
    return pairs;
}();

char* write_hex(char* into, std::uint64_t number) {
    for (int shift = 56; shift >= 0; shift -= 8, into += 2)
        std::memcpy(into, hex_pairs.data() + 2 * (number >> shift & 0xff), 2);
    return into;
}

bool is_small_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) { return text.find_first_not_of('0') == text.npos; }

std::uint64_t kernel_seed() {
    std::uint64_t seed = 0;
    base::ensure(::getrandom(&seed, sizeof seed, 0) == static_cast<ssize_t>(sizeof seed),
                 "getrandom gives what was asked");
    return seed;
}

}  // namespace

TraceIds::TraceIds() : state_(kernel_seed()) {}

/// SplitMix64.
std::uint64_t TraceIds::next() {
    auto z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

char* TraceIds::write(char* into) {
    std::memcpy(into, "00-", 3);
    into = write_hex(into + 3, next() | 1);  // no id is all zeros
    into = write_hex(into, next());
    *into = '-';
    into = write_hex(into + 1, next() | 1);
    std::memcpy(into, "-01", 3);
    return into + 3;
}

bool is_traceparent(std::string_view value) {
    constexpr std::size_t size = 55;
    if (value.size() < size || value[2] != '-' || value[35] != '-' || value[52] != '-') return false;
    const auto version = value.substr(0, 2);
    const auto trace = value.substr(3, 32);
    const auto parent = value.substr(36, 16);
    if (!is_small_hex(version) || !is_small_hex(trace) || !is_small_hex(parent) || !is_small_hex(value.substr(53, 2)))
        return false;
    if (version == "ff" || is_zero(trace) || is_zero(parent)) return false;
    return value.size() == size || (version != "00" && value[size] == '-');
}

bool asks_upgrade(const Event& event) {
    if (event.protocol != "HTTP/1.1" || event.has_body()) return false;
    bool wanted = false;
    bool named = false;
    for (const auto& field : event.fields) {
        const auto size = field.name.size();
        if (size == 10 && same_name(field.name, "connection"))
            wanted = wanted || http::list_has(field.value, "upgrade");
        if (size != 7 || !same_name(field.name, "upgrade")) continue;
        // HTTP/2 in the clear would carry requests that nobody here looks at.
        if (field.value.empty() || http::lower(field.value).find("h2c") != std::string::npos) return false;
        named = true;
    }
    return wanted && named;
}

void write_request_head(std::string& out, const Event& event, bool upgrade, TraceIds& traces) {
    Writer writer(out, event);
    writer.request_line();
    writer.fields();
    writer.forwarded();
    writer.trace(traces);
    writer.ours();
    writer.framing(upgrade);
}

}  // namespace shallop::contract
