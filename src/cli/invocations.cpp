// SPDX-License-Identifier: Apache-2.0
// shallop invocations
#include <shallop/base/units.h>

#include <CLI/CLI.hpp>

#include <array>
#include <memory>

#include "cli/command.h"
#include "cli/invocation_text.h"
#include "cli/queued.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Words {
    std::string function, status, limit, patience;
    std::vector<std::string> ids;
    bool filtered = false;  ///< one of the list's options was given
};

Done list(const Globals& globals, const Words& words) {
    const auto query = query_of({{"function", words.function}, {"status", words.status}, {"limit", words.limit}});
    return print_invocations(globals, "/v1/invocations" + query, "invocations",
                             "no such invocation; queue an event: shallop invoke NAME --async");
}

Done show(const Globals& globals, const Words& words) { return show_invocation(globals, words.ids.at(0)); }

/// Each one's end in turn; the first that has not succeeded is the complaint.
Done wait(const Globals& globals, const Words& words) {
    std::optional<std::chrono::milliseconds> patience;
    if (!words.patience.empty()) {
        const auto given = base::parse_duration(words.patience);
        if (!given) return Complaint{given.error().detail, "give a duration: --timeout 30s", 2};
        patience = std::chrono::duration_cast<std::chrono::milliseconds>(*given);
    }
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    auto all = Json::array();
    Done verdict;
    for (const auto& id : words.ids) {
        auto found = wait_for_end(**rest, id, patience);
        if (!found) return found.error();
        if (verdict) verdict = judged(*found);
        if (!globals.json && has_ended(*found)) std::printf("%s\n", invocation_line(*found).c_str());
        all.push_back(std::move(*found));
    }
    if (globals.json) std::printf("%s\n", (words.ids.size() == 1 ? all[0] : all).dump().c_str());
    return verdict;
}

Done result(const Globals& globals, const Words& words) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto& id = words.ids.at(0);
    if (!globals.json) return print_result(**rest, id);
    const auto found = fetch_invocation(**rest, id);
    if (!found) return found.error();
    const auto queued = found->value("queued", Json());  // null of a call that was waited for
    const auto reply = queued.is_object() ? queued.value("reply", Json()) : Json();
    if (reply.is_null()) {
        return Complaint{"there is no reply of the invocation " + id,
                         "what became of it: shallop invocations show " + id};
    }
    std::printf("%s\n", reply.dump().c_str());
    return {};
}

/// All or as many as go well: the first refusal ends it.
Done each(const Globals& globals, const Words& words, const char* call,
          const std::function<std::string(const std::string&, const Json&)>& said) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    auto all = Json::array();
    for (const auto& id : words.ids) {
        auto done = tell_server(**rest, "POST", "/v1/invocations/" + percent_encoded(id) + "/" + call);
        if (!done) return done.error();
        if (!globals.json) std::printf("%s\n", said(id, *done).c_str());
        all.push_back(std::move(*done));
    }
    if (globals.json) std::printf("%s\n", (words.ids.size() == 1 ? all[0] : all).dump().c_str());
    return {};
}

Done cancel(const Globals& globals, const Words& words) {
    return each(globals, words, "cancel", [](const std::string& id, const Json& now) {
        return (has_ended(now) ? "cancelled " : "being cancelled: ") + id;
    });
}

Done replay(const Globals& globals, const Words& words) {
    return each(globals, words, "replay", [](const std::string& id, const Json& made) {
        return "queued " + text_member(made, "id") + ", the event of " + id + " once more";
    });
}

using Doing = Done (*)(const Globals&, const Words&);

struct Verb {
    const char* name;
    const char* about;
    Doing doing;
    bool many;  ///< takes several ids
};

constexpr std::array<Verb, 5> verbs{{
    {"show", "Show one, with its attempts and their logs", show, false},
    {"wait", "Wait until it has ended; fails unless it succeeded", wait, true},
    {"result", "Print the body of its reply, where that is kept", result, false},
    {"cancel", "Stop it: what is queued does not run, what runs is ended", cancel, true},
    {"replay", "Queue the same event once more, as a new one", replay, true},
}};

}  // namespace

void add_invocations(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command =
        app.add_subcommand("invocations", "List what runs, ran and is queued; wait for it, cancel it, replay it");
    command->require_subcommand(0, 1);
    auto* function =
        command->add_option("--function", words->function, "list those of this function alone")->check(not_empty);
    auto* status = command->add_option("--status", words->status, "list those in this state alone")
                       ->check(CLI::IsMember({"queued", "running", "succeeded", "failed", "cancelled"}));
    auto* limit = command->add_option("--limit", words->limit, "how many at most [50]")->check(CLI::Range(1, 1000));
    command->footer(
        "Examples:\n"
        "  shallop invocations --function mailer --status failed\n"
        "  shallop invocations show ID\n"
        "  shallop invocations wait ID --timeout 5m && shallop invocations result ID");
    command->add_subcommand("list", "List them, newest first; what happens without a word, too")
        ->footer(
            "Also: --function NAME, --status STATE, --limit N\n\n"
            "Example:\n  shallop invocations list --function mailer --status failed");
    for (const auto& verb : verbs) {
        auto* sub = command->add_subcommand(verb.name, verb.about);
        auto* ids = sub->add_option("ID", words->ids, "of the invocation")->required()->check(not_empty);
        if (!verb.many) ids->expected(1);
        if (verb.doing == wait)
            sub->add_option("--timeout", words->patience, "for each: 30s, 5m [as long as it takes]");
        sub->footer(std::string("Example:\n  shallop invocations ") + verb.name + " ID");
        sub->callback([&globals, &chosen, words, function, status, limit, doing = verb.doing] {
            words->filtered = function->count() + status->count() + limit->count() > 0;
            chosen = [&globals, words, doing]() -> Done {
                if (words->filtered)
                    return Complaint{"--function, --status and --limit are for the list alone",
                                     "see: shallop invocations --help", 2};
                return doing(globals, *words);
            };
        });
    }
    command->callback([&globals, &chosen, words, command] {
        const auto said = command->get_subcommands();
        if (!said.empty() && said[0]->get_name() != "list") return;
        chosen = [&globals, words] { return list(globals, *words); };
    });
}

}  // namespace shallop::cli
