// SPDX-License-Identifier: Apache-2.0
// shallop schedules
#include <CLI/CLI.hpp>

#include <nlohmann/json.hpp>

#include <memory>

#include "cli/command.h"
#include "cli/schedule_text.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Words {
    std::string function;
    std::vector<std::string> ids;
    std::string cron, zone, method, path, body, overlap, catch_up, deadline, jitter;
    std::vector<std::string> headers;
    bool paused = false;
};

std::string path_of(const std::string& id) { return "/v1/schedules/" + percent_encoded(id); }

std::string path_of_function(const std::string& name) {
    return "/v1/functions/" + percent_encoded(name) + "/schedules";
}

Done list(const Globals& globals, const std::string& function) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto all = fetch_list(**rest, function.empty() ? "/v1/schedules" : path_of_function(function), "schedules");
    if (!all) return all.error();
    if (globals.json) {
        std::printf("%s\n", all->dump().c_str());
    } else if (all->empty()) {
        std::printf("no schedules yet; make one: shallop schedules add NAME '*/5 * * * *'\n");
    } else {
        std::printf("%s", schedule_table(*all).c_str());
    }
    return {};
}

/// One call whose answer is a document.
Result<Json> send(const Globals& globals, const std::string& method, const std::string& path, const Json& body = {}) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    Request request;
    request.method = method;
    request.path = path;
    if (!body.is_null()) {
        request.fields = {"Content-Type: application/json"};
        request.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    const auto reply = (*rest)->ask(request);
    if (!reply) return reply.error();
    auto document = Json::parse(reply->body, nullptr, false);
    if (!document.is_object()) return complaint_from(reply->head.status, reply->body);
    return document;
}

Done print(const Globals& globals, const Result<Json>& schedule) {
    if (!schedule) return schedule.error();
    if (globals.json) {
        std::printf("%s\n", schedule->dump().c_str());
    } else {
        std::printf("%s", schedule_text(*schedule).c_str());
    }
    return {};
}

Done add(const Globals& globals, const Words& words) {
    Json document = {{"cron", words.cron}};
    const std::pair<const char*, const std::string*> texts[]{
        {"time_zone", &words.zone},  {"method", &words.method},
        {"path", &words.path},       {"body", &words.body},
        {"overlap", &words.overlap}, {"catch_up", &words.catch_up},
        {"jitter", &words.jitter},   {"catch_up_deadline", &words.deadline}};
    for (const auto& [name, text] : texts) {
        if (!text->empty()) document[name] = *text;
    }
    if (words.paused) document["paused"] = true;
    for (const auto& header : words.headers) {
        auto field = header_of(header);
        if (!field) return field.error();
        document["headers"][field->first] = field->second;
    }
    return print(globals, send(globals, "POST", path_of_function(words.function), document));
}

Done run(const Globals& globals, const std::string& id) {
    const auto answer = send(globals, "POST", path_of(id) + "/run");
    if (!answer) return answer.error();
    if (globals.json) {
        std::printf("%s\n", answer->dump().c_str());
    } else {
        std::printf("queued as invocation %s\n", answer->value("invocation", std::string()).c_str());
    }
    return {};
}

/// Removes what can be removed, up to the first refusal.
Done remove(const Globals& globals, const std::vector<std::string>& ids) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    auto removed = Json::array();
    for (const auto& id : ids) {
        Request request;
        request.method = "DELETE";
        request.path = path_of(id);
        const auto reply = (*rest)->ask(request);
        if (!reply) return reply.error();
        removed.push_back(id);
        if (!globals.json) std::printf("removed %s\n", id.c_str());
    }
    if (globals.json) std::printf("%s\n", Json{{"removed", removed}}.dump().c_str());
    return {};
}

void declare_add(CLI::App& schedules, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = schedules.add_subcommand("add", "Have a function run by itself");
    command->add_option("NAME", words->function, "of the function")->required();
    command->add_option("CRON", words->cron, "five fields, @daily and the like, or '@every 90s'")->required();
    command->add_option("--time-zone", words->zone, "whose clock is meant, such as Europe/Berlin [UTC]");
    command->add_option("--overlap", words->overlap,
                        "while the run before has not ended: forbid (skip), allow, or replace (cancel that) [forbid]");
    command->add_option("--catch-up", words->catch_up, "runs that were missed: none, one (the newest), or all [one]");
    command->add_option("--catch-up-deadline", words->deadline, "older ones are dropped [1h]");
    command->add_option("--jitter", words->jitter, "run up to this much later, to spread the load [0s]");
    command->add_option("-X,--method", words->method, "of the event [POST]");
    command->add_option("--path", words->path, "what follows the function in the URL, with the query [/]");
    command->add_option("-H,--header", words->headers, "'Name: value'; may be repeated")->allow_extra_args(false);
    command->add_option("-d,--data", words->body, "the body");
    command->add_flag("--paused", words->paused, "make it, and let it wait for resume");
    command->footer(
        "Examples:\n"
        "  shallop schedules add report '30 2 * * MON-FRI' --time-zone Europe/Berlin\n"
        "  shallop schedules add poll '@every 90s' --overlap replace");
    command->callback([&globals, &chosen, words] { chosen = [&globals, words] { return add(globals, *words); }; });
}

using Act = Done (*)(const Globals& globals, const std::string& id);

void declare_one(CLI::App& schedules, const Globals& globals, Chosen& chosen, const char* name, const char* about,
                 Act act) {
    auto id = std::make_shared<std::string>();
    auto* command = schedules.add_subcommand(name, about);
    command->add_option("ID", *id, "of the schedule")->required();
    command->callback([&globals, &chosen, id, act] { chosen = [&globals, id, act] { return act(globals, *id); }; });
}

void declare_acts(CLI::App& schedules, const Globals& globals, Chosen& chosen) {
    declare_one(schedules, globals, chosen, "show", "Show a schedule, its last run and its next five",
                [](const Globals& all, const std::string& id) { return print(all, send(all, "GET", path_of(id))); });
    declare_one(schedules, globals, chosen, "pause", "Hold a schedule's runs off",
                [](const Globals& all, const std::string& id) {
                    return print(all, send(all, "POST", path_of(id) + "/pause"));
                });
    declare_one(schedules, globals, chosen, "resume", "Let it go on; runs of the pause are not made up for",
                [](const Globals& all, const std::string& id) {
                    return print(all, send(all, "POST", path_of(id) + "/resume"));
                });
    declare_one(schedules, globals, chosen, "run", "Run it once, now", run);
}

void declare_remove(CLI::App& schedules, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = schedules.add_subcommand("remove", "Remove schedules");
    command->add_option("ID", words->ids, "of the schedules")->required();
    command->callback(
        [&globals, &chosen, words] { chosen = [&globals, words] { return remove(globals, words->ids); }; });
}

}  // namespace

void add_schedules(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto* command =
        app.add_subcommand("schedules", "List the schedules, or add, show, pause, resume, run and remove them");
    command->require_subcommand(0, 1);
    command->footer("Each explains itself: shallop schedules add --help");
    auto words = std::make_shared<Words>();
    auto* listing = command->add_subcommand("list", "List the schedules, of one function or of all");
    listing->add_option("NAME", words->function, "of the function");
    listing->callback(
        [&globals, &chosen, words] { chosen = [&globals, words] { return list(globals, words->function); }; });
    declare_add(*command, globals, chosen);
    declare_acts(*command, globals, chosen);
    declare_remove(*command, globals, chosen);
    command->callback([&globals, &chosen, command] {
        if (!command->get_subcommands().empty()) return;  // that one has chosen
        chosen = [&globals] { return list(globals, ""); };
    });
}

}  // namespace shallop::cli
