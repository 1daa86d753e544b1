// SPDX-License-Identifier: Apache-2.0
// shallop dead-letters
#include <CLI/CLI.hpp>

#include <memory>

#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/print.h"
#include "cli/queued.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* root = "/v1/dead-letters";
constexpr std::int64_t at_once = 10'000;  ///< that the daemon changes in one call
constexpr int most_rounds = 1000;

struct Words {
    std::string function, limit;
    std::vector<std::string> ids;
    bool all = false, yes = false;
};

Done list(const Globals& globals, const Words& words) {
    const auto query = query_of({{"function", words.function}, {"limit", words.limit}});
    return print_invocations(globals, root + query, "dead_letters", "no dead letters");
}

Done show(const Globals& globals, const Words& words) { return show_invocation(globals, words.ids.at(0)); }

/// Either which ones, or all.
Done check(const Words& words, const char* verb) {
    const auto todo = std::string("shallop dead-letters ") + verb + " ID, or --all [--function NAME]";
    if (words.all && !words.ids.empty()) return Complaint{"all and some at once", "give either: " + todo, 2};
    if (!words.all && words.ids.empty()) return Complaint{"it is not said which ones", "give: " + todo, 2};
    if (!words.all && !words.function.empty()) return Complaint{"--function goes with --all", "give: " + todo, 2};
    return {};
}

/// Until a call changes fewer than it could.
Result<std::int64_t> change_all(Rest& rest, const Words& words, const char* method, std::string path,
                                const char* member) {
    path += query_of({{"function", words.function}});
    std::int64_t sum = 0;
    for (int round = 0; round < most_rounds; ++round) {
        const auto done = tell_server(rest, method, path);
        if (!done) return done.error();
        const auto some = done->is_object() ? done->value(member, std::int64_t{0}) : 0;
        sum += some;
        if (some < at_once) break;
    }
    return sum;
}

Done tell(const Globals& globals, const char* member, std::int64_t count) {
    if (globals.json) {
        std::printf("%s\n", Json{{member, count}}.dump().c_str());
    } else {
        std::printf("%s %lld\n", member, static_cast<long long>(count));
    }
    return {};
}

/// All or as many as go well: the first refusal ends it.
Done change_each(const Globals& globals, Rest& rest, const Words& words, const char* method, const char* after,
                 const char* member) {
    for (const auto& id : words.ids) {
        const auto done = tell_server(rest, method, root + ("/" + percent_encoded(id)) + after);
        if (!done) return done.error();
        if (!globals.json) std::printf("%s %s\n", member, printable(id).c_str());
    }
    return globals.json ? tell(globals, member, static_cast<std::int64_t>(words.ids.size())) : Done();
}

Done redrive(const Globals& globals, const Words& words) {
    if (const auto fine = check(words, "redrive"); !fine) return fine;
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    if (!words.all) return change_each(globals, **rest, words, "POST", "/redrive", "redriven");
    const auto count = change_all(**rest, words, "POST", std::string(root) + "/redrive", "redriven");
    if (!count) return count.error();
    return tell(globals, "redriven", *count);
}

Done confirm_all(const Words& words) {
    if (words.yes) return {};
    const auto whose = words.function.empty() ? std::string() : " of " + printable(words.function);
    return confirm("drop all dead letters" + whose + "? They are gone for good.", "dropping all dead letters",
                   "nothing was dropped");
}

Done drop(const Globals& globals, const Words& words) {
    if (const auto fine = check(words, "drop"); !fine) return fine;
    if (const auto meant = words.all ? confirm_all(words) : Done(); !meant) return meant;
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    if (!words.all) return change_each(globals, **rest, words, "DELETE", "", "dropped");
    const auto count = change_all(**rest, words, "DELETE", root, "dropped");
    if (!count) return count.error();
    return tell(globals, "dropped", *count);
}

void add_all(CLI::App& command, Words& words, const char* verb) {
    command.add_option("ID", words.ids, "of the dead letters")->check(not_empty);
    command.add_flag("--all", words.all, std::string(verb) + " all of them, or with --function all of one function's");
}

}  // namespace

void add_dead_letters(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command =
        app.add_subcommand("dead-letters", "List queued events that failed for good; queue them again, drop them");
    command->require_subcommand(0, 1);
    command->add_option("--function", words->function, "of this function alone")->check(not_empty);
    command->add_option("--limit", words->limit, "list at most so many [50]")->check(CLI::Range(1, 1000));
    command->footer(
        "Examples:\n"
        "  shallop dead-letters --function mailer\n"
        "  shallop dead-letters show ID\n"
        "  shallop dead-letters redrive --all --function mailer");
    auto* list_them = command->add_subcommand("list", "List them, newest first; what happens without a word, too");
    auto* show_one = command->add_subcommand("show", "Show one, with its attempts and their logs");
    show_one->add_option("ID", words->ids, "of the dead letter")->required()->expected(1)->check(not_empty);
    auto* redrive_some = command->add_subcommand("redrive", "Queue them again, as if they were new");
    add_all(*redrive_some, *words, "queue");
    auto* drop_some = command->add_subcommand("drop", "Forget them");
    add_all(*drop_some, *words, "forget");
    drop_some->add_flag("-y,--yes", words->yes, "drop all without asking");
    for (auto [sub, example] : {std::pair(list_them, "list --limit 10\n\nAlso: --function NAME, --limit N"),
                                {show_one, "show ID"},
                                {redrive_some, "redrive ID\n\nWith --all also: --function NAME"},
                                {drop_some, "drop --all --function mailer --yes\n\nWith --all also: --function NAME"}})
        sub->footer(std::string("Example:\n  shallop dead-letters ") + example);
    const auto choose = [&globals, &chosen, words](CLI::App* sub, auto doing) {
        sub->callback([&globals, &chosen, words, doing] {
            chosen = [&globals, words, doing] { return doing(globals, *words); };
        });
    };
    choose(show_one, show);
    choose(redrive_some, redrive);
    choose(drop_some, drop);
    choose(list_them, list);
    command->callback([&globals, &chosen, words, command] {
        if (!command->get_subcommands().empty()) return;
        chosen = [&globals, words] { return list(globals, *words); };
    });
}

}  // namespace shallop::cli
