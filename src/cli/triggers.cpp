// SPDX-License-Identifier: Apache-2.0
// shallop triggers
#include <CLI/CLI.hpp>

#include <memory>

#include "cli/command.h"
#include "cli/print.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* all_triggers = "/v1/triggers";

struct Words {
    std::string function, id;
    std::vector<std::string> types, events, labels, images, containers;
};

std::string path_of(const std::string& id) { return std::string(all_triggers) + "/" + percent_encoded(id); }

/// "event=die,oom label=a=b"
std::string filters_of(const Json& trigger) {
    std::string text;
    const auto filters = trigger.value("filters", Json::object());
    for (const auto& [name, list] : filters.items()) {
        text += (text.empty() ? "" : " ") + name + "=";
        for (std::size_t at = 0; at < list.size(); ++at)
            text += (at == 0 ? "" : ",") + (list[at].is_string() ? list[at].get<std::string>() : list[at].dump());
    }
    return text.empty() ? "everything" : printable(text);
}

std::string cell(const Json& trigger, const char* name) {
    const auto found = trigger.find(name);
    if (found == trigger.end() || found->is_null()) return "-";
    return printable(found->is_string() ? found->get<std::string>() : found->dump());
}

std::string table_of(const Json& triggers) {
    std::vector<std::vector<std::string>> rows{{"ID", "FUNCTION", "STATE", "FIRED", "LAST", "FILTERS"}};
    for (const auto& one : triggers) {
        if (!one.is_object()) continue;
        rows.push_back({cell(one, "id"), cell(one, "function"), one.value("paused", false) ? "paused" : "on",
                        cell(one, "fired"), cell(one, "last_fired"), filters_of(one)});
    }
    return table(rows);
}

Done list(const Globals& globals) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    auto all = Json::array();
    for (std::string cursor;;) {
        const auto page =
            fetch(**rest, std::string(all_triggers) + (cursor.empty() ? "" : "?cursor=" + percent_encoded(cursor)));
        if (!page) return page.error();
        const auto some = page->value("triggers", Json::array());
        all.insert(all.end(), some.begin(), some.end());
        cursor = page->value("next_cursor", std::string());
        if (cursor.empty()) break;
    }
    if (globals.json) {
        std::printf("%s\n", all.dump().c_str());
    } else if (all.empty()) {
        std::printf("no trigger; shallop triggers add --help shows how to make one\n");
    } else {
        std::printf("%s", table_of(all).c_str());
    }
    return {};
}

/// Asks, and shows the trigger that is answered; `verb` is what has happened to it.
Done change(const Globals& globals, Request request, const char* verb) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto reply = (*rest)->ask(request);
    if (!reply) return reply.error();
    auto trigger = Json::parse(reply->body, nullptr, false);
    if (!trigger.is_object()) trigger = Json::object();
    if (globals.json) {
        std::printf("%s\n", trigger.dump().c_str());
    } else {
        std::printf("%s %s, of %s: %s\n", verb, cell(trigger, "id").c_str(), cell(trigger, "function").c_str(),
                    filters_of(trigger).c_str());
    }
    return {};
}

Done add(const Globals& globals, const Words& words) {
    Json document{{"type", "engine"}, {"function", words.function}, {"filters", Json::object()}};
    const auto filter = [&](const char* name, const std::vector<std::string>& values) {
        if (!values.empty()) document["filters"][name] = values;
    };
    filter("type", words.types);
    filter("event", words.events);
    filter("label", words.labels);
    filter("image", words.images);
    filter("container", words.containers);
    Request request;
    request.method = "POST";
    request.path = all_triggers;
    request.body = document.dump(-1, ' ', false, Json::error_handler_t::replace);
    request.fields.push_back("Content-Type: application/json");
    return change(globals, std::move(request), "added");
}

Done show(const Globals& globals, const std::string& id) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto trigger = fetch(**rest, path_of(id));
    if (!trigger) return trigger.error();
    std::printf("%s\n", trigger->dump(globals.json ? -1 : 2).c_str());
    return {};
}

Done set_paused(const Globals& globals, const std::string& id, bool paused) {
    Request request;
    request.method = "POST";
    request.path = path_of(id) + (paused ? "/pause" : "/resume");
    return change(globals, std::move(request), paused ? "paused" : "resumed");
}

Done remove(const Globals& globals, const std::string& id) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    Request request;
    request.method = "DELETE";
    request.path = path_of(id);
    const auto reply = (*rest)->ask(request);
    if (!reply) return reply.error();
    if (globals.json) {
        std::printf("%s\n", Json{{"id", id}, {"removed", true}}.dump().c_str());
    } else {
        std::printf("removed %s\n", printable(id).c_str());
    }
    return {};
}

void add_add(CLI::App& triggers, const Globals& globals, Chosen& chosen, const std::shared_ptr<Words>& words) {
    auto* command = triggers.add_subcommand("add", "Run a function on events of the engine");
    command->add_option("--function", words->function, "the function that is run")->required();
    const auto many = [&](const char* name, std::vector<std::string>& into, const char* what) {
        command->add_option(name, into, std::string(what) + "; may be repeated")->allow_extra_args(false);
    };
    many("--event", words->events, "die, oom, start, \"health_status: unhealthy\", tag, pull, …");
    many("--type", words->types, "container, image, network, volume, …");
    many("--label", words->labels, "KEY or KEY=VALUE that the container or image has; all of them");
    many("--image", words->images, "with its tag or without");
    many("--container", words->containers, "its name, or 12 digits of its id at least");
    command->footer(
        "Example:\n  shallop triggers add --function alarm --event die --event oom --label com.example.team=sales");
    command->callback([&globals, &chosen, words] { chosen = [&globals, words] { return add(globals, *words); }; });
}

}  // namespace

void add_triggers(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = app.add_subcommand("triggers", "Functions that are run on what happens at the engine");
    command->require_subcommand(0, 1);
    auto* all = command->add_subcommand("list", "List them; what happens without a word, too");
    all->footer("Example:\n  shallop triggers list --json");
    all->callback([&globals, &chosen] { chosen = [&globals] { return list(globals); }; });
    add_add(*command, globals, chosen, words);
    const auto one = [&](const char* name, const char* what, auto act) {
        auto* each = command->add_subcommand(name, what);
        each->add_option("ID", words->id, "of the trigger")->required();
        each->footer(std::string("Example:\n  shallop triggers ") + name + " ID");
        each->callback(
            [&globals, &chosen, words, act] { chosen = [&globals, words, act] { return act(globals, words->id); }; });
    };
    one("show", "Show a trigger", show);
    one("pause", "Let a trigger run nothing until it is resumed",
        [](const Globals& daemon, const std::string& id) { return set_paused(daemon, id, true); });
    one("resume", "Let a paused trigger go on",
        [](const Globals& daemon, const std::string& id) { return set_paused(daemon, id, false); });
    one("remove", "Remove a trigger", remove);
    command->footer("Without a word it lists them.\n\nExample:\n  shallop triggers add --function alarm --event die");
    command->callback([&globals, &chosen, command] {
        if (command->get_subcommands().empty()) chosen = [&globals] { return list(globals); };
    });
}

}  // namespace shallop::cli
