// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/fields.h>
#include <shallop/http/syntax.h>

#include <http/reply_head.h>

#include <charconv>
#include <ctime>

namespace shallop::http {
namespace {

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
}

void append_status_line(std::string& out, const Response& reply) {
    out += "HTTP/1.1 ";
    char digits[12];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, reply.status).ptr);
    out += ' ';
    out += reply.reason.empty() || !is_field_value(reply.reason) ? reason_phrase(reply.status)
                                                                 : std::string_view(reply.reason);
    out += "\r\n";
}

}  // namespace

Asked::Asked(const Request& request) : head(request.method == "HEAD"), version(request.version) {}

Framing framing_of(const Response& reply, Asked asked) {
    if (reply.status == 101) return Framing::upgraded;
    if (asked.head || reply.status == 204 || reply.status == 304) return Framing::none;
    if (reply.content_length) return Framing::length;
    return asked.version >= 11 ? Framing::chunked : Framing::until_close;
}

void append_head(std::string& out, const Response& reply, Asked asked, Framing framing, bool keep_alive,
                 std::string_view date, base::Log& log) {
    out.reserve(512);
    append_status_line(out, reply);
    bool has_date = false;
    bool has_server = false;
    const bool upgraded = framing == Framing::upgraded;
    for (const auto& [name, value] : reply.fields) {
        if (!is_token(name) || !is_field_value(value)) {
            log.warn("reply field dropped: it could split the reply", {{"field", name}});
            continue;
        }
        if (is_hop_by_hop(name) && !(upgraded && base::same_name(name, "upgrade"))) continue;
        has_date = has_date || base::same_name(name, "date");
        has_server = has_server || base::same_name(name, "server");
        append_field(out, name, value);
    }
    out += reply.lines;
    if (!has_date) append_field(out, "Date", date);
    if (!has_server) append_field(out, "Server", "shallop");
    const bool told_length =
        framing == Framing::length || (asked.head && reply.status != 204 && reply.status != 304 && !upgraded);
    if (reply.content_length && told_length) {
        char digits[20];
        const auto* end = std::to_chars(digits, digits + sizeof digits, *reply.content_length).ptr;
        append_field(out, "Content-Length", std::string_view(digits, static_cast<std::size_t>(end - digits)));
    }
    if (framing == Framing::chunked) append_field(out, "Transfer-Encoding", "chunked");
    if (upgraded) {
        append_field(out, "Connection", "Upgrade");
    } else if (!keep_alive) {
        append_field(out, "Connection", "close");
    } else if (asked.version < 11) {
        append_field(out, "Connection", "keep-alive");
    }
    out += "\r\n";
}

std::string_view DateLine::at(std::chrono::system_clock::time_point now) {
    const auto second = std::chrono::system_clock::to_time_t(now);
    if (second == second_) return text_;
    std::tm parts{};
    gmtime_r(&second, &parts);
    char text[40];
    const auto size =
        std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);  // the C locale: IMF-fixdate
    text_.assign(text, size);
    second_ = second;
    return text_;
}

}  // namespace shallop::http
