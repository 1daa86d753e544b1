// SPDX-License-Identifier: Apache-2.0
#include <shallop/cli/cli.h>

#include <CLI/CLI.hpp>

#include <algorithm>

#include "cli/command.h"
#include "cli/suggest.h"

namespace shallop::cli {
namespace {

constexpr const char* about = "Shallop, a function server: CGI in containers.";
constexpr const char* closing =
    "Start a daemon, deploy a function from an image or from files, call it:\n"
    "  shallop serve &\n"
    "  shallop deploy shout --image debian:bookworm-slim -- tr a-z A-Z\n"
    "  curl --data 'not so loud' http://localhost:8080/function/shout\n"
    "  shallop init python ./hello\n"
    "  shallop deploy ./hello\n"
    "\n"
    "Each command explains itself: shallop COMMAND --help\n"
    "Environment: SHALLOP_URL, SHALLOP_TOKEN_FILE, SHALLOP_TOKEN, SHALLOP_CA, SHALLOP_CERT, SHALLOP_KEY (of the "
    "client); shallop serve --help for the daemon's.";

void add_globals(CLI::App& app, Globals& globals) {
    app.add_option(
        "--url,--server", globals.url,
        "the daemon's admin listener, http[s]://HOST:PORT or unix:/PATH (SHALLOP_URL) [http://127.0.0.1:8081]");
    app.add_option("--token-file", globals.token_file,
                   std::string("file with a token of the API (SHALLOP_TOKEN_FILE, or SHALLOP_TOKEN itself) [") +
                       default_token_file + "]");
    app.add_option(
        "--ca", globals.ca,
        "of a daemon that speaks https: the certificate of its CA, or its own if it is self-signed (SHALLOP_CA)");
    app.add_option("--cert", globals.cert, "certificate that this client shows (SHALLOP_CERT)");
    app.add_option("--key", globals.key, "its private key, where the file does not hold both (SHALLOP_KEY)");
    app.add_flag("--json", globals.json, "print JSON, for programs");
}

/// Declared for the help alone: main gives `serve` to the daemon.
void add_serve(CLI::App& app) { app.add_subcommand("serve", "Run the daemon; see shallop serve --help"); }

std::vector<std::string> names_of_commands(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* command : app.get_subcommands({})) {
        names.push_back(command->get_name());
        for (const auto& alias : command->get_aliases()) names.push_back(alias);
    }
    return names;
}

/// A first word that is no command.
Complaint unknown_command(const std::string& word, const std::vector<std::string>& names) {
    const auto near = nearest(word, names);
    return {"there is no command '" + word + "'",
            near.empty() ? "see: shallop --help" : "did you mean: shallop " + near + "?", 2};
}

Complaint wrong_usage(const CLI::App& app, const CLI::ParseError& error) {
    std::string command;
    for (const auto* at = &app; !at->get_subcommands().empty();) {
        at = at->get_subcommands().front();
        command += " " + at->get_name();
    }
    return {error.what(), "see: shallop" + command + " --help", 2};
}

/// What nobody foresaw is a complaint, too: most of all an answer of another shape.
Done do_safely(const Chosen& chosen) {
    try {
        return chosen();
    } catch (const std::exception& error) {
        return Complaint{
            std::string("this failed unexpectedly, or the answer is not that of a Shallop daemon: ") + error.what(),
            "check the address: --url URL, or SHALLOP_URL"};
    }
}

}  // namespace

Result<std::unique_ptr<Rest>> connect(const Globals& globals) {
    auto server = find_server(globals, from_environment);
    if (!server) return server.error();
    return std::make_unique<Rest>(std::move(*server));
}

int run(std::span<const std::string> args) {
    Globals globals;
    Chosen chosen;
    CLI::App app(about, "shallop");
    app.set_version_flag("--version", "shallop " SHALLOP_VERSION);
    app.fallthrough();
    app.require_subcommand(0, 1);
    app.get_formatter()->column_width(34);
    add_globals(app, globals);
    add_serve(app);
    for (const auto add :
         {add_init,     add_dev,       add_verify, add_deploy,      add_plan,         add_apply, add_list,
          add_show,     add_instances, add_invoke, add_invocations, add_dead_letters, add_jobs,  add_schedules,
          add_triggers, add_secrets,   add_logs,   add_remove,      add_tokens,       add_audit, add_version}) {
        add(app, globals, chosen);
    }
    app.footer(closing);  // last: what is added inherits it
    const auto names = names_of_commands(app);
    if (!args.empty() && !args[0].starts_with('-') && std::find(names.begin(), names.end(), args[0]) == names.end()) {
        return report(unknown_command(args[0], names));
    }
    const auto dashes = std::find(args.begin(), args.end(), "--");
    if (dashes != args.end()) globals.after_dashes.assign(dashes + 1, args.end());
    try {
        std::vector<std::string> reversed(std::make_reverse_iterator(dashes), args.rend());  // as CLI11 wants it
        app.parse(std::move(reversed));
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);
        return report(wrong_usage(app, error));
    }
    if (!chosen) {
        std::fputs(app.help().c_str(), args.empty() ? stderr : stdout);
        return 2;
    }
    if (!globals.after_dashes.empty() && !app.got_subcommand("deploy") && !app.got_subcommand("jobs")) {
        return report({"only deploy and jobs run take words after --", "see: shallop --help", 2});
    }
    const auto done = do_safely(chosen);
    return done ? 0 : report(done.error());
}

}  // namespace shallop::cli
