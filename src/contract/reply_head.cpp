// SPDX-License-Identifier: Apache-2.0
#include "contract/reply_head.h"

#include "contract/field_rules.h"

#include <algorithm>
#include <array>
#include <vector>

namespace shallop::contract {
namespace {

using base::Error;
using base::Fault;
using base::Fields;
using base::Result;
using base::same_name;

Error failed(std::string why) { return {Fault::function_failed, std::move(why)}; }

/// One number, in all fields of that name alike. Inner nullopt: they contradict each other, or are not numbers.
struct PromisedLength {
    bool promised = false;
    std::optional<std::uint64_t> length;
};

std::optional<std::uint64_t> read_length(std::string_view text) {
    constexpr std::size_t max_digits = 18;
    if (text.empty() || text.size() > max_digits || !std::all_of(text.begin(), text.end(), is_digit))
        return std::nullopt;
    std::uint64_t length = 0;
    for (const char c : text) length = length * 10 + static_cast<std::uint64_t>(c - '0');
    return length;
}

PromisedLength promised_length(const Fields& fields) {
    PromisedLength promise;
    for (const auto& field : fields) {
        if (!same_name(field.name, "Content-Length")) continue;
        const auto length = read_length(field.value);
        if (promise.promised && promise.length != length) return {true, std::nullopt};
        promise = {true, length};
        if (!length) return promise;
    }
    return promise;
}

/// Leaves the fields of the message: not the connection's, nor those that the server makes itself.
void keep_message_fields(Fields& fields, std::initializer_list<std::string_view> also_dropped) {
    // Copied, since the views would point into what is being moved about.
    const auto views = connection_options(fields);
    const std::vector<std::string> named(views.begin(), views.end());
    std::erase_if(fields, [&](const base::Field& field) {
        const auto is = [&](std::string_view name) { return same_name(name, field.name); };
        return is_hop_by_hop(field.name) || is_platform_field(field.name) || is("Content-Length") || is("Date") ||
               std::any_of(named.begin(), named.end(), is) || std::any_of(also_dropped.begin(), also_dropped.end(), is);
    });
}

base::Status read_status(std::string_view value, function::ReplyHead& head) {
    const bool digits = value.size() >= 3 && is_digit(value[0]) && is_digit(value[1]) && is_digit(value[2]);
    if (!digits || (value.size() > 3 && value[3] != ' ')) return failed("the status is not three digits and a reason");
    const int status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
    if (status < 200 || status > 599)
        return failed("the status " + std::to_string(status) + " is not between 200 and 599");
    head.status = status;
    head.reason = trim(value.substr(3));
    return {};
}

/// Path and query of a place of ours, rather than of a client's: RFC 3875 6.2.2.
Result<bool> is_local(std::string_view location) {
    if (!location.starts_with('/') || location.starts_with("//") || location.find('#') != std::string_view::npos)
        return false;
    const auto plain = [](char c) { return c > ' ' && c < 0x7f; };
    if (!std::all_of(location.begin(), location.end(), plain))
        return failed("the Location of a local redirect is not a URI");
    return true;
}

base::Status check_once(const Fields& fields) {
    for (const std::string_view name : {"Status", "Content-Type", "Location"}) {
        const auto count =
            std::count_if(fields.begin(), fields.end(), [&](const auto& f) { return same_name(f.name, name); });
        if (count > 1) return failed(std::string(name) + " is there more than once");
    }
    return {};
}

/// Length of the UTF-8 sequence that `lead` begins; 0 = none does.
std::size_t sequence_length(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return 2;
    if (lead >= 0xe0 && lead <= 0xef) return 3;
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/// Whether `next` may follow as second byte (RFC 3629 section 4: no overlong forms, surrogates, or beyond U+10FFFF).
bool second_fits(unsigned char lead, unsigned char next) {
    const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    return next >= low && next <= high;
}

/// Bytes that text does not have, though they are UTF-8: most controls, NUL first.
bool is_binary(unsigned char c) { return c < 0x07 || (c > 0x0d && c < 0x20 && c != 0x1b); }

}  // namespace

Result<CgiHead> read_cgi_head(Fields fields) {
    if (const auto once = check_once(fields); !once) return once.error();
    CgiHead result;
    const auto* status = base::find_field(fields, "Status");
    const bool has_status = status != nullptr;
    if (has_status) {
        if (const auto read = read_status(*status, result.head); !read) return read.error();
    }
    const bool has_type = base::find_field(fields, "Content-Type") != nullptr;
    if (const auto* location = base::find_field(fields, "Location")) {
        if (location->empty()) return failed("the Location is empty");
        result.target = *location;
        const auto local = is_local(*location);
        if (!local) return local.error();
        if (*local && fields.size() == 1) {
            result.kind = CgiHead::Kind::local_redirect;
            return result;
        }
        if (!has_status) result.head.status = 302;
        if (!has_status && !has_type) result.kind = CgiHead::Kind::client_redirect;
    }
    result.head.content_length = promised_length(fields).length;
    keep_message_fields(fields, {"Status"});
    result.head.fields = std::move(fields);
    return result;
}

Result<NphHead> read_nph_head(std::string_view status_line, Fields fields) {
    if (status_line.ends_with('\r')) status_line.remove_suffix(1);
    const auto with_end = std::string(status_line) + '\n';
    if (looks_like_status_line(with_end) != StatusLine::yes)
        return failed("the output does not begin with an HTTP/1 status line");
    if (std::any_of(status_line.begin(), status_line.end(), is_control))
        return failed("the status line has a control character");
    NphHead result;
    const auto rest = status_line.substr(std::string_view("HTTP/1.1 ").size());
    if (const auto read = read_status(rest, result.head); !read) return read.error();

    const auto promise = promised_length(fields);
    if (promise.promised && !promise.length) return failed("the Content-Length is not one number");
    for (const auto& field : fields) {
        if (!same_name(field.name, "Transfer-Encoding")) continue;
        if (result.chunked || !same_name(field.value, "chunked"))
            return failed("the Transfer-Encoding is not just chunked");
        result.chunked = true;
    }
    if (result.chunked && promise.promised) return failed("the reply has both Content-Length and Transfer-Encoding");
    result.head.content_length = promise.length;
    keep_message_fields(fields, {});
    result.head.fields = std::move(fields);
    return result;
}

StatusLine looks_like_status_line(std::string_view bytes) {
    constexpr std::string_view shape = "HTTP/1.d ddd_";
    for (std::size_t i = 0; i < std::min(bytes.size(), shape.size()); ++i) {
        const char c = bytes[i];
        const bool fits = shape[i] == 'd'   ? is_digit(c)
                          : shape[i] == '_' ? c == ' ' || c == '\r' || c == '\n'
                                            : c == shape[i];
        if (!fits) return StatusLine::no;
    }
    return bytes.size() < shape.size() ? StatusLine::open : StatusLine::yes;
}

bool may_have_body(int status) { return status >= 200 && status != 204 && status != 205 && status != 304; }

std::string_view guess_type(std::string_view beginning) {
    constexpr std::string_view bytes = "application/octet-stream", text = "text/plain; charset=utf-8";
    for (std::size_t i = 0; i < beginning.size();) {
        const auto lead = static_cast<unsigned char>(beginning[i]);
        const auto length = sequence_length(lead);
        if (length == 0 || is_binary(lead)) return bytes;
        for (std::size_t j = 1; j < length && i + j < beginning.size(); ++j) {
            const auto next = static_cast<unsigned char>(beginning[i + j]);
            if ((next & 0xc0) != 0x80 || (j == 1 && !second_fits(lead, next))) return bytes;
        }
        i += length;
    }
    return text;
}

std::string redirect_page(std::string_view target) {
    std::string escaped;
    for (const char c : target) {
        switch (c) {
            case '&':
                escaped += "&amp;";
                break;
            case '<':
                escaped += "&lt;";
                break;
            case '>':
                escaped += "&gt;";
                break;
            case '"':
                escaped += "&quot;";
                break;
            default:
                escaped += c;
        }
    }
    return "<!DOCTYPE html>\n<title>302 Found</title>\n<p>It is <a href=\"" + escaped + "\">here</a>.</p>\n";
}

}  // namespace shallop::contract
