// SPDX-License-Identifier: Apache-2.0
#include "cli/complaint.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "cli/print.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> advice{{
    {"unauthorized",
     "name the file with the token: --token-file FILE, or SHALLOP_TOKEN_FILE; the daemon keeps it in admin-token of "
     "its data directory"},
    {"forbidden", "use the address of the admin listener, or start the daemon with --admin-host NAME"},
    {"insufficient_scope", "use a token of that scope: --token-file FILE, or SHALLOP_TOKEN_FILE"},
    {"rate_limited", "wait a moment, and check the token: --token-file FILE, or SHALLOP_TOKEN_FILE"},
    {"precondition_failed", "somebody else changed it meanwhile: look at it with shallop show, then try again"},
    {"too_large", "send less, or raise the limit"},
    {"overloaded", "try again in a moment, or raise scale.max, scale.queue or async.backlog"},
    {"timed_out", "give it more time with limits.timeout, or look at: shallop logs NAME"},
    {"start_timeout", "does the server listen where contract.http.port says? look at: shallop logs NAME"},
    {"engine_down", "does the engine answer? try: docker version"},
    {"engine_refused", "the engine's own words are above; the daemon's log has more"},
    {"shutting_down", "try again when the daemon is up"},
    {"not_ready", "try again in a moment"},
    {"storage", "make room on the disk of the daemon's data directory"},
}};

/// The commands that show what lies below a path.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> shown_by{{
    {"/v1/dead-letters", "shallop dead-letters"},
    {"/v1/invocations", "shallop invocations"},
    {"/v1/jobs", "shallop jobs"},
    {"/v1/schedules", "shallop schedules"},
    {"/v1/secrets", "shallop secrets"},
    {"/v1/tokens", "shallop tokens"},
    {"/v1/triggers", "shallop triggers"},
}};

std::string look_at(std::string_view path) {
    for (const auto& [below, command] : shown_by) {
        if (path.starts_with(below)) return "see what is there: " + std::string(command);
    }
    return "see what is there: shallop list";
}

std::string advice_for(const std::string& fault, const std::string& pointer, std::string_view path) {
    if (pointer == "/image") return "check the image's name: docker image inspect IMAGE, or docker pull IMAGE";
    if (pointer == "/source") return "correct the code, and send it again";
    if (fault == "not_found" || fault == "conflict") return look_at(path);
    for (const auto& [name, text] : advice) {
        if (fault == name) return std::string(text);
    }
    if (fault == "invalid") return pointer.empty() ? "correct it and try again" : "correct that member and try again";
    return "the daemon's log and `shallop logs NAME` have more";
}

bool passes(const std::string& fault) {
    constexpr std::array<std::string_view, 5> passing{"overloaded", "timed_out", "engine_down", "shutting_down",
                                                      "not_ready"};
    return std::find(passing.begin(), passing.end(), fault) != passing.end();
}

std::string text_of(const Json& document, const char* member) {
    const auto found = document.find(member);
    return found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Complaint complaint_from(long status, std::string_view body, std::string_view path) {
    const auto document = Json::parse(body, nullptr, false);
    if (!document.is_object() || text_of(document, "fault").empty()) {
        return {"the server answered " + std::to_string(status) + ", and not in the way of a Shallop daemon",
                "check the address: --url URL, or SHALLOP_URL"};
    }
    const auto pointer = text_of(document, "pointer");
    auto what = text_of(document, "detail");
    if (!pointer.empty() && pointer != "/source") what += " (at " + pointer + ")";
    const auto id = text_of(document, "invocation_id");
    if (!id.empty()) what += " (invocation " + id + ")";
    const auto fault = text_of(document, "fault");
    return {std::move(what), advice_for(fault, pointer, path), 1, passes(fault)};
}

int report(const Complaint& complaint) {
    std::fprintf(stderr, "error: %s\n", printable(complaint.what).c_str());
    if (!complaint.todo.empty()) std::fprintf(stderr, "       %s\n", printable(complaint.todo).c_str());
    return complaint.status;
}

}  // namespace shallop::cli
