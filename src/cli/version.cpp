// SPDX-License-Identifier: Apache-2.0
// shallop version
#include <CLI/CLI.hpp>

#include <nlohmann/json.hpp>

#include <memory>

#include "cli/command.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr long patience_seconds = 3;

/// What is known of the daemon: its info, or why there is none.
Result<Json> ask_server(Rest& rest) {
    Request request;
    request.path = "/v1/info";
    request.patience_seconds = patience_seconds;
    const auto reply = rest.ask(request);
    if (!reply) return reply.error();
    auto info = Json::parse(reply->body, nullptr, false);
    if (!info.is_object()) return complaint_from(reply->head.status, reply->body);
    return info;
}

Done check_ready(Rest& rest) {
    Request request;
    request.path = "/readyz";
    request.patience_seconds = patience_seconds;
    const auto reply = rest.ask(request);
    if (!reply) return reply.error();
    return {};
}

void print(const Globals& globals, const std::string& url, const Result<Json>& info) {
    if (globals.json) {
        const Json both = {{"client", SHALLOP_VERSION}, {"server", info ? *info : Json(nullptr)}};
        std::printf("%s\n", both.dump().c_str());
        return;
    }
    std::printf("shallop %s\n", SHALLOP_VERSION);
    if (info) {
        std::printf("server  %s at %s\n", info->value("version", std::string()).c_str(), url.c_str());
        const auto engine = info->value("engine", Json::object());
        if (engine.value("reachable", false))
            std::printf("engine  %s\n", engine.value("version", std::string()).c_str());
    } else {
        std::printf("server  unknown: %s\n", info.error().what.c_str());
    }
}

/// The client's own version always; the server's where it can be asked, which only `must` makes an error.
Done version(const Globals& globals, bool must) {
    const auto rest = connect(globals);
    if (!rest && must) return rest.error();
    const auto info = rest ? ask_server(**rest) : Result<Json>(rest.error());
    print(globals, rest ? (*rest)->server().url : "", info);
    if (must) return check_ready(**rest);
    return {};
}

}  // namespace

void add_version(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto must = std::make_shared<bool>(false);
    auto* command =
        app.add_subcommand("version", "Print the version of the client and, where there is one, of the server");
    command->add_flag("--server", *must, "fail unless the server is ready: for health checks");
    command->footer("Example:\n  shallop version --json");
    command->callback([&globals, &chosen, must] { chosen = [&globals, must] { return version(globals, *must); }; });
}

}  // namespace shallop::cli
