// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <functional>
#include <string>

#include "cli/complaint.h"
#include "cli/functions.h"
#include "cli/rest.h"
#include "cli/server.h"

namespace CLI {
class App;
}

namespace shallop::cli {

/// What the command line asked for, to be done once it is read whole.
using Chosen = std::function<Done()>;

// Each adds its command to `app`; parsing it sets `chosen`. `globals` is filled by then, and outlives it.
void add_audit(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_deploy(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_apply(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_plan(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_dev(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_init(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_verify(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_list(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_show(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_instances(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_invoke(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_invocations(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_dead_letters(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_jobs(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_logs(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_schedules(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_secrets(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_remove(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_tokens(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_triggers(CLI::App& app, const Globals& globals, Chosen& chosen);
void add_version(CLI::App& app, const Globals& globals, Chosen& chosen);

/// The daemon that `globals` and the environment name.
Result<std::unique_ptr<Rest>> connect(const Globals& globals);

/// A document of the API, which is an object.
Result<nlohmann::ordered_json> fetch(Rest& rest, const std::string& path);

/// The array `member` of a document; a complaint where there is none, as in the answers of other servers.
Result<nlohmann::ordered_json> list_in(const nlohmann::ordered_json& page, const char* member);

/// The array `member` of the document at `path`, which has no query, and of all pages that follow.
Result<nlohmann::ordered_json> fetch_list(Rest& rest, const std::string& path, const char* member);

/// "created NAME, version 1"
void tell(const Deployed& deployed);

}  // namespace shallop::cli
