// SPDX-License-Identifier: Apache-2.0
// shallop list, shallop show, shallop remove
#include <CLI/CLI.hpp>

#include <nlohmann/json.hpp>

#include <memory>

#include "cli/command.h"
#include "cli/functions.h"
#include "cli/print.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string routes_of(const Json& function) {
    std::string text;
    for (const auto& route : function.value("routes", Json::array())) {
        if (!text.empty()) text += ' ';
        if (route.contains("host") && route["host"].is_string()) text += route["host"].get<std::string>();
        text += route.value("path", std::string());
    }
    return text.empty() ? "-" : text;
}

Done list(const Globals& globals) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto all = fetch_functions(**rest);
    if (!all) return all.error();
    if (globals.json) {
        std::printf("%s\n", all->dump().c_str());
        return {};
    }
    if (all->empty()) {
        std::printf("no functions yet; deploy one: shallop deploy NAME --image IMAGE\n");
        return {};
    }
    std::vector<std::vector<std::string>> rows{{"NAME", "IMAGE", "VERSION", "UPDATED", "ROUTES"}};
    const auto now = std::chrono::system_clock::now();
    for (const auto& function : *all) {
        rows.push_back({function.value("name", std::string()), function.value("image", std::string()),
                        std::to_string(function.value("version", std::int64_t{0})),
                        age(function.value("updated", std::string()), now) + " ago", routes_of(function)});
    }
    std::printf("%s", table(rows).c_str());
    return {};
}

Done show(const Globals& globals, const std::string& name) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto function = fetch(**rest, "/v1/functions/" + percent_encoded(name));
    if (!function) return function.error();
    std::printf("%s\n", function->dump(globals.json ? -1 : 2).c_str());
    return {};
}

/// Removes what can be removed; complains of the rest when it is through.
Done remove(const Globals& globals, const std::vector<std::string>& names) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    auto removed = Json::array();
    std::vector<Complaint> complaints;
    for (const auto& name : names) {
        if (const auto done = remove_function(**rest, name); !done) {
            complaints.push_back(done.error());
            continue;
        }
        removed.push_back(name);
        if (!globals.json) std::printf("removed %s\n", name.c_str());
    }
    if (globals.json) std::printf("%s\n", Json{{"removed", removed}}.dump().c_str());
    if (complaints.empty()) return {};
    for (std::size_t at = 0; at + 1 < complaints.size(); ++at) report(complaints[at]);
    return complaints.back();
}

}  // namespace

void add_list(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto* command = app.add_subcommand("list", "List the functions");
    command->footer("Example:\n  shallop list --json");
    command->callback([&globals, &chosen] { chosen = [&globals] { return list(globals); }; });
}

void add_show(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto name = std::make_shared<std::string>();
    auto* command = app.add_subcommand("show", "Show a function with every default spelled out");
    command->add_option("NAME", *name, "of the function")->required();
    command->footer("Example:\n  shallop show shout > shout.json    (which can be edited and applied)");
    command->callback([&globals, &chosen, name] { chosen = [&globals, name] { return show(globals, *name); }; });
}

void add_remove(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto names = std::make_shared<std::vector<std::string>>();
    auto* command = app.add_subcommand("remove", "Remove functions; what runs ends by itself");
    command->add_option("NAME", *names, "of the functions")->required();
    command->footer("Example:\n  shallop remove shout");
    command->callback([&globals, &chosen, names] { chosen = [&globals, names] { return remove(globals, *names); }; });
}

}  // namespace shallop::cli
