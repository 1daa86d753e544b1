// SPDX-License-Identifier: Apache-2.0
#include "cli/queued.h"

#include <algorithm>
#include <cstdio>
#include <thread>

#include "cli/command.h"
#include "cli/invocation_text.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr auto longest_wait = milliseconds(60'000);  ///< of one call
constexpr auto pause_between = milliseconds(500);    ///< where the daemon cannot wait for us

std::string path_of(const std::string& id) { return "/v1/invocations/" + percent_encoded(id); }

}  // namespace

std::string not_empty(const std::string& word) { return word.empty() ? "an empty word is given" : ""; }

std::string query_of(const std::vector<std::pair<const char*, std::string>>& parameters) {
    std::string query;
    for (const auto& [name, value] : parameters) {
        if (value.empty()) continue;
        query.append(query.empty() ? "?" : "&").append(name).append("=").append(percent_encoded(value));
    }
    return query;
}

Result<Json> fetch_invocation(Rest& rest, const std::string& id) { return fetch(rest, path_of(id)); }

Result<Json> wait_for_end(Rest& rest, const std::string& id, std::optional<milliseconds> patience) {
    const auto until = Steady::now() + patience.value_or(milliseconds(0));
    for (;;) {
        const auto left = patience ? std::chrono::duration_cast<milliseconds>(until - Steady::now()) : longest_wait;
        const auto wait = std::clamp(left, milliseconds(0), longest_wait);
        auto found =
            fetch(rest, path_of(id) + (wait.count() == 0 ? "" : "?wait=" + std::to_string(wait.count()) + "ms"));
        if (!found || has_ended(*found) || left <= milliseconds(0)) return found;
        // A request that runs is nothing that the daemon waits for.
        if (found->value("queued", Json()).is_null()) std::this_thread::sleep_for(std::min(pause_between, wait));
    }
}

Done print_result(Rest& rest, const std::string& id) {
    Request request;
    request.path = path_of(id) + "/result";
    bool part = false;
    request.choose_sink = [&](const Head& head) -> std::function<void(std::string_view)> {
        if (head.status != 200) return {};
        part = head.field("x-shallop-truncated") == "true";
        return [](std::string_view piece) { std::fwrite(piece.data(), 1, piece.size(), stdout); };
    };
    const auto reply = rest.ask(request);
    std::fflush(stdout);
    if (!reply) return reply.error();
    if (part) std::fprintf(stderr, "only the beginning of the reply is kept; async.result says how much\n");
    return {};
}

Done judged(const Json& invocation) {
    const auto status = text_member(invocation, "status");
    if (status == "succeeded") return {};
    const auto id = text_member(invocation, "id");
    if (!has_ended(invocation)) {
        return Complaint{"the invocation " + id + " has not ended: it is " + status,
                         "wait on: shallop invocations wait " + id, 1, true};
    }
    const auto detail = text_member(invocation, "detail");
    return Complaint{"the invocation " + id + " has " + (status == "failed" ? "failed" : "been " + status) +
                         (detail.empty() ? "" : ": " + detail),
                     "its attempts and their logs: shallop invocations show " + id};
}

Result<Json> tell_server(Rest& rest, const char* method, const std::string& path) {
    Request request;
    request.method = method;
    request.path = path;
    const auto reply = rest.ask(request);
    if (!reply) return reply.error();
    return Json::parse(reply->body, nullptr, false);
}

Done print_invocations(const Globals& globals, const std::string& path, const char* member, const char* none) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto page = fetch(**rest, path);
    if (!page) return page.error();
    const auto found = list_in(*page, member);
    if (!found) return found.error();
    if (globals.json) {
        std::printf("%s\n", found->dump().c_str());
        return {};
    }
    if (found->empty()) {
        std::printf("%s\n", none);
        return {};
    }
    std::printf("%s", invocation_table(*found, std::chrono::system_clock::now()).c_str());
    if (page->contains("next_cursor")) std::printf("there are more: --limit N shows up to 1000\n");
    return {};
}

Done show_invocation(const Globals& globals, const std::string& id) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto found = fetch_invocation(**rest, id);
    if (!found) return found.error();
    if (globals.json) {
        std::printf("%s\n", found->dump().c_str());
    } else {
        std::printf("%s", invocation_text(*found, std::chrono::system_clock::now()).c_str());
    }
    return {};
}

}  // namespace shallop::cli
