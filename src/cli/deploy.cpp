// SPDX-License-Identifier: Apache-2.0
// shallop deploy, shallop apply
#include <CLI/CLI.hpp>

#include <memory>

#include "cli/command.h"
#include "cli/manifest.h"
#include "cli/print.h"
#include "cli/resource_flags.h"

namespace shallop::cli {
namespace {

struct Deployed {
    Json resource;
    bool created = false;
};

Result<Deployed> put(Rest& rest, const std::string& name, const Json& resource) {
    Request request;
    request.method = "PUT";
    request.path = "/v1/functions/" + percent_encoded(name);
    request.fields = {"Content-Type: application/json"};
    request.body = resource.dump(-1, ' ', false, Json::error_handler_t::replace);
    const auto reply = rest.ask(request);
    if (!reply) return reply.error();
    auto answer = Json::parse(reply->body, nullptr, false);
    if (!answer.is_object()) return complaint_from(reply->head.status, reply->body);
    return Deployed{std::move(answer), reply->head.status == 201};
}

/// Where the gateway is, as far as the daemon's address tells; "" if it cannot be said.
std::string gateway_url(Rest& rest) {
    Request request;
    request.path = "/v1/info";
    request.patience_seconds = 5;
    const auto reply = rest.ask(request);
    if (!reply || !rest.server().unix_socket.empty()) return "";
    const auto info = Json::parse(reply->body, nullptr, false);
    const auto gateway = info.is_object() ? info.value("gateway", std::string()) : std::string();
    const auto port = gateway.rfind(':');
    if (port == std::string::npos || gateway.starts_with("unix:")) return "";
    const auto host = gateway.substr(0, port);
    if (host != "0.0.0.0" && host != "[::]" && !host.empty()) return "http://" + gateway;
    const auto& url = rest.server().url;
    const auto from = url.find("://") + 3;
    const auto end = url.rfind(':');
    return url.substr(0, end > from ? end : url.size()) + gateway.substr(port);
}

void tell(const Deployed& deployed) {
    std::printf("%s %s, version %lld\n", deployed.created ? "created" : "deployed",
                deployed.resource.value("name", std::string()).c_str(),
                static_cast<long long>(deployed.resource.value("version", std::int64_t{0})));
}

/// What was decided from the image, and why.
void tell_contract(const Json& resource) {
    const auto contract = resource.value("contract", Json::object());
    const auto reason = contract.value("reason", std::string());
    if (reason.empty()) return;
    const auto port = contract.find("port");
    const auto place = port != contract.end() && port->is_number() ? " on port " + port->dump() : std::string();
    std::printf("contract %s%s: %s\n", printable(contract.value("kind", std::string())).c_str(), place.c_str(),
                printable(reason).c_str());
}

Done deploy(const Globals& globals, const std::string& name, ResourceFlags flags) {
    flags.command.insert(flags.command.end(), globals.after_dashes.begin(), globals.after_dashes.end());
    if (name.ends_with(".json") || name.ends_with(".yaml") || name.ends_with(".yml")) {
        return Complaint{"'" + name + "' is a file, not the name of a function", "use: shallop apply -f " + name, 2};
    }
    const auto resource = resource_from(flags, from_environment);
    if (!resource) return resource.error();
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto deployed = put(**rest, name, *resource);
    if (!deployed) return deployed.error();
    if (globals.json) {
        std::printf("%s\n", deployed->resource.dump().c_str());
        return {};
    }
    tell(*deployed);
    tell_contract(deployed->resource);
    if (const auto gateway = gateway_url(**rest); !gateway.empty()) {
        std::printf("call it: curl %s/function/%s\n", gateway.c_str(), name.c_str());
    }
    return {};
}

/// All or as many as go well: the first refusal ends it, and says of which file.
Done apply_manifests(const Globals& globals, const std::vector<std::string>& paths) {
    std::vector<Manifest> manifests;
    for (const auto& path : paths) {
        auto some = read_manifests(path);
        if (!some) return some.error();
        manifests.insert(manifests.end(), some->begin(), some->end());
    }
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    auto all = Json::array();
    for (const auto& manifest : manifests) {
        auto deployed = put(**rest, manifest.name, manifest.resource);
        if (!deployed) {
            auto complaint = deployed.error();
            complaint.what = manifest.from + ": " + complaint.what;
            return complaint;
        }
        if (!globals.json) tell(*deployed);
        all.push_back(std::move(deployed->resource));
    }
    if (globals.json) std::printf("%s\n", all.dump().c_str());
    return {};
}

void add_resource_flags(CLI::App& command, ResourceFlags& flags) {
    command.add_option("--image", flags.image, "the image, pulled if it is not there")->required();
    command.add_option("--route", flags.routes, "'[METHOD,… ][HOST]/PATH' beside /function/NAME; may be repeated")
        ->allow_extra_args(false);
    command.add_option("-e,--env", flags.env, "NAME=VALUE, or NAME for the value it has here; may be repeated")
        ->allow_extra_args(false);
    command
        .add_option("--mount", flags.mounts, "VOLUME:/TARGET[:rw] or /HOST/PATH:/TARGET[:rw]; read-only without :rw")
        ->allow_extra_args(false);
    command.add_option("--network", flags.network, "an existing Docker network; none without it");
    command.add_option("--memory", flags.memory, "limit, such as 256Mi");
    command.add_option("--cpus", flags.cpus, "limit, such as 0.5");
    command.add_option("--pids", flags.pids, "limit of processes");
    command.add_option("--files", flags.files, "limit of open files");
    command.add_option("--tmp", flags.tmp, "size of /tmp, such as 64Mi");
    command.add_option("--timeout", flags.timeout, "for one event in all, such as 30s");
    command.add_option("--request-body", flags.request_body, "limit, such as 6Mi");
    command.add_option("--response-body", flags.response_body, "limit, such as 1Gi, or unlimited");
    command.add_option("--user", flags.user, "instead of the image's");
    command.add_option("--runtime", flags.runtime, "the engine's runtime, such as crun");
    command.add_option("--capability", flags.capabilities, "one to keep; all are dropped without it")
        ->allow_extra_args(false);
    command.add_option("--pull", flags.pull, "if-missing, always or never");
    command.add_flag("--writable-root", flags.writable_root, "let it write to its own file system");
    command
        .add_option("--command", flags.command, "instead of the image's: all words up to the next flag; or after --")
        ->expected(1, -1);
}

void add_contract_flags(CLI::App& command, ResourceFlags& flags) {
    command
        .add_option("--contract", flags.contract, "auto, cgi (its command is run per event) or http (it is a server)")
        ->group("Contract");
    command.add_option("--port", flags.port, "where its server listens: a port, or unix:/PATH; asks for http")
        ->group("Contract");
    command.add_option("--ready-path", flags.ready_path, "a path that answers 2xx or 3xx once the server is ready")
        ->group("Contract");
    command.add_option("--output", flags.output, "how cgi output is read: auto, cgi, raw or nph")->group("Contract");
    command
        .add_flag("--pass-authorization", flags.pass_authorization, "let a cgi function see the Authorization field")
        ->group("Contract");
}

void add_scale_flags(CLI::App& command, ResourceFlags& flags) {
    constexpr const char* group = "Scale";
    command.add_option("--min", flags.min, "instances kept warm")->group(group);
    command.add_option("--max", flags.max, "instances at once")->group(group);
    command.add_option("--concurrency", flags.concurrency, "events at once in one instance")->group(group);
    command.add_flag("--reuse", flags.reuse, "keep instances warm for the next event; the default")->group(group);
    command.add_flag("--fresh", flags.fresh, "a fresh container for each event")->group(group);
    command.add_option("--standby", flags.standby, "fresh containers started ahead, with --fresh")->group(group);
    command.add_option("--idle-timeout", flags.idle_timeout, "how long an instance may be idle, such as 10m")
        ->group(group);
    command.add_option("--idle", flags.idle, "keep, or pause: stop the processes of idle instances")->group(group);
    command.add_option("--keep-alive", flags.keep_alive, "fixed, or learned from the function's own arrivals")
        ->group(group);
    command.add_option("--max-invocations", flags.max_invocations, "replace an instance after so many")->group(group);
    command.add_option("--queue", flags.queue, "events that may wait for an instance")->group(group);
    command.add_option("--queue-timeout", flags.queue_timeout, "how long they may, such as 30s")->group(group);
}

}  // namespace

void add_deploy(CLI::App& app, const Globals& globals, Chosen& chosen) {
    struct Words {
        std::string name;
        ResourceFlags flags;
    };
    auto words = std::make_shared<Words>();
    auto* command =
        app.add_subcommand("deploy", "Create or replace a function from an image: deploy [OPTIONS] NAME [-- COMMAND…]");
    command->add_option("NAME", words->name, "of the function: lower-case letters, digits and -")->required();
    add_resource_flags(*command, words->flags);
    add_contract_flags(*command, words->flags);
    add_scale_flags(*command, words->flags);
    command->footer(
        "Examples:\n"
        "  shallop deploy shout --image debian:bookworm-slim -- tr a-z A-Z\n"
        "  shallop deploy shop --image shop:3 --route 'GET,POST /shop/*' --env MODE=fast --memory 512Mi\n"
        "  shallop deploy web --image nginx:1 --contract http --port 80 --concurrency 50 --max 4 --idle pause");
    command->callback([&globals, &chosen, words] {
        chosen = [&globals, words] { return deploy(globals, words->name, words->flags); };
    });
}

void add_apply(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto paths = std::make_shared<std::vector<std::string>>();
    auto* command = app.add_subcommand("apply", "Create or replace the functions of manifests");
    command->add_option("-f,--file", *paths, "a manifest in JSON or YAML, a directory of them, or - for standard input")
        ->required();
    command->footer("Example:\n  shallop apply -f function.json");
    command->callback(
        [&globals, &chosen, paths] { chosen = [&globals, paths] { return apply_manifests(globals, *paths); }; });
}

}  // namespace shallop::cli
