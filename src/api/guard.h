// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/http/message.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/problem.h"

/// What stands between the network and the admin API (reliability.md T4, T5): pure checks of a request's head.
namespace shallop::api {

/// Whether two secrets are the same, in a time that tells nothing of where they differ.
bool same_secret(std::string_view given, std::string_view expected);

/// 401 unless the request carries the token; an empty token lets everyone in.
std::optional<Problem> check_token(const http::Request& request, const std::string& token);

/// 403 where the request may come from a web page: a Host that is neither an address, nor a name without a dot, nor allowed
/// (rebinding), a cross-site Sec-Fetch-Site, a foreign Origin.
std::optional<Problem> check_origin(const http::Request& request, const std::vector<std::string>& hosts);

/// 415 unless the body is said to be of one of these types (blank-separated); a request without a body passes where `needed` is false.
std::optional<Problem> check_content_type(const http::Request& request, std::string_view types, bool needed);

/// RFC 9110 13.1.2: whether an If-None-Match value names this entity tag (given without quotes).
bool names_tag(std::string_view field, std::string_view tag);

}  // namespace shallop::api
