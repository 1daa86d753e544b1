// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/fields.h>

#include <http/head.h>

#include <algorithm>

/// The request target (RFC 9112 3.2): a part of HeadParser.
namespace shallop::http {

bool HeadParser::target(std::string_view text) {
    if (text.empty()) return refuse(400, "The request line has no target.");
    if (text.size() > limits_->target) {
        return refuse(414, "The request target is longer than " + std::to_string(limits_->target) + " bytes.");
    }
    bool clean = true;  // without a branch in the loop: this is read for each request
    for (const char c : text) clean &= c > 0x20 && c < 0x7F && c != '#';
    if (!clean) return refuse(400, "The request target has a byte that must be percent-encoded.");

    auto& request = head_.request;
    if (text == "*") {
        if (request.method != "OPTIONS") return refuse(400, "The target \"*\" is for OPTIONS only.");
        request.target = request.path = text;
        return true;
    }
    if (!text.starts_with('/')) return absolute_target(text);
    const auto mark = std::min(text.find('?'), text.size());
    request.target = text;
    request.path = text.substr(0, mark);
    request.query = text.substr(std::min(mark + 1, text.size()));
    return true;
}

/// "http://host/path" becomes "/path" and takes the place of the Host field, which must not disagree (finish()).
bool HeadParser::absolute_target(std::string_view text) {
    const auto separator = text.find("://");
    const auto scheme = text.substr(0, separator == text.npos ? 0 : separator);
    const bool plain = base::same_name(scheme, "http");
    if (!plain && !base::same_name(scheme, "https")) {
        return refuse(400, "The request target is neither a path nor an http or https address.");
    }
    const auto rest = text.substr(separator + 3);
    const auto end = std::min(rest.find_first_of("/?"), rest.size());
    target_authority_ = parse_authority(rest.substr(0, end));
    if (!target_authority_) return refuse(400, "The request target has no valid host.");
    default_port_ = plain ? 80 : 443;

    const auto path = rest.substr(end);
    if (path.empty() && head_.request.method == "OPTIONS") return target("*");
    return target(path.starts_with('/') ? std::string(path) : "/" + std::string(path));
}

}  // namespace shallop::http
