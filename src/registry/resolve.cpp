// SPDX-License-Identifier: Apache-2.0
#include "registry/resolve.h"

namespace shallop::registry {
namespace {

using base::Error;
using base::Fault;

function::ImageFacts facts_of(docker::Image image) {
    function::ImageFacts facts;
    facts.id = std::move(image.id);
    facts.entrypoint = std::move(image.entrypoint);
    facts.cmd = std::move(image.cmd);
    facts.working_dir = std::move(image.working_dir);
    facts.user = std::move(image.user);
    facts.env = std::move(image.env);
    facts.exposed_ports = std::move(image.exposed_ports);
    // An image may carry kilobytes of labels; ours are the ones that are read.
    for (auto& [name, value] : image.labels) {
        if (name.starts_with("shallop.")) facts.labels.emplace(name, std::move(value));
    }
    return facts;
}

Error at_image(const Error& cause, const std::string& detail) {
    auto error = Error(cause.fault, detail, "/image");
    error.log = cause.log;
    return error;
}

Error not_there(const Error& cause, const function::Spec& spec) {
    return at_image(cause, "image '" + spec.image +
                               "' is not on this engine, and \"pull\": \"never\" forbids to fetch it: pull or build "
                               "it on the engine's host, or say \"pull\": \"if-missing\"");
}

bool is_default_runtime(const function::Spec& spec) {
    return spec.source && spec.image == function::runtime_image(spec.source->runtime);
}

/// No registry has these: they are built from what Shallop brings along.
Error no_runtime(const Error& cause, const function::Spec& spec) {
    auto error =
        Error(cause.fault,
              "runtime '" + spec.source->runtime + "' is not here: its image " + spec.image +
                  " is neither on this engine nor one that Shallop brings along; build it, or name another image",
              "/source/runtime");
    error.log = cause.log;
    return error;
}

Error not_pulled(const Error& cause, const function::Spec& spec) {
    if (cause.fault == Fault::engine_down) return cause;
    return at_image(
        cause,
        "image '" + spec.image + "' could not be pulled: " + cause.detail +
            "; check its name, build it on the engine's host under that name, or give the registry's credentials "
            "with docker login");
}

Error gone_again(const Error& cause, const function::Spec& spec) {
    if (cause.fault == Fault::engine_down) return cause;
    return at_image(cause, "image '" + spec.image + "' was pulled and is gone again (" + cause.detail + "): try again");
}

Task<Result<function::ImageFacts>> build_runtime(const function::Spec& spec, const Settings& settings,
                                                 docker::Engine& engine, async::Clock& clock) {
    const Error absent(Fault::not_found, "");
    if (!settings.build_runtime) co_return no_runtime(absent, spec);
    const auto built = co_await settings.build_runtime(spec.source->runtime, spec.name);
    if (!built && built.error().fault == Fault::not_found) co_return no_runtime(built.error(), spec);
    if (!built) {
        auto error = built.error();
        error.pointer = "/source/runtime";
        co_return error;
    }
    const auto deadline = clock.now() + settings.engine_timeout;
    auto found = co_await engine.inspect_image(spec.image, deadline);
    if (!found) co_return no_runtime(found.error(), spec);
    co_return facts_of(std::move(*found));
}

}  // namespace

Task<Result<function::ImageFacts>> resolve_image(const function::Spec& spec, const Settings& settings,
                                                 docker::Engine& engine, async::Clock& clock, base::Log& log) {
    if (spec.pull != "always" || is_default_runtime(spec) || spec.build) {
        const auto asked = clock.now() + settings.engine_timeout;
        auto found = co_await engine.inspect_image(spec.image, asked);
        if (found) co_return facts_of(std::move(*found));
        if (found.error().fault != Fault::not_found) co_return found.error();
        if (is_default_runtime(spec)) co_return co_await build_runtime(spec, settings, engine, clock);
        if (spec.build)
            co_return at_image(found.error(), "image '" + spec.image + "' was made and is gone again: try again");
        if (spec.pull == "never") co_return not_there(found.error(), spec);
    }
    log.info("pulling an image", {{"function", spec.name}, {"image", spec.image}});
    const std::function<void(const docker::PullProgress&)> unseen = [](const docker::PullProgress&) {};
    const auto patience = clock.now() + settings.pull_timeout;
    const auto pulled = co_await engine.pull(spec.image, unseen, patience);
    if (!pulled) co_return not_pulled(pulled.error(), spec);
    const auto deadline = clock.now() + settings.engine_timeout;
    auto found = co_await engine.inspect_image(spec.image, deadline);
    if (!found) co_return gone_again(found.error(), spec);
    co_return facts_of(std::move(*found));
}

}  // namespace shallop::registry
