// SPDX-License-Identifier: Apache-2.0
#include "docker/refusal.h"

#include <shallop/base/encoding.h>

#include "docker/codec_json.h"

#include <algorithm>
#include <array>

namespace shallop::docker {
namespace {

using base::Fault;

/// What runc, crun and the engine say when it is the container's own configuration that cannot start.
constexpr std::array launch_words{"executable file not found",
                                  "exec format error",
                                  "no such file or directory",
                                  "permission denied",
                                  "oci runtime",
                                  "create shim task",
                                  "create task for container",
                                  "starting container process",
                                  "start container process",
                                  "unable to find user",
                                  "unable to find group",
                                  "not a directory",
                                  "error mounting",
                                  "error while mounting",
                                  "failed to mount",
                                  "set up container networking",
                                  "could not select device driver"};

/// What the engine says where nothing on its host gives GPUs to containers.
constexpr std::array gpu_words{"could not select device driver"};
constexpr const char* no_gpus =
    ": the engine has no GPU runtime; install NVIDIA's container toolkit on its host and restart it, or ask for no "
    "\"gpus\"";

/// What registries and engines say of an image that is not there.
constexpr std::array absent_words{"manifest unknown", "repository does not exist", "name unknown", "no such image",
                                  ": not found"};

std::string lower(std::string_view text) {
    std::string low(text);
    for (char& c : low) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return low;
}

template <typename Words>
bool says(std::string_view message, const Words& words) {
    const std::string low = lower(message);
    return std::any_of(words.begin(), words.end(),
                       [&](const char* word) { return low.find(word) != std::string::npos; });
}

Fault fault_of(Verb verb, int status, const std::string& message) {
    if (verb == Verb::start && message.find("No such container") == std::string::npos) {
        // A network that is gone is a 404 too, and no reason to think that the container is.
        if (status == 404 || ((status == 400 || status == 500) && says(message, launch_words)))
            return Fault::launch_failed;
    }
    if (verb == Verb::pull && status != 404)
        return says(message, absent_words) ? Fault::not_found : Fault::engine_refused;
    if (status == 404) return Fault::not_found;
    if (status == 409) return Fault::conflict;
    return Fault::engine_refused;
}

}  // namespace

const char* name(Verb verb) {
    switch (verb) {
        case Verb::ping:
            return "ping";
        case Verb::version:
            return "version";
        case Verb::info:
            return "info";
        case Verb::inspect_image:
            return "inspect_image";
        case Verb::pull:
            return "pull";
        case Verb::build:
            return "build";
        case Verb::images:
            return "images";
        case Verb::remove_image:
            return "remove_image";
        case Verb::create:
            return "create";
        case Verb::start:
            return "start";
        case Verb::kill:
            return "kill";
        case Verb::remove:
            return "remove";
        case Verb::wait:
            return "wait";
        case Verb::inspect:
            return "inspect";
        case Verb::list:
            return "list";
        case Verb::logs:
            return "logs";
        case Verb::events:
            return "events";
    }
    return "unknown";
}

std::string log_safe(std::string_view text, std::size_t most) {
    std::string safe;
    while (!text.empty()) {
        const std::size_t length = std::max<std::size_t>(base::utf8_length(text), 1);
        const std::string_view one = text.substr(0, length);
        if (safe.size() + length > most) break;
        if (base::is_control(one)) {
            safe += ' ';
        } else if (length == 1 && static_cast<unsigned char>(one[0]) >= 0x80) {
            safe += '?';
        } else {
            safe += one;
        }
        text.remove_prefix(length);
    }
    while (!safe.empty() && safe.back() == ' ') safe.pop_back();
    return safe;
}

std::string message_of(std::string_view body) {
    const auto parsed = json::parse(body);
    if (!parsed) return log_safe(body);  // before API 1.24, and from proxies: plain text
    return log_safe(json::text(*parsed, "message"));
}

base::Error refusal(Verb verb, int status, std::string_view body) {
    std::string message = message_of(body);
    const Fault fault = fault_of(verb, status, message);
    if (says(message, gpu_words)) message += no_gpus;
    if (message.empty()) message = "the engine answered " + std::to_string(status) + " to " + name(verb);
    return {fault, std::move(message)};
}

base::Error pull_refusal(std::string_view message) {
    std::string safe = log_safe(message);
    if (safe.empty()) safe = "the pull failed and the engine does not say why";
    return {fault_of(Verb::pull, 200, safe), std::move(safe)};
}

base::Error build_refusal(std::string_view message) {
    std::string safe = log_safe(message);
    if (safe.empty()) safe = "the build failed and the engine does not say why";
    return {Fault::engine_refused, std::move(safe)};
}

base::Error nonsense(Verb verb) {
    return {Fault::engine_refused, std::string("the engine's answer to ") + name(verb) + " makes no sense"};
}

}  // namespace shallop::docker
