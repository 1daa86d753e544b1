// SPDX-License-Identifier: Apache-2.0
#include "api/token_document.h"

#include <nlohmann/json.hpp>

#include "api/query.h"
#include "function/reader.h"

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;
using WallTime = std::chrono::system_clock::time_point;

constexpr function::JsonLimits bounds{4 * 1024, 2};

/// Nothing where it is neither a time nor a span of it.
std::optional<WallTime> end_of(const std::string& text, WallTime now) {
    if (const auto span = base::parse_duration(text))
        return now + std::chrono::duration_cast<WallTime::duration>(*span);
    const auto time = parse_time(text);
    return time ? std::optional(*time) : std::nullopt;
}

void read_end(function::Object& document, WallTime now, access::Wanted& wanted) {
    if (document.find_set("expires") == nullptr) return;
    std::string text;
    document.text("expires", text);
    const auto end = end_of(text, now);
    if (!end) return document.problem("expires", "say a time such as 2027-01-31T00:00:00Z, or how long, such as 90d");
    if (*end <= now) return document.problem("expires", "that has passed already");
    wanted.expires = std::chrono::ceil<std::chrono::seconds>(*end);
}

}  // namespace

base::Result<access::Wanted> parse_token(std::string_view json, WallTime now) {
    static const std::vector<std::string_view> scopes{"metrics", "invoke", "deploy", "admin"};
    const auto document = function::parse_strict(json, bounds);
    if (!document) return document.error();
    function::Problems problems;
    function::Object token(*document, "", problems);
    access::Wanted wanted;
    token.text("name", wanted.name);
    if (const auto legal = access::check_token_name(wanted.name); !legal) token.problem("name", legal.error().detail);
    if (token.find("scope") == nullptr) token.problem("scope", "say what it may do: metrics, invoke, deploy or admin");
    if (const auto word = token.word("scope", scopes)) wanted.scope = access::all_scopes.at(*word);
    read_end(token, now, wanted);
    token.finish();
    if (problems.first()) return *problems.first();
    return wanted;
}

}  // namespace shallop::api
