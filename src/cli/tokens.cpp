// SPDX-License-Identifier: Apache-2.0
// shallop tokens, shallop audit
#include <CLI/CLI.hpp>

#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/log_lines.h"
#include "cli/print.h"
#include "cli/token_text.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* all_tokens = "/v1/tokens";

struct Words {
    std::string name, scope, tail;
    std::optional<std::string> expires;
};

std::string path_of(const std::string& name) { return std::string(all_tokens) + "/" + percent_encoded(name); }

Done list(const Globals& globals) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto page = fetch(**rest, all_tokens);
    if (!page) return page.error();
    const auto tokens = page->value("tokens", Json::array());
    if (globals.json) {
        std::printf("%s\n", tokens.dump().c_str());
    } else {
        std::printf("%s", token_table(tokens, std::chrono::system_clock::now()).c_str());
    }
    return {};
}

/// The token alone goes to standard output, for a file or a variable; what is to be said of it, beside.
Done issue(const Globals& globals, const Request& request) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto reply = (*rest)->ask(request);
    if (!reply) return reply.error();
    const auto issued = Json::parse(reply->body, nullptr, false);
    if (!issued.is_object()) return complaint_from(reply->head.status, reply->body);
    if (globals.json) {
        std::printf("%s\n", issued.dump().c_str());
        return {};
    }
    const auto end = issued.value("expires", Json());
    std::fprintf(stderr, "token %s, scope %s, %s; it is shown this once:\n",
                 printable(issued.value("name", std::string())).c_str(),
                 printable(issued.value("scope", std::string())).c_str(),
                 end.is_string() ? ("until " + printable(end.get<std::string>())).c_str() : "without an end");
    std::printf("%s\n", printable(issued.value("token", std::string())).c_str());
    return {};
}

Done create(const Globals& globals, const Words& words) {
    Json document{{"name", words.name}, {"scope", words.scope}};
    if (words.expires) document["expires"] = *words.expires;
    Request request;
    request.method = "POST";
    request.path = all_tokens;
    request.body = document.dump(-1, ' ', false, Json::error_handler_t::replace);
    request.fields.push_back("Content-Type: application/json");
    return issue(globals, request);
}

Done rotate(const Globals& globals, const std::string& name) {
    Request request;
    request.method = "POST";
    request.path = path_of(name) + "/rotate";
    return issue(globals, request);
}

Done remove(const Globals& globals, const std::string& name) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    Request request;
    request.method = "DELETE";
    request.path = path_of(name);
    const auto reply = (*rest)->ask(request);
    if (!reply) return reply.error();
    if (globals.json) {
        std::printf("%s\n", Json{{"name", name}, {"removed", true}}.dump().c_str());
    } else {
        std::printf("removed %s\n", printable(name).c_str());
    }
    return {};
}

Done audit(const Globals& globals, const std::string& tail) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    Request request;
    request.path = "/v1/audit" + (tail.empty() ? "" : "?tail=" + percent_encoded(tail));
    const auto reply = (*rest)->ask(request);
    if (!reply) return reply.error();
    LogLines lines([&](std::string_view line) {
        std::printf("%s\n", globals.json ? std::string(line).c_str() : audit_text(line).c_str());
    });
    lines.add(reply->body);
    return {};
}

void declare_create(CLI::App& tokens, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = tokens.add_subcommand("create", "Make a token");
    command->add_option("NAME", words->name, "of the token, as the audit log will have it")->required();
    command
        ->add_option("--scope", words->scope,
                     "what it may do: metrics (read them), invoke (call functions), deploy (functions and all of "
                     "theirs), admin (all); each has what those before it have")
        ->required();
    command->add_option("--expires", words->expires, "how long it lasts (90d), or until when (2027-01-31T00:00:00Z)");
    command->footer("Example:\n  shallop tokens create ci --scope deploy --expires 90d > ci.token");
    command->callback([&globals, &chosen, words] { chosen = [&globals, words] { return create(globals, *words); }; });
}

}  // namespace

void add_tokens(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = app.add_subcommand("tokens", "List, create, rotate and remove tokens of the API");
    command->require_subcommand(0, 1);
    auto* all = command->add_subcommand("list", "List the tokens; the secrets are not known");
    all->footer("Example:\n  shallop tokens list --json");
    all->callback([&globals, &chosen] { chosen = [&globals] { return list(globals); }; });
    declare_create(*command, globals, chosen);
    const auto one = [&](const char* name, const char* what, auto act) {
        auto* each = command->add_subcommand(name, what);
        each->add_option("NAME", words->name, "of the token")->required();
        each->footer(std::string("Example:\n  shallop tokens ") + name + " ci");
        each->callback(
            [&globals, &chosen, words, act] { chosen = [&globals, words, act] { return act(globals, words->name); }; });
    };
    one("rotate", "Give a token a new secret; the old one opens nothing any more", rotate);
    one("remove", "Remove a token: from then on it opens nothing", remove);
    command->footer(
        "Without a word it lists them.\n\nExample:\n  shallop tokens create ci --scope deploy --expires 90d");
    command->callback([&globals, &chosen, command] {
        if (command->get_subcommands().empty()) chosen = [&globals] { return list(globals); };
    });
}

void add_audit(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = app.add_subcommand("audit", "Show who changed what, and who was not let in");
    command->add_option("--tail", words->tail, "the last so many lines, up to 1000 [100]");
    command->footer("Example:\n  shallop audit --tail 20");
    command->callback(
        [&globals, &chosen, words] { chosen = [&globals, words] { return audit(globals, words->tail); }; });
}

}  // namespace shallop::cli
