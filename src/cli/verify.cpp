// SPDX-License-Identifier: Apache-2.0
// shallop verify
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "cli/command.h"
#include "cli/print.h"
#include "cli/source.h"
#include "cli/target_function.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Words {
    std::vector<std::string> what;  ///< NAME, PLACE or both
    std::string language, entry, handler;
};

std::string text_of(const Json& object, const char* member) {
    const auto found = object.find(member);
    return found != object.end() && found->is_string() ? printable(found->get<std::string>()) : std::string();
}

std::string methods_of(const Json& route) {
    std::string all;
    for (const auto& method : route.value("methods", Json::array()))
        all += (all.empty() ? "" : ",") + (method.is_string() ? printable(method.get<std::string>()) : "");
    return all.empty() ? "*" : all;
}

void tell_routes(const Json& routes, const std::string& name) {
    if (routes.empty()) {
        std::printf("routes    none that it tells: it is reached below /function/%s/, or by --route\n", name.c_str());
        return;
    }
    std::size_t width = 0;
    for (const auto& route : routes) width = std::max(width, methods_of(route).size());
    std::printf("routes    %zu, which --application-routes makes the function's\n", routes.size());
    for (const auto& route : routes)
        std::printf("  %-*s  %s\n", static_cast<int>(width), methods_of(route).c_str(), text_of(route, "path").c_str());
}

void tell_verified(const Json& verified, const std::string& name) {
    const auto source = verified.value("source", Json::object());
    const auto row = [](const char* what, const std::string& value) {
        if (!value.empty()) std::printf("%-9s %s\n", what, value.c_str());
    };
    row("runtime", text_of(source, "runtime"));
    row("entry", text_of(source, "entry"));
    if (text_of(source, "runtime") == "dockerfile") {
        row("image", text_of(verified, "image"));
        return row("contract", text_of(verified.value("contract", Json::object()), "kind"));
    }
    const auto kind = text_of(verified, "kind");
    row("loads", kind.empty() ? "nothing: it is a program that is run for each event"
                              : kind + " " + text_of(verified, "handler"));
    row("packages", text_of(source, "packages"));
    tell_routes(verified.value("routes", Json::array()), name);
}

Done verify(const Globals& globals, const Words& words) {
    std::error_code unknown;
    if (!std::filesystem::exists(words.what.back(), unknown))
        return Complaint{"there is no file or folder '" + printable(words.what.back()) + "' here",
                         "give the path of the code: shallop verify PATH", 2};
    const auto target = target_from(words.what, false);
    if (!target) return target.error();
    auto function = function_of(*target);
    if (!function) return function.error();
    auto source = Json::object();
    for (const auto& [member, text] :
         {std::pair("runtime", words.language), {"entry", words.entry}, {"handler", words.handler}}) {
        if (!text.empty()) source[member] = text;
    }
    say(*function, source, false);
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto verified = verify_source(**rest, *function);
    if (!verified) return verified.error();
    if (globals.json) {
        std::printf("%s\n", verified->dump().c_str());
        return {};
    }
    tell_verified(*verified, function->name);
    return {};
}

}  // namespace

void add_verify(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = app.add_subcommand(
        "verify", "See what a deploy of code would make, and change nothing: verify [OPTIONS] [NAME] PATH");
    command
        ->add_option("NAME", words->what,
                     "of the function, where that is not the name of PATH; and PATH, a file or a folder with its code")
        ->type_name("")
        ->required();
    command->add_option("--language", words->language, "the runtime, such as python; else told from the files");
    command->add_option("--entry", words->entry, "the file that is run or loaded; else told from the files");
    command->add_option("--handler", words->handler, "what is called in it, such as main:app; else found in it");
    command->footer(
        "The code is sent, its packages are installed and it is loaded, as a deploy does; what it is and which routes "
        "it\n"
        "tells is printed, or what is wrong with it. Settings of a shallop.yaml are not tried.\n"
        "\n"
        "Example:\n"
        "  shallop verify ./shop");
    command->callback([&globals, &chosen, words] { chosen = [&globals, words] { return verify(globals, *words); }; });
}

}  // namespace shallop::cli
