// SPDX-License-Identifier: Apache-2.0
// shallop apply, shallop plan
#include <shallop/folder/code_id.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <memory>
#include <set>

#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/functions.h"
#include "cli/manifest.h"
#include "cli/plan.h"
#include "cli/print.h"
#include "cli/source.h"

namespace shallop::cli {
namespace {

struct Words {
    std::vector<std::string> paths;
    bool plan = false;
    bool prune = false;
    bool yes = false;  ///< what a prune removes is meant
    std::string prune_prefix;
};

/// A function that was written down, with its code where that is here.
struct Wanted {
    Manifest manifest;
    std::optional<SourceFunction> source;
};

struct Files {
    std::vector<Wanted> functions;
    std::vector<std::string> prefixes;  ///< what is named so and is not among them goes
};

Complaint of(const Manifest& manifest, Complaint complaint) {
    complaint.what = manifest.from + ": " + manifest.name + ": " + complaint.what;
    return complaint;
}

/// Nothing is removed unless the files say which part of all names is theirs.
Result<std::vector<std::string>> prefixes_of(const Words& words, const Manifests& manifests) {
    std::vector<std::string> prefixes;
    if (!words.prune) return prefixes;
    if (!words.prune_prefix.empty()) prefixes.push_back(words.prune_prefix);
    for (const auto& project : manifests.projects) prefixes.push_back(project + "-");
    if (prefixes.empty()) {
        return Complaint{"--prune does not know which functions are of these files",
                         "give --prune-prefix PREFIX, or write project: NAME and name the functions NAME-…", 2};
    }
    for (const auto& one : manifests.functions) {
        const auto begins = [&](const std::string& prefix) { return one.name.starts_with(prefix); };
        if (std::any_of(prefixes.begin(), prefixes.end(), begins)) continue;
        return Complaint{one.from + ": the function '" + one.name + "' does not begin with " + prefixes.front() +
                             ", so --prune does not know what else is of these files",
                         "name it " + prefixes.front() + one.name + ", or apply it without --prune", 2};
    }
    return prefixes;
}

/// Everything that is read here, before anything is changed there.
Result<Files> load(const Words& words) {
    auto manifests = read_manifests(words.paths);
    if (!manifests) return manifests.error();
    auto prefixes = prefixes_of(words, *manifests);
    if (!prefixes) return prefixes.error();
    Files files{{}, std::move(*prefixes)};
    for (auto& manifest : manifests->functions) {
        std::optional<SourceFunction> source;
        if (has_source_path(manifest.resource)) {
            auto made = source_function_from(manifest.name, manifest.resource, manifest.directory);
            if (!made) return of(manifest, made.error());
            source = std::move(*made);
        }
        files.functions.push_back({std::move(manifest), std::move(source)});
    }
    return files;
}

/// The names of those that a prune removes.
Result<std::vector<std::string>> left_over(Rest& rest, const Files& files) {
    std::vector<std::string> names;
    if (files.prefixes.empty()) return names;
    std::set<std::string> kept;
    for (const auto& one : files.functions) kept.insert(one.manifest.name);
    const auto all = fetch_functions(rest);
    if (!all) return all.error();
    for (const auto& function : *all) {
        auto name = function.value("name", std::string());
        const auto begins = [&](const std::string& prefix) { return name.starts_with(prefix); };
        const bool ours = std::any_of(files.prefixes.begin(), files.prefixes.end(), begins);
        if (ours && !kept.contains(name)) names.push_back(std::move(name));
    }
    return names;
}

Result<Step> step_of(Rest& rest, const Wanted& wanted) {
    const auto& manifest = wanted.manifest;
    const auto form = put_form(manifest.name, manifest.resource);
    if (!form) return of(manifest, form.error());
    const auto there = find_function(rest, manifest.name);
    if (!there) return of(manifest, there.error());
    if (!*there) return Step{manifest.name, "create", {}};
    const auto code =
        wanted.source ? folder::code_id(wanted.source->code) : Result<std::string>(folder::code_id(manifest.resource));
    if (!code) return of(manifest, code.error());
    auto changes = differences(manifest.name, manifest.resource, *code, **there);
    if (!changes) return of(manifest, changes.error());
    const auto* const action = changes->empty() ? "none" : "change";
    return Step{manifest.name, action, std::move(*changes)};
}

Done show_plan(const Globals& globals, const Words& words) {
    const auto files = load(words);
    if (!files) return files.error();
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    std::vector<Step> steps;
    for (const auto& wanted : files->functions) {
        auto step = step_of(**rest, wanted);
        if (!step) return step.error();
        steps.push_back(std::move(*step));
    }
    const auto gone = left_over(**rest, *files);
    if (!gone) return gone.error();
    for (const auto& name : *gone) steps.push_back({name, "remove", {}});
    std::printf("%s", globals.json ? (plan_json(steps).dump() + "\n").c_str() : plan_text(steps).c_str());
    return {};
}

/// Removing is for good, and another project's names may begin as these do: a person is told which ones go. A script has said so by --prune.
Done confirm_removal(const Words& words, const std::vector<std::string>& gone) {
    if (words.yes || gone.empty() || !at_terminal()) return {};
    std::string names;
    for (const auto& name : gone) names += (names.empty() ? "" : ", ") + printable(name);
    return ask("remove " + names + "? They are gone for good, with their schedules and triggers.", "nothing was done");
}

/// Applies files to one daemon, and says what it does.
class Application {
public:
    Application(const Globals& globals, Rest& rest, std::vector<std::string> gone)
        : json_(globals.json), rest_(rest), gone_(std::move(gone)) {}

    Done put(const Wanted& wanted) {
        auto deployed = deploy(wanted);
        while (!deployed && has_in_its_way(deployed.error())) {
            if (const auto removed = remove(); !removed) return removed;
            deployed = deploy(wanted);
        }
        if (!deployed) return of(wanted.manifest, deployed.error());
        if (!json_) tell(*deployed);
        all_.push_back(std::move(deployed->resource));
        return {};
    }

    Done prune() {
        while (!gone_.empty()) {
            if (const auto removed = remove(); !removed) return removed;
        }
        if (json_) std::printf("%s\n", all_.dump().c_str());
        return {};
    }

private:
    Result<Deployed> deploy(const Wanted& wanted) {
        const auto& [manifest, source] = wanted;
        return source ? deploy_aloud(rest_, *source) : put_function(rest_, manifest.name, manifest.resource);
    }

    /// Whether one that is to go has a route that is wanted, as where a function got another name: that one is the next to go.
    bool has_in_its_way(const Complaint& complaint) {
        const auto at = std::find_if(gone_.begin(), gone_.end(), [&](const std::string& name) {
            return complaint.what.find(" of \"" + name + '"') != std::string::npos;
        });
        if (at != gone_.end()) std::rotate(gone_.begin(), at, at + 1);
        return at != gone_.end();
    }

    Done remove() {
        const auto name = gone_.front();
        if (const auto removed = remove_function(rest_, name); !removed) return removed;
        gone_.erase(gone_.begin());
        if (!json_) std::printf("removed %s\n", name.c_str());
        all_.push_back({{"name", name}, {"removed", true}});
        return {};
    }

    bool json_;
    Rest& rest_;
    std::vector<std::string> gone_;  ///< and still there
    Json all_ = Json::array();
};

/// All or as many as go well: the first refusal ends it, and says of which file.
Done apply(const Globals& globals, const Words& words) {
    const auto files = load(words);
    if (!files) return files.error();
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    auto gone = left_over(**rest, *files);
    if (!gone) return gone.error();
    if (const auto meant = confirm_removal(words, *gone); !meant) return meant;
    Application application(globals, **rest, std::move(*gone));
    for (const auto& wanted : files->functions) {
        if (const auto put = application.put(wanted); !put) return put;
    }
    return application.prune();
}

void add_words(CLI::App& command, Words& words) {
    command
        .add_option(
            "-f,--file", words.paths,
            "a manifest in JSON or YAML, of one function or of many, a directory of them, or - for standard input")
        ->required();
    auto* prune = command.add_flag("--prune", words.prune, "remove functions of the same project that are in no file");
    command
        .add_option("--prune-prefix", words.prune_prefix,
                    "with what the names of the functions of these files begin, where they have no project: NAME")
        ->needs(prune);
}

}  // namespace

void add_apply(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = app.add_subcommand("apply", "Create or replace the functions of manifests");
    add_words(*command, *words);
    command->add_flag("-y,--yes", words->yes, "at a terminal: remove what --prune removes without asking");
    command->add_flag("--plan", words->plan, "only show what would be done, as shallop plan does");
    command->footer(
        "A manifest is a resource as shallop show prints it, of which only what differs from the defaults is needed; "
        "or\n"
        "several: documents of YAML, or functions: {NAME: {…}, …}, with project: PROJECT where all are named "
        "PROJECT-….\n"
        "The code of a function may be here: source: {path: ./dir}, from the manifest's folder on.\n"
        "\n"
        "Examples:\n"
        "  shallop apply -f function.json\n"
        "  shallop apply -f shallop.yaml --prune");
    command->callback([&globals, &chosen, words] {
        chosen = [&globals, words] { return words->plan ? show_plan(globals, *words) : apply(globals, *words); };
    });
}

void add_plan(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = app.add_subcommand("plan", "Show what apply would create, change and remove, and do nothing");
    add_words(*command, *words);
    command->footer("Example:\n  shallop plan -f shallop.yaml --prune");
    command->callback(
        [&globals, &chosen, words] { chosen = [&globals, words] { return show_plan(globals, *words); }; });
}

}  // namespace shallop::cli
