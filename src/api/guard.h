// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/access/failures.h>
#include <shallop/access/tokens.h>
#include <shallop/http/message.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/problem.h"

/// What stands between the network and the admin API (reliability.md T4, T5): pure checks of a request's head.
namespace shallop::api {

/// 401 unless the request carries a token that is known, 429 where its client has shown too many that are not, and 403 where the token's scope does not
/// cover `needed`. `caller` is whose token it is, also where that is not enough. Where nobody is asked for a token, everybody is "anyone".
std::optional<Problem> check_token(const http::Request& request, access::Scope needed, access::Tokens& tokens,
                                   access::Failures& failures, access::Caller& caller);

/// The names of a listener, as check_origin() compares them: "Shallop.Example.:8081" is "shallop.example". What is no name stands for nothing.
std::vector<std::string> host_names(const std::vector<std::string>& hosts);

/// 403 where the request may come from a web page: a cross-site Sec-Fetch-Site, an Origin that is not the Host asked, a Host that a page may have been
/// rebound from: one that is no address, no "localhost" and none of `hosts`; nor, where `neighbours` is true, a name without a dot, which nobody
/// on the Internet can have and which containers call each other by.
std::optional<Problem> check_origin(const http::Request& request, const std::vector<std::string>& hosts,
                                    bool neighbours);

/// 415 unless the body is said to be of one of these types (blank-separated); a request without a body passes where `needed` is false.
std::optional<Problem> check_content_type(const http::Request& request, std::string_view types, bool needed);

/// RFC 9110 13.1.2: whether an If-None-Match value names this entity tag (given without quotes).
bool names_tag(std::string_view field, std::string_view tag);

}  // namespace shallop::api
