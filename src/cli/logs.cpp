// SPDX-License-Identifier: Apache-2.0
// shallop logs
#include <CLI/CLI.hpp>

#include <nlohmann/json.hpp>

#include <memory>

#include "cli/command.h"
#include "cli/print.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::json;

struct Words {
    std::string name, since, tail;
    bool follow = false;
};

void print_line(std::string_view line) {
    const auto entry = Json::parse(line, nullptr, false);
    if (!entry.is_object()) return;
    const auto& invocation = entry.at("invocation");
    std::printf("%s %s %s\n", printable(entry.value("time", std::string())).c_str(),
                invocation.is_string() ? printable(invocation.get<std::string>()).c_str() : "-",
                printable(entry.value("text", std::string())).c_str());
}

/// Cuts the stream into lines.
class Lines {
public:
    explicit Lines(bool raw) : raw_(raw) {}

    void add(std::string_view piece) {
        rest_ += piece;
        std::size_t from = 0;
        for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', from)) {
            const auto line = std::string_view(rest_).substr(from, end - from);
            if (raw_) {
                std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
            } else {
                print_line(line);
            }
            from = end + 1;
        }
        rest_.erase(0, from);
        std::fflush(stdout);
    }

private:
    bool raw_;
    std::string rest_;
};

Done logs(const Globals& globals, const Words& words) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    Request request;
    request.path = "/v1/functions/" + percent_encoded(words.name) + "/logs?follow=" + (words.follow ? "true" : "false");
    if (!words.tail.empty()) request.path += "&tail=" + percent_encoded(words.tail);
    if (!words.since.empty()) request.path += "&since=" + percent_encoded(words.since);
    Lines lines(globals.json);
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
    auto* command = app.add_subcommand("logs", "Show what a function wrote to its standard error");
    command->add_option("NAME", words->name, "of the function")->required();
    command->add_flag("-f,--follow", words->follow, "go on as lines come");
    command->add_option("--tail", words->tail, "only the last so many lines");
    command->add_option("--since", words->since, "only since a time (2026-11-21T05:37:00Z), or so long ago (10m)");
    command->footer("Example:\n  shallop logs shout -f --tail 20");
    command->callback([&globals, &chosen, words] { chosen = [&globals, words] { return logs(globals, *words); }; });
}

}  // namespace shallop::cli
