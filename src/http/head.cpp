// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/fields.h>
#include <shallop/base/result.h>
#include <shallop/http/syntax.h>

#include <http/head.h>

#include <algorithm>
#include <charconv>

namespace shallop::http {
namespace {

constexpr std::size_t longest_method = 32;
constexpr std::size_t request_line_extra = longest_method + sizeof("  HTTP/1.1");

bool all_digits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

HeadParser::Progress HeadParser::parse(std::string_view bytes) {
    while (!done_) {
        seen_ += text_run(bytes.substr(seen_));
        if (seen_ == bytes.size()) break;
        const char byte = bytes[seen_];
        if (byte != '\r') {
            refuse(400, byte == '\n' ? "A line of the head ends in LF without CR." : "The head has a control byte.");
            return Progress::refused;
        }
        if (seen_ + 1 == bytes.size()) break;
        if (bytes[seen_ + 1] != '\n') {
            refuse(400, "The head has a CR without LF.");
            return Progress::refused;
        }
        const auto text = bytes.substr(line_, seen_ - line_);
        seen_ += 2;
        const bool accepted = line(text);
        line_ = seen_;
        if (!accepted) return Progress::refused;
    }
    return check_limits(bytes);
}

HeadParser::Progress HeadParser::check_limits(std::string_view bytes) {
    if (!has_request_line_ && seen_ - line_ > limits_->target + request_line_extra) {
        const auto begun = bytes.substr(line_, seen_ - line_);
        if (method_fits(begun.substr(0, begun.find(' ')))) {
            refuse(414, "The request target is longer than " + std::to_string(limits_->target) + " bytes.");
        }
        return Progress::refused;
    }
    if (seen_ - leading_ > limits_->head) {
        refuse(431, "The request's head is longer than " + std::to_string(limits_->head) + " bytes.");
        return Progress::refused;
    }
    return done_ ? Progress::done : Progress::more;
}

void Head::clear() {
    for (auto* text : {&request.method, &request.target, &request.path, &request.query, &request.host}) text->clear();
    request.version = 11;
    request.fields.clear();
    request.content_length.reset();
    request.chunked = false;
    request.keep_alive = true;
    expects_continue = false;
}

void HeadParser::start() {
    head_.clear();
    target_authority_.reset();
    host_.reset();
    default_port_ = 80;
    seen_ = line_ = leading_ = 0;
    has_request_line_ = done_ = unknown_coding_ = asks_close_ = asks_keep_alive_ = false;
}

bool HeadParser::refuse(int status, std::string detail) {
    refusal_ = {status, std::move(detail)};
    return false;
}

bool HeadParser::line(std::string_view text) {
    if (has_request_line_) return text.empty() ? finish() : field_line(text);
    if (!text.empty()) return request_line(text);
    if (leading_ > 0) return refuse(400, "There is more than one empty line before the request line.");
    leading_ = seen_;
    return true;
}

bool HeadParser::request_line(std::string_view text) {
    has_request_line_ = true;
    const auto first = text.find(' ');
    if (first == text.npos) return refuse(400, "The request line is not \"METHOD target HTTP/1.1\".");
    const auto second = text.find(' ', first + 1);
    if (second == text.npos) return refuse(400, "The request line has no HTTP version; HTTP/0.9 is not served.");
    return method(text.substr(0, first)) && version(text.substr(second + 1)) &&
           target(text.substr(first + 1, second - first - 1));
}

/// What is longer than a whole target may be is no method that somebody might have: then nothing in the line is known.
bool HeadParser::method_fits(std::string_view word) {
    if (word.size() <= limits_->target) return true;
    return refuse(
        400, "The request line begins with more than " + std::to_string(limits_->target) + " bytes without a space.");
}

bool HeadParser::method(std::string_view text) {
    if (!method_fits(text)) return false;
    if (!is_token(text)) return refuse(400, "The method is not a token.");
    if (text.size() > longest_method) return refuse(501, "No method has more than 32 characters.");
    if (text == "CONNECT") return refuse(501, "CONNECT is not supported: this server is no proxy.");
    if (text == "TRACE") return refuse(501, "TRACE is not supported: it shows credentials to scripts.");
    head_.request.method = text;
    return true;
}

bool HeadParser::version(std::string_view text) {
    const bool well_formed = text.size() == 8 && text.starts_with("HTTP/") && text[6] == '.' &&
                             all_digits(text.substr(5, 1)) && all_digits(text.substr(7, 1));
    if (!well_formed) return refuse(400, "The request line does not end in an HTTP version.");
    if (text[5] != '1') return refuse(505, "Only HTTP/1.0 and HTTP/1.1 are served.");
    head_.request.version = text[7] == '0' ? 10 : 11;
    return true;
}

bool HeadParser::field_line(std::string_view text) {
    std::string why;
    const FieldLine field = parse_field_line(text, why);
    if (field.name.empty()) return refuse(400, std::move(why));
    if (head_.request.fields.size() >= limits_->fields) {
        return refuse(431, "The request has more than " + std::to_string(limits_->fields) + " fields.");
    }
    if (!known_field(field.name, field.value)) return false;
    head_.request.fields.push_back({std::string(field.name), std::string(field.value)});
    return true;
}

bool HeadParser::known_field(std::string_view name, std::string_view value) {
    switch (name.size()) {
        case 4:
            return !base::same_name(name, "host") || host(value);
        case 6:
            return !base::same_name(name, "expect") || expect(value);
        case 10:
            if (base::same_name(name, "connection")) {
                asks_close_ = asks_close_ || list_has(value, "close");
                asks_keep_alive_ = asks_keep_alive_ || list_has(value, "keep-alive");
            }
            return true;
        case 14:
            return base::same_name(name, "content_length")
                       ? twin()
                       : !base::same_name(name, "content-length") || content_length(value);
        case 17:
            if (base::same_name(name, "transfer_encoding")) return twin();
            return !base::same_name(name, "transfer-encoding") || transfer_encoding(value);
        default:
            return true;
    }
}

/// Some programs read "_" as "-": what frames a message for one of them must not pass as an ordinary field here.
bool HeadParser::twin() { return refuse(400, "A field name is a framing field's name with \"_\" for \"-\"."); }

bool HeadParser::host(std::string_view value) {
    if (host_) return refuse(400, "There is more than one Host field.");
    if (!known_host_.empty() && value == known_host_) {
        host_ = known_authority_;
        return true;
    }
    host_ = parse_authority(value);
    if (host_) {
        known_host_ = value;
        known_authority_ = *host_;
    }
    return host_ ? true : refuse(400, "The Host field is not a host name or address with an optional port.");
}

bool HeadParser::content_length(std::string_view value) {
    auto& length = head_.request.content_length;
    if (length) return refuse(400, "There is more than one Content-Length field.");
    if (!all_digits(value)) return refuse(400, "The Content-Length is not a number of decimal digits.");
    if (value.size() > 1 && value.front() == '0') return refuse(400, "The Content-Length begins with a zero.");
    std::int64_t number = 0;  // whoever is told it next may have no larger type
    if (std::from_chars(value.data(), value.data() + value.size(), number).ec != std::errc()) {
        return refuse(400, "The Content-Length is too large a number.");
    }
    length = static_cast<std::uint64_t>(number);
    return true;
}

bool HeadParser::transfer_encoding(std::string_view value) {
    if (head_.request.chunked) return refuse(400, "There is more than one Transfer-Encoding field.");
    head_.request.chunked = true;
    if (base::same_name(value, "chunked")) return true;
    // A coding that someone else on the way may take for "chunked" is an attack; another one is only unknown to us.
    unknown_coding_ = is_token(value) && lower(value).find("chunked") == std::string::npos;
    return unknown_coding_ ? true : refuse(400, "The only Transfer-Encoding served is \"chunked\".");
}

bool HeadParser::expect(std::string_view value) {
    if (head_.request.version < 11) return true;  // RFC 9110 10.1.1: ignored
    if (!base::same_name(value, "100-continue")) return refuse(417, "The only expectation met is \"100-continue\".");
    head_.expects_continue = true;
    return true;
}

bool HeadParser::finish() {
    auto& request = head_.request;
    if (request.chunked && request.content_length) {
        return refuse(400, "A request has either Transfer-Encoding or Content-Length.");
    }
    if (request.chunked && request.version < 11) return refuse(400, "HTTP/1.0 has no Transfer-Encoding.");
    if (unknown_coding_) return refuse(501, "The only Transfer-Encoding served is \"chunked\".");
    if (!host_ && request.version >= 11) return refuse(400, "An HTTP/1.1 request needs a Host field.");
    const auto same_place = [&](const Authority& a, const Authority& b) {
        return a.host == b.host && a.port.value_or(default_port_) == b.port.value_or(default_port_);
    };
    if (target_authority_ && host_ && !same_place(*host_, *target_authority_)) {
        return refuse(400, "The Host field and the request target name different hosts.");
    }
    if (target_authority_) host_ = target_authority_;
    if (host_) request.host = std::move(host_->host);
    request.keep_alive = !asks_close_ && (request.version >= 11 || asks_keep_alive_);
    done_ = true;
    return true;
}

}  // namespace shallop::http
