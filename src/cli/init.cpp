// SPDX-License-Identifier: Apache-2.0
// shallop init
#include "cli/init.h"

#include <shallop/folder/code.h>

#include <CLI/CLI.hpp>

#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "cli/command.h"
#include "cli/print.h"
#include "cli/starters.h"
#include "cli/suggest.h"
#include "cli/target.h"

namespace shallop::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct Words {
    std::string language;
    std::string folder = ".";
};

using Texts = std::vector<std::pair<std::string, std::string>>;  ///< by path

std::vector<std::string> languages() {
    std::vector<std::string> names;
    for (const auto& starter : starters()) names.emplace_back(starter.language);
    return names;
}

Result<Starter> find_starter(const std::string& language) {
    for (const auto& starter : starters()) {
        if (starter.language == language) return starter;
    }
    const auto names = languages();
    const auto near = nearest(language, names);
    return Complaint{"there is no starter in '" + language + "'",
                     near.empty() ? "see which there are: shallop init" : "did you mean: shallop init " + near + "?",
                     2};
}

std::string manifest_text(const Starter& starter) {
    return "# What shallop deploy says of the function beside its files. Each line may go: then its default holds.\n"
           "source:\n  runtime: " +
           std::string(starter.language) + "\n  entry: " + std::string(starter.file) +
           "\nlimits:\n  timeout: 10s\nenv: {}\n";
}

std::string readme_text(const std::string& name, const std::string& folder) {
    return "Deploy it: `shallop deploy " + folder +
           "`\n\n"
           "Call it: `curl 'http://localhost:8080/function/" +
           name + "?name=you'`\n";
}

Done write(const std::string& path, const std::string& text) {
    const folder::File file(std::fopen(path.c_str(), "wxb"));  // x: never over what is there
    if (!file || std::fwrite(text.data(), 1, text.size(), file.get()) != text.size() || std::fflush(file.get()) != 0) {
        return Complaint{"cannot write " + path + ": " + std::strerror(errno), "choose another folder"};
    }
    return {};
}

Done show_languages(const Globals& globals) {
    std::vector<std::vector<std::string>> rows{{"LANG", "STARTS WITH"}};
    auto all = Json::array();
    for (const auto& [language, about, file, text] : starters()) {
        rows.push_back({std::string(language), std::string(about) + " in " + std::string(file)});
        all.push_back({{"language", language}, {"file", file}});
    }
    std::printf("%s", globals.json ? (all.dump() + "\n").c_str() : table(rows).c_str());
    return {};
}

Done init(const Globals& globals, const Words& words) {
    if (words.language.empty()) return show_languages(globals);
    const auto written = write_starter(words.language, words.folder);
    if (!written) return written.error();
    if (globals.json) {
        std::printf("%s\n", Json{{"written", *written}}.dump().c_str());
        return {};
    }
    for (const auto& path : *written) std::printf("wrote %s\n", path.c_str());
    std::printf("deploy it: shallop deploy %s\n", words.folder.c_str());
    return {};
}

}  // namespace

Result<std::vector<std::string>> write_starter(const std::string& language, const std::string& folder) {
    const auto starter = find_starter(language);
    if (!starter) return starter.error();
    const auto name = lawful_name(folder);
    if (!name) return Complaint{name.error().what, "choose another folder: shallop init " + language + " FOLDER", 2};
    const auto in = fs::path(folder);
    const Texts texts{{(in / starter->file).string(), std::string(starter->text)},
                      {(in / "shallop.yaml").string(), manifest_text(*starter)},
                      {(in / "README.md").string(), readme_text(*name, folder)}};
    std::error_code failed;
    for (const auto& [path, text] : texts) {
        if (!fs::exists(fs::symlink_status(path, failed))) continue;
        return Complaint{path + " is there already, and nothing was written",
                         "choose another folder: shallop init " + language + " FOLDER"};
    }
    fs::create_directories(in, failed);
    if (failed) return Complaint{"cannot make the folder " + folder + ": " + failed.message(), "choose another"};
    std::vector<std::string> written;
    for (const auto& [path, text] : texts) {
        if (const auto done = write(path, text); !done) return done.error();
        written.push_back(path);
    }
    return written;
}

void add_init(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command =
        app.add_subcommand("init", "Write a first function to begin with; without LANG: list the languages");
    command->add_option("LANG", words->language, "python, node, php, ruby, perl or bash");
    command->add_option("DIR", words->folder, "the folder for it, made if need be")->capture_default_str();
    command->footer("Example:\n  shallop init python ./hello && shallop deploy ./hello");
    command->callback([&globals, &chosen, words] { chosen = [&globals, words] { return init(globals, *words); }; });
}

}  // namespace shallop::cli
