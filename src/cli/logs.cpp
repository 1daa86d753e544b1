// SPDX-License-Identifier: Apache-2.0
// shallop logs
#include <CLI/CLI.hpp>

#include <memory>

#include "cli/command.h"
#include "cli/log_lines.h"

namespace shallop::cli {
namespace {

struct Words {
    std::string name, since, tail;
    bool follow = false;
};

void print_line(std::string_view object, bool raw) {
    if (raw) {
        std::printf("%.*s\n", static_cast<int>(object.size()), object.data());
    } else {
        const auto line = log_line(object);
        std::printf("%s %s %s\n", line.time.c_str(), line.invocation.c_str(), line.text.c_str());
    }
    std::fflush(stdout);
}

Done logs(const Globals& globals, const Words& words) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    Request request;
    request.path = "/v1/functions/" + percent_encoded(words.name) + "/logs?follow=" + (words.follow ? "true" : "false");
    if (!words.tail.empty()) request.path += "&tail=" + percent_encoded(words.tail);
    if (!words.since.empty()) request.path += "&since=" + percent_encoded(words.since);
    LogLines lines([&](std::string_view object) { print_line(object, globals.json); });
    request.choose_sink = [&](const Head& head) -> std::function<void(std::string_view)> {
        if (head.status != 200) return {};
        return [&](std::string_view piece) { lines.add(piece); };
    };
    const auto reply = (*rest)->ask(request);
    if (!reply) return reply.error();
    return {};
}

}  // namespace

void add_logs(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command =
        app.add_subcommand("logs", "Show what a function wrote to its standard error, a server to its output too");
    command->add_option("NAME", words->name, "of the function")->required();
    command->add_flag("-f,--follow", words->follow, "go on as lines come");
    command->add_option("--tail", words->tail, "only the last so many lines, up to 10000 [1000]");
    command->add_option("--since", words->since, "only since a time (2026-11-21T05:37:00Z), or so long ago (10m)");
    command->footer(
        "The daemon keeps them in memory: the last 256 KiB of each function, 8 MiB in all, and none of before its "
        "start.\n"
        "What an attempt of a queued event wrote is kept with it: shallop invocations show ID\n"
        "\n"
        "Example:\n"
        "  shallop logs shout -f --tail 20");
    command->callback([&globals, &chosen, words] { chosen = [&globals, words] { return logs(globals, *words); }; });
}

}  // namespace shallop::cli
