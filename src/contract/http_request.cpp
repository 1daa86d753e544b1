// SPDX-License-Identifier: Apache-2.0
#include "contract/http_request.h"

#include "contract/field_rules.h"

#include <shallop/base/result.h>
#include <shallop/http/syntax.h>

#include <sys/random.h>

#include <algorithm>
#include <charconv>
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

class Writer {
public:
    Writer(std::string& out, const Event& event) : out_(out), event_(event) { out_.clear(); }

    void request_line() {
        out_.append(event_.method).append(" ");
        if (!event_.by_name) {
            out_.append(event_.target);
        } else {
            out_.append(event_.path_info.empty() ? std::string_view("/") : std::string_view(event_.path_info));
            if (!event_.query.empty()) out_.append("?").append(event_.query);
        }
        out_.append(" HTTP/1.1\r\n");
    }

    /// Passes on what is the event's, and remembers what is joined with ours.
    void fields() {
        for (const auto& given : event_.fields) {
            if (same_name(given.name, "connection")) named_ = connection_options(event_.fields);
        }
        for (const auto& given : event_.fields) {
            if (given.name.empty()) continue;
            switch (fate_of(given.name)) {
                case Fate::pass:
                    if (named_.empty() || !contains_name(named_, given.name)) field(given.name, given.value);
                    break;
                case Fate::host:
                    has_host_ = true;
                    field("Host", given.value);
                    break;
                case Fate::te:
                    wants_trailers_ = wants_trailers_ || http::list_has(given.value, "trailers");
                    break;
                case Fate::upgrade:
                    upgrade_.push_back(given.value);
                    break;
                case Fate::forwarded_for:
                    join(forwarded_for_, given.value);
                    break;
                case Fate::forwarded:
                    join(forwarded_, given.value);
                    break;
                case Fate::traceparent:
                    ++traceparents_;
                    traceparent_ = given.value;
                    break;
                case Fate::tracestate:
                    tracestate_.push_back(given.value);
                    break;
                case Fate::drop:
                    break;
            }
        }
        if (!has_host_) field("Host", event_.server_name.empty() ? "localhost" : event_.server_name);
    }

    void forwarded() {
        const auto* host = base::find_field(event_.fields, "host");
        if (!event_.remote_addr.empty()) {
            out_.append("X-Forwarded-For: ").append(forwarded_for_);
            if (!forwarded_for_.empty()) out_.append(", ");
            out_.append(event_.remote_addr).append("\r\n");
        }
        field("X-Forwarded-Proto", event_.scheme);
        if (host != nullptr) field("X-Forwarded-Host", *host);
        if (event_.by_name && !event_.script_name.empty()) field("X-Forwarded-Prefix", event_.script_name);
        out_.append("Forwarded: ").append(forwarded_);
        if (!forwarded_.empty()) out_.append(", ");
        append_forwarded_for();
        if (host != nullptr && host->find_first_of("\"\\") == host->npos)
            out_.append(";host=\"").append(*host).append("\"");
        out_.append(";proto=").append(event_.scheme).append("\r\n");
    }

    void trace(TraceIds& traces) {
        const bool valid = traceparents_ == 1 && is_traceparent(traceparent_);
        out_.append("traceparent: ");
        if (valid) {
            out_.append(traceparent_);
        } else {
            traces.append(out_);
        }
        out_.append("\r\n");
        if (!valid) return;  // without its parent a state means nothing
        for (const auto state : tracestate_) field("tracestate", state);
    }

    void ours() {
        if (!event_.id.empty()) field("X-Shallop-Invocation-Id", event_.id);
    }

    void framing(bool upgrade) {
        if (upgrade) {
            out_.append("Connection: upgrade").append(wants_trailers_ ? ", TE\r\n" : "\r\n");
            for (const auto protocol : upgrade_) field("Upgrade", protocol);
        } else if (wants_trailers_) {
            out_.append("Connection: TE\r\n");
        }
        if (wants_trailers_) out_.append("TE: trailers\r\n");
        if (event_.chunked) {
            out_.append("Transfer-Encoding: chunked\r\n");
        } else if (event_.content_length) {
            char digits[20];
            const auto* end = std::to_chars(digits, digits + sizeof digits, *event_.content_length).ptr;
            field("Content-Length", std::string_view(digits, static_cast<std::size_t>(end - digits)));
        }
        out_.append("\r\n");
    }

private:
    void field(std::string_view name, std::string_view value) {
        out_.append(name).append(": ").append(value).append("\r\n");
    }

    static void join(std::string& list, std::string_view value) {
        if (value.empty()) return;
        if (!list.empty()) list.append(", ");
        list.append(value);
    }

    /// RFC 7239 6: an IPv6 address stands in brackets and quotes.
    void append_forwarded_for() {
        const auto& address = event_.remote_addr;
        if (address.empty()) {
            out_.append("for=unknown");
        } else if (address.find(':') == address.npos) {
            out_.append("for=").append(address);
        } else {
            out_.append("for=\"[").append(address).append("]\"");
        }
    }

    std::string& out_;
    const Event& event_;
    std::vector<std::string_view> named_;  ///< by Connection
    std::vector<std::string_view> upgrade_;
    std::vector<std::string_view> tracestate_;
    std::string forwarded_for_;
    std::string forwarded_;
    std::string_view traceparent_;
    int traceparents_ = 0;
    bool has_host_ = false;
    bool wants_trailers_ = false;
};

char* write_hex(char* into, std::uint64_t number) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (int shift = 60; shift >= 0; shift -= 4) *into++ = digits[number >> shift & 15];
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

void TraceIds::append(std::string& out) {
    char text[] = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
    char* at = write_hex(text + 3, next() | 1);  // no id is all zeros
    at = write_hex(at, next());
    write_hex(at + 1, next() | 1);
    out.append(text, sizeof text - 1);
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
        if (same_name(field.name, "connection")) wanted = wanted || http::list_has(field.value, "upgrade");
        if (!same_name(field.name, "upgrade")) continue;
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
