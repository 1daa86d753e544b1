// SPDX-License-Identifier: Apache-2.0
// shallop deploy
#include <CLI/CLI.hpp>

#include <memory>

#include "cli/command.h"
#include "cli/functions.h"
#include "cli/print.h"
#include "cli/resource_flags.h"
#include "cli/source.h"
#include "cli/target.h"
#include "cli/target_function.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Words {
    std::vector<std::string> what;  ///< NAME, PLACE or both
    ResourceFlags flags;
};

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
    const auto& url = rest.server().url;
    const bool named = host != "0.0.0.0" && host != "[::]" && !host.empty();
    if (named) return (url.starts_with("https:") ? "https://" : "http://") + gateway;
    const auto from = url.find("://") + 3;
    const auto end = url.rfind(':');
    return url.substr(0, end > from ? end : url.size()) + gateway.substr(port);
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

/// What was found in the files.
void tell_source(const Json& source) {
    for (const auto* const member : {"runtime", "entry", "handler", "kind"}) {
        const auto found = source.find(member);
        if (found == source.end() || !found->is_string() || found->get_ref<const std::string&>().empty()) continue;
        std::printf("%s %s\n", member, printable(found->get<std::string>()).c_str());
    }
}

Done tell_all(const Globals& globals, Rest& rest, const Deployed& deployed) {
    const auto& resource = deployed.resource;
    if (globals.json) {
        std::printf("%s\n", resource.dump().c_str());
        return {};
    }
    tell(deployed);
    const auto source = resource.find("source");
    const bool code = source != resource.end() && source->is_object();
    if (code) tell_source(*source);
    if (!code || source->value("runtime", Json()) == "dockerfile") tell_contract(resource);
    if (const auto gateway = gateway_url(rest); !gateway.empty()) {
        std::printf("call it: curl %s/function/%s\n", gateway.c_str(), resource.value("name", std::string()).c_str());
    }
    return {};
}

/// Of a function that is there, what is not said stays: its routes and their signatures, its secrets and limits. Code, and how it is spoken to,
/// make room for the image.
Result<Deployed> create_or_change(Rest& rest, const std::string& name, Json resource) {
    const auto before = find_function(rest, name);
    if (!before) return before.error();
    if (!*before) return put_function(rest, name, resource);
    if ((*before)->value("source", Json()).is_object()) {
        resource["source"] = nullptr;
        if (!resource.contains("contract")) resource["contract"] = nullptr;
    }
    return patch_function(rest, name, resource);
}

Done deploy_image(const Globals& globals, const std::string& name, const ResourceFlags& flags) {
    if (!source_from(flags).empty()) {
        return Complaint{
            "--language, --entry, --handler and --application-routes are of functions from files, and there is no file",
            "give a file or a folder: shallop deploy " + name + " PATH", 2};
    }
    const auto resource = resource_from(flags, from_environment);
    if (!resource) return resource.error();
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto deployed = create_or_change(**rest, name, *resource);
    if (!deployed) return deployed.error();
    return tell_all(globals, **rest, *deployed);
}

Done deploy_code(const Globals& globals, const Target& target, const ResourceFlags& flags) {
    auto function = function_of(target);
    if (!function) return function.error();
    say(*function, source_from(flags), !flags.image.empty());
    if (!flags.command.empty() && !is_built(*function)) {
        return Complaint{"a function from files has no command of its own: its runtime runs them",
                         "leave the words after -- out; --handler says what is called in the files", 2};
    }
    const auto settings = resource_from(flags, from_environment);
    if (!settings) return settings.error();
    if (settings->contains("contract")) function->settings.erase("contract");
    function->settings.merge_patch(*settings);
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto deployed = deploy_aloud(**rest, *function);
    if (!deployed) return deployed.error();
    return tell_all(globals, **rest, *deployed);
}

Done deploy(const Globals& globals, const std::vector<std::string>& what, ResourceFlags flags) {
    flags.command.insert(flags.command.end(), globals.after_dashes.begin(), globals.after_dashes.end());
    const auto target = target_from(what, !flags.image.empty());
    if (!target) return target.error();
    if (target->place.empty()) return deploy_image(globals, target->name, flags);
    return deploy_code(globals, *target, flags);
}

}  // namespace

void tell(const Deployed& deployed) {
    std::printf("%s %s, version %lld\n", deployed.created ? "created" : "deployed",
                deployed.resource.value("name", std::string()).c_str(),
                static_cast<long long>(deployed.resource.value("version", std::int64_t{0})));
}

void add_deploy(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = app.add_subcommand(
        "deploy",
        "Create a function from an image or from files, or change it: deploy [OPTIONS] [NAME] [PATH] [-- "
        "COMMAND…]");
    command
        ->add_option("NAME", words->what,
                     "of the function: lower-case letters, digits and -; and PATH, a file or a folder with its code, "
                     "after which it is named where no NAME is given")
        ->type_name("")
        ->required();
    add_resource_flags(*command, words->flags);
    command->footer(
        "What is not said stays as it is. A shallop.yaml in a folder is all of the resource instead: env, limits, "
        "scale,\n"
        "routes, source.runtime, .entry and .handler. Those of a folder's files are left out that its .shallopignore "
        "names.\n"
        "A folder with a Dockerfile is built by the engine, unless a language, an entry, a handler, the application's\n"
        "routes or an image is said.\n"
        "\n"
        "Examples:\n"
        "  shallop deploy hello.py\n"
        "  shallop deploy shop ./shop --env MODE=fast --memory 512Mi --route '/shop/*'\n"
        "  shallop deploy shout --image debian:bookworm-slim -- tr a-z A-Z\n"
        "  shallop deploy web --image nginx:1 --contract http --port 80 --concurrency 50 --max 4 --idle pause");
    command->callback([&globals, &chosen, words] {
        chosen = [&globals, words] { return deploy(globals, words->what, words->flags); };
    });
}

}  // namespace shallop::cli
