// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/fields.h>
#include <shallop/http/syntax.h>

#include <shallop/http/reply_parser.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace shallop::http {
namespace {

using base::same_name;

constexpr std::string_view protocol = "HTTP/1.";
constexpr const char* no_reply = "something that is no HTTP/1.1 reply";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool all_digits(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_digit); }

/// Calls `take` with each member of a comma-separated list.
template <typename Take>
void each_member(std::string_view list, Take take) {
    while (!list.empty()) {
        const auto comma = std::min(list.find(','), list.size());
        take(trim(list.substr(0, comma)));
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
}

}  // namespace

void ReplyParser::start(Asked asked) {
    asked_ = asked;
    head_ = Head();
    fields_.clear();
    refusal_.clear();
    seen_ = line_ = 0;
    interim_ = 0;
    done_ = false;
}

ReplyParser::Progress ReplyParser::parse(std::string_view bytes) {
    while (!done_ && seen_ < bytes.size()) {
        const void* found = std::memchr(bytes.data() + seen_, '\n', bytes.size() - seen_);
        if (found == nullptr) break;
        const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
        if (end >= limits_.head) return refuse("a head longer than " + std::to_string(limits_.head) + " bytes");
        if (end == line_ || bytes[end - 1] != '\r') return refuse("a line of a head that ends in LF without CR");
        const auto text = bytes.substr(line_, end - 1 - line_);
        const bool accepted = line(bytes, text);
        if (!accepted) return Progress::refused;
        seen_ = line_ = end + 1;
    }
    if (done_) return Progress::done;
    seen_ = bytes.size();
    if (seen_ > limits_.head) return refuse("a head longer than " + std::to_string(limits_.head) + " bytes");
    // What does not even begin as a reply has no line that is worth waiting for.
    const auto begin = bytes.substr(line_, protocol.size());
    if (head_.status == 0 && begin != protocol.substr(0, begin.size())) return refuse(no_reply);
    return Progress::more;
}

ReplyParser::Progress ReplyParser::refuse(std::string why) {
    refusal_ = std::move(why);
    return Progress::refused;
}

bool ReplyParser::refused(std::string why) {
    refusal_ = std::move(why);
    return false;
}

std::string_view ReplyParser::reason(std::string_view bytes) const {
    return bytes.substr(head_.reason.begin, head_.reason.size);
}

ReplyParser::Field ReplyParser::field(std::size_t index, std::string_view bytes) const {
    const auto& stored = fields_[index];
    return {bytes.substr(stored.name.begin, stored.name.size), bytes.substr(stored.value.begin, stored.value.size),
            stored.hop_by_hop};
}

bool ReplyParser::line(std::string_view bytes, std::string_view text) {
    if (head_.status == 0) return status_line(bytes, text);
    return text.empty() ? finish(bytes) : field_line(bytes, text);
}

/// "HTTP/1.1 200 OK"; the reason may be missing, with its space or without.
bool ReplyParser::status_line(std::string_view bytes, std::string_view text) {
    constexpr std::size_t code = 9;
    constexpr std::size_t reason = 13;
    const bool well_formed = text.size() >= code + 3 && text.starts_with(protocol) &&
                             (text[7] == '0' || text[7] == '1') && text[8] == ' ' && all_digits(text.substr(code, 3)) &&
                             (text.size() < reason || text[reason - 1] == ' ');
    if (!well_formed) return refused(no_reply);
    head_.version = text[7] == '0' ? 10 : 11;
    head_.status = (text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0');
    if (head_.status < 100 || head_.status > 599) {
        return refused("the status " + std::string(text.substr(code, 3)) + ", which is not from 100 to 599");
    }
    if (text.size() < reason) return true;
    if (!is_field_value(text.substr(reason))) return refused("a status line with a control byte");
    head_.reason = {static_cast<std::uint32_t>(text.data() + reason - bytes.data()),
                    static_cast<std::uint32_t>(text.size() - reason)};
    return true;
}

bool ReplyParser::field_line(std::string_view bytes, std::string_view text) {
    std::string why;
    const FieldLine field = parse_field_line(text, why);
    if (field.name.empty()) return refused("a head that is not one: " + why);
    if (!is_field_value(field.value)) return refused("a field with a control byte");
    if (fields_.size() >= limits_.fields)
        return refused("a head with more than " + std::to_string(limits_.fields) + " fields");
    bool hop_by_hop = false;
    if (!known_field(field.name, field.value, hop_by_hop)) return false;
    const auto span = [&](std::string_view part) {
        if (part.empty()) return Span();
        return Span{static_cast<std::uint32_t>(part.data() - bytes.data()), static_cast<std::uint32_t>(part.size())};
    };
    fields_.push_back({span(field.name), span(field.value), hop_by_hop});
    return true;
}

bool ReplyParser::known_field(std::string_view name, std::string_view value, bool& hop_by_hop) {
    hop_by_hop = true;
    switch (name.size()) {
        case 2:
            if (same_name(name, "te")) return true;
            break;
        case 7:
            if (same_name(name, "upgrade")) return head_.has_upgrade = true;
            if (same_name(name, "trailer")) return true;
            break;
        case 10:
            if (same_name(name, "connection")) return connection(value), true;
            if (same_name(name, "keep-alive")) return keep_alive(value), true;
            break;
        case 14:
            if (same_name(name, "content-length")) return content_length(value);
            if (same_name(name, "content_length")) return refused("a Content_Length field");
            if (same_name(name, "http2-settings")) return true;
            break;
        case 17:
            if (same_name(name, "transfer-encoding")) return transfer_encoding(value);
            if (same_name(name, "transfer_encoding")) return refused("a Transfer_Encoding field");
            break;
        default:
            break;
    }
    hop_by_hop = name.size() > 6 && same_name(name.substr(0, 6), "proxy-");
    return true;
}

bool ReplyParser::content_length(std::string_view value) {
    if (head_.content_length) return refused("more than one Content-Length field");
    if (!all_digits(value)) return refused("a Content-Length that is no number");
    if (value.size() > 1 && value.front() == '0') return refused("a Content-Length that begins with a zero");
    std::int64_t number = 0;  // whoever is told it next may have no larger type
    if (std::from_chars(value.data(), value.data() + value.size(), number).ec != std::errc()) {
        return refused("a Content-Length that is too large a number");
    }
    head_.content_length = static_cast<std::uint64_t>(number);
    return true;
}

bool ReplyParser::transfer_encoding(std::string_view value) {
    if (head_.chunked) return refused("more than one Transfer-Encoding field");
    if (!same_name(value, "chunked")) return refused("a Transfer-Encoding that is not \"chunked\"");
    return head_.chunked = true;
}

void ReplyParser::connection(std::string_view value) {
    each_member(value, [&](std::string_view member) {
        if (same_name(member, "close")) {
            head_.asks_close = true;
        } else if (same_name(member, "keep-alive")) {
            head_.asks_keep_alive = true;
        } else if (!member.empty() && !same_name(member, "upgrade")) {
            head_.names_fields = true;
        }
    });
}

void ReplyParser::keep_alive(std::string_view value) {
    constexpr std::string_view parameter = "timeout=";
    each_member(value, [&](std::string_view member) {
        if (!same_name(member.substr(0, parameter.size()), parameter)) return;
        const auto digits = member.substr(parameter.size());
        unsigned seconds = 0;
        const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
        if (read.ec == std::errc()) head_.idle_seconds = seconds;
    });
}

bool ReplyParser::finish(std::string_view bytes) {
    if (head_.chunked && head_.content_length) return refused("both Transfer-Encoding and Content-Length");
    if (head_.chunked && head_.version < 11) return refused("a Transfer-Encoding in HTTP/1.0");
    if (head_.names_fields) drop_named(bytes);
    if (head_.status == 101) return finish_switch();
    if (head_.status < 200) return finish_interim();
    const bool never = head_.status == 204 || head_.status == 304;
    if (asked_.head || never) {
        head_.framing = Framing::none;
    } else if (head_.chunked) {
        head_.framing = Framing::chunked;
    } else {
        head_.framing = head_.content_length ? Framing::length : Framing::until_close;
    }
    const bool lasts = !head_.asks_close && (head_.version > 10 || head_.asks_keep_alive);
    // RFC 9110 8.6: a 204 has no length; one that has may be followed by bytes that nobody expects.
    const bool doubtful = head_.status == 204 && (head_.chunked || head_.content_length.value_or(0) > 0);
    if (head_.status == 204) head_.content_length.reset();
    head_.keep_alive = lasts && !doubtful && head_.framing != Framing::until_close;
    return done_ = true;
}

bool ReplyParser::finish_interim() {
    if (head_.chunked || head_.content_length) return refused("an interim reply with a body");
    if (++interim_ > limits_.interim)
        return refused("more than " + std::to_string(limits_.interim) + " interim replies");
    head_ = Head();
    fields_.clear();
    return true;
}

bool ReplyParser::finish_switch() {
    if (!asked_.upgrade) return refused("101 Switching Protocols, which nobody had asked for");
    if (!head_.has_upgrade) return refused("101 Switching Protocols without an Upgrade field");
    if (head_.chunked || head_.content_length.value_or(0) > 0) return refused("101 Switching Protocols with a body");
    head_.content_length.reset();
    return done_ = true;
}

/// RFC 9110 7.6.1: what Connection lists belongs to the connection too.
void ReplyParser::drop_named(std::string_view bytes) {
    for (std::size_t at = 0; at < fields_.size(); ++at) {
        const auto list = field(at, bytes);
        if (!list.hop_by_hop || !same_name(list.name, "connection")) continue;
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            if (!fields_[i].hop_by_hop) fields_[i].hop_by_hop = list_has(list.value, field(i, bytes).name);
        }
    }
}

}  // namespace shallop::http
