// SPDX-License-Identifier: Apache-2.0
// shallop secrets
#include <shallop/base/encoding.h>
#include <shallop/base/secret_bytes.h>
#include <shallop/function/secret.h>

#include <CLI/CLI.hpp>

#include <memory>

#include "cli/command.h"
#include "cli/print.h"
#include "cli/value_input.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* all_secrets = "/v1/secrets";

struct Words {
    std::string name, file, dash;
    std::vector<std::string> names;
};

std::string path_of(const std::string& name) { return std::string(all_secrets) + "/" + percent_encoded(name); }

std::string text_of(const Json& secret, const char* name) {
    const auto found = secret.find(name);
    if (found == secret.end()) return "-";
    return printable(found->is_string() ? found->get<std::string>() : found->dump());
}

std::string users_of(const Json& secret) {
    std::string text;
    for (const auto& one : secret.value("used_by", Json::array())) {
        if (one.is_string()) text += (text.empty() ? "" : ", ") + printable(one.get<std::string>());
    }
    return text.empty() ? "-" : text;
}

std::string table_of(const Json& secrets) {
    std::vector<std::vector<std::string>> rows{{"NAME", "VERSION", "BYTES", "UPDATED", "USED BY"}};
    for (const auto& one : secrets) {
        if (!one.is_object()) continue;
        rows.push_back({text_of(one, "name"), text_of(one, "version"), text_of(one, "bytes"), text_of(one, "updated"),
                        users_of(one)});
    }
    return table(rows);
}

Done list(const Globals& globals) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    auto all = Json::array();
    std::string cursor;
    do {
        const auto next = cursor.empty() ? std::string() : "&cursor=" + percent_encoded(cursor);
        const auto page = fetch(**rest, std::string(all_secrets) + "?limit=1000" + next);
        if (!page) return page.error();
        const auto some = page->value("secrets", Json::array());
        all.insert(all.end(), some.begin(), some.end());
        cursor = page->value("next_cursor", std::string());
    } while (!cursor.empty());
    if (globals.json) {
        std::printf("%s\n", all.dump().c_str());
    } else if (all.empty()) {
        std::printf("no secrets yet; set one: shallop secrets set NAME --from-file FILE\n");
    } else {
        std::printf("%s", table_of(all).c_str());
    }
    return {};
}

std::string size_of(const Json& secret) {
    const auto bytes = text_of(secret, "bytes");
    return bytes + (bytes == "1" ? " byte" : " bytes");
}

Done set(const Globals& globals, const Words& words) {
    if (const auto fine = function::check_secret(words.name); !fine)
        return Complaint{fine.error().detail, "see: shallop secrets set --help", 2};
    const auto value = read_value(words.file);
    if (!value) return value.error();
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    Request request;
    request.method = "PUT";
    request.path = path_of(words.name);
    request.fields = {"Content-Type: application/json"};
    request.body = "{\"value_base64\":\"" + base::to_base64(value->view()) + "\"}";
    const auto reply = (*rest)->ask(request);
    base::wipe(request.body);
    if (!reply) return reply.error();
    auto secret = Json::parse(reply->body, nullptr, false);
    if (!secret.is_object()) secret = Json::object();
    if (globals.json) {
        std::printf("%s\n", secret.dump().c_str());
    } else {
        std::printf("%s %s, version %s, %s; used by: %s\n", reply->head.status == 201 ? "created" : "changed",
                    text_of(secret, "name").c_str(), text_of(secret, "version").c_str(), size_of(secret).c_str(),
                    users_of(secret).c_str());
    }
    return {};
}

/// Removes what can be removed, up to the first refusal.
Done remove(const Globals& globals, const std::vector<std::string>& names) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    auto removed = Json::array();
    for (const auto& name : names) {
        Request request;
        request.method = "DELETE";
        request.path = path_of(name);
        const auto reply = (*rest)->ask(request);
        if (!reply) return reply.error();
        removed.push_back(name);
        if (!globals.json) std::printf("removed %s\n", printable(name).c_str());
    }
    if (globals.json) std::printf("%s\n", Json{{"removed", removed}}.dump().c_str());
    return {};
}

void declare_set(CLI::App& secrets, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = secrets.add_subcommand("set", "Give a secret its value, or a new one");
    command->add_option("NAME", words->name, "of the secret")->required();
    command->add_option("INPUT", words->dash, "- for standard input, which is read without it, too");
    command->add_option("--from-file", words->file, "the file whose bytes are the value");
    command->footer(
        "The value is never an argument, which every user of the machine could read. At a terminal it is asked for, "
        "and not\n"
        "shown; else it is what comes in, with its last line's end. Running instances get it at once.\n\n"
        "Examples:\n"
        "  shallop secrets set db-password\n"
        "  pass show db | shallop secrets set db-password -\n"
        "  shallop secrets set tls --from-file ./tls.pem");
    command->callback([&globals, &chosen, words] {
        if (!words->dash.empty() && words->dash != "-")
            throw CLI::ValidationError(
                "a secret's value is never an argument; give it on standard input, or --from-file FILE");
        if (!words->dash.empty() && !words->file.empty()) throw CLI::ValidationError("give either - or --from-file");
        chosen = [&globals, words] { return set(globals, *words); };
    });
}

void declare_remove(CLI::App& secrets, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = secrets.add_subcommand("remove", "Remove secrets that nothing names any more");
    command->add_option("NAME", words->names, "of the secrets")->required();
    command->callback(
        [&globals, &chosen, words] { chosen = [&globals, words] { return remove(globals, words->names); }; });
}

}  // namespace

void add_secrets(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto* command = app.add_subcommand("secrets", "List the secrets, or set and remove them");
    command->require_subcommand(0, 1);
    command->footer("Without a word it lists them. Each explains itself: shallop secrets set --help");
    auto* listing = command->add_subcommand("list", "List the secrets, and who uses them; never their values");
    listing->callback([&globals, &chosen] { chosen = [&globals] { return list(globals); }; });
    declare_set(*command, globals, chosen);
    declare_remove(*command, globals, chosen);
    command->callback([&globals, &chosen, command] {
        if (!command->get_subcommands().empty()) return;  // that one has chosen
        chosen = [&globals] { return list(globals); };
    });
}

}  // namespace shallop::cli
