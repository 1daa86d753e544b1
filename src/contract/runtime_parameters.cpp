// SPDX-License-Identifier: Apache-2.0
#include "contract/runtime_parameters.h"

#include "contract/field_rules.h"

#include <shallop/base/fields.h>

#include <algorithm>
#include <array>

namespace shallop::contract {
namespace {

/// Of the head's fields, those about its connection and its body.
constexpr std::array<std::string_view, 5> framing{"Connection", "TE", "Upgrade", "Transfer-Encoding", "Content-Length"};

/// "HTTP_ACCEPT_LANGUAGE="; "" for a name that would be another one's twin.
std::string variable(std::string_view name) {
    std::string made = "HTTP_";
    for (const char c : name) {
        if (!is_letter(c) && !is_digit(c) && c != '-') return "";
        made += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
    }
    return base::same_name(name, "Content-Type") ? "CONTENT_TYPE=" : made + "=";
}

/// What stands before the next `end` in `text`, which is taken from it.
std::string_view cut(std::string_view& text, std::string_view end) {
    const auto at = std::min(text.find(end), text.size());
    const auto part = text.substr(0, at);
    text.remove_prefix(std::min(text.size(), at + end.size()));
    return part;
}

class Parameters {
public:
    void set(std::string_view name, std::string_view value) {
        std::string one;
        one.reserve(name.size() + value.size());
        all_.push_back(std::move(one.append(name).append(value)));
    }

    /// Repeats are joined as RFC 9110 5.2 (and for Cookie RFC 6265 5.4) has it.
    void add_field(std::string_view name, std::string_view value) {
        const auto is = [&](std::string_view other) { return base::same_name(name, other); };
        if (std::any_of(framing.begin(), framing.end(), is)) return;
        const auto start = variable(name);
        if (start.empty()) return;
        const auto same =
            std::find_if(all_.begin(), all_.end(), [&](const auto& one) { return one.starts_with(start); });
        if (same == all_.end()) return set(start, value);
        same->append(is("Cookie") ? "; " : ", ").append(value);
    }

    std::vector<std::string> take() { return std::move(all_); }

private:
    std::vector<std::string> all_;
};

}  // namespace

std::vector<std::string> runtime_parameters(const function::Event& event, const std::string& script,
                                            std::optional<std::uint64_t> content_length, TraceIds& traces) {
    std::string head;
    write_request_head(head, event, false, traces);
    Parameters parameters;
    std::string_view rest = head;
    parameters.set("REQUEST_METHOD=", cut(rest, " "));
    parameters.set("REQUEST_URI=", cut(rest, " "));
    cut(rest, "\r\n");
    parameters.set("SCRIPT_FILENAME=", script);
    parameters.set("QUERY_STRING=", event.query);
    parameters.set("CONTENT_LENGTH=", content_length ? std::to_string(*content_length) : "");
    parameters.set("SERVER_PROTOCOL=", "HTTP/1.1");
    parameters.set("SERVER_NAME=", event.server_name.empty() ? "localhost" : event.server_name);
    parameters.set("GATEWAY_INTERFACE=", "CGI/1.1");
    parameters.set("SERVER_SOFTWARE=", "shallop");
    for (auto line = cut(rest, "\r\n"); !line.empty(); line = cut(rest, "\r\n")) {
        const auto name = cut(line, ": ");
        parameters.add_field(name, line);
    }
    return parameters.take();
}

}  // namespace shallop::contract
