// SPDX-License-Identifier: Apache-2.0
// shallop instances
#include <CLI/CLI.hpp>

#include <memory>

#include "cli/command.h"
#include "cli/instance_table.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Words {
    std::string name;
    std::vector<std::string> retire;
};

std::string path_of(const std::string& name) { return "/v1/functions/" + percent_encoded(name) + "/instances"; }

Done list(const Globals& globals, const std::string& name) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto page = fetch(**rest, path_of(name));
    if (!page) return page.error();
    const auto instances = page->value("instances", Json::array());
    if (globals.json) {
        std::printf("%s\n", instances.dump().c_str());
    } else if (instances.empty()) {
        std::printf("no instance now; the next event starts one\n");
    } else {
        std::printf("%s", instance_table(instances, std::chrono::system_clock::now()).c_str());
    }
    return {};
}

/// All or as many as go well: the first refusal ends it.
Done retire(const Globals& globals, const Words& words) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    auto all = Json::array();
    for (const auto& id : words.retire) {
        Request request;
        request.method = "DELETE";
        request.path = path_of(words.name) + "/" + percent_encoded(id);
        const auto reply = (*rest)->ask(request);
        if (!reply) return reply.error();
        const bool gone = reply->head.status == 204;
        if (!globals.json) std::printf("%s %s\n", gone ? "retired" : "retiring, when it is through:", id.c_str());
        all.push_back({{"id", id}, {"retired", gone}});
    }
    if (globals.json) std::printf("%s\n", all.dump().c_str());
    return {};
}

}  // namespace

void add_instances(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = app.add_subcommand("instances", "List the containers of a function that are warm now");
    command->add_option("NAME", words->name, "of the function")->required();
    command->add_option("--retire", words->retire, "let this one end what runs in it, and remove it; may be repeated")
        ->allow_extra_args(false);
    command->footer("Examples:\n  shallop instances shop\n  shallop instances shop --retire ID");
    command->callback([&globals, &chosen, words] {
        chosen = [&globals, words] {
            return words->retire.empty() ? list(globals, words->name) : retire(globals, *words);
        };
    });
}

}  // namespace shallop::cli
