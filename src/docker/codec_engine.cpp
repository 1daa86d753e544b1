// SPDX-License-Identifier: Apache-2.0
#include "docker/codec_engine.h"

#include "docker/codec_json.h"
#include "docker/refusal.h"

#include <algorithm>

namespace shallop::docker {
namespace {

using json::Json;

Bytes size(const Json& from, std::string_view key) {
    return static_cast<Bytes>(std::max<std::int64_t>(0, json::integer(from, key)));
}

/// The error that a message of a stream may be.
std::string error_of(const Json& message) {
    auto error = log_safe(json::text(json::at(message, "errorDetail"), "message"));
    return error.empty() ? log_safe(json::text(message, "error")) : error;
}

}  // namespace

std::optional<Version> decode_version(std::string_view body) {
    const auto reply = json::parse(body);
    if (!reply || !reply->is_object()) return std::nullopt;
    Version version;
    version.version = json::text(*reply, "Version");
    version.api_version = json::text(*reply, "ApiVersion");
    version.min_api_version = json::text(*reply, "MinAPIVersion");
    version.os = json::text(*reply, "Os");
    version.arch = json::text(*reply, "Arch");
    version.kernel = json::text(*reply, "KernelVersion");
    return version;
}

std::optional<Info> decode_info(std::string_view body) {
    const auto reply = json::parse(body);
    if (!reply || !reply->is_object()) return std::nullopt;
    Info info;
    info.id = json::text(*reply, "ID");
    info.name = json::text(*reply, "Name");
    info.storage_driver = json::text(*reply, "Driver");
    info.cgroup_version = json::text(*reply, "CgroupVersion");
    if (info.cgroup_version.empty()) info.cgroup_version = "1";  // API 1.40 knows no other
    info.cgroup_driver = json::text(*reply, "CgroupDriver");
    info.default_runtime = json::text(*reply, "DefaultRuntime");
    info.runtimes = json::names(*reply, "Runtimes");
    info.cpus = static_cast<int>(json::integer(*reply, "NCPU"));
    info.memory = size(*reply, "MemTotal");
    return info;
}

std::optional<Image> decode_image(std::string_view body) {
    const auto reply = json::parse(body);
    if (!reply) return std::nullopt;
    Image image;
    image.id = json::text(*reply, "Id");
    if (image.id.empty()) return std::nullopt;
    // Up to 28.1 empty members are null, later they are absent: both read as empty.
    const Json& config = json::at(*reply, "Config");
    image.entrypoint = json::texts(config, "Entrypoint");
    image.cmd = json::texts(config, "Cmd");
    image.env = json::texts(config, "Env");
    image.exposed_ports = json::names(config, "ExposedPorts");
    image.working_dir = json::text(config, "WorkingDir");
    image.user = json::text(config, "User");
    image.labels = json::text_map(config, "Labels");
    return image;
}

std::optional<std::vector<std::string>> decode_image_names(std::string_view body) {
    const auto reply = json::parse(body);
    if (!reply || !reply->is_array()) return std::nullopt;
    std::vector<std::string> names;
    for (const auto& image : *reply) {
        for (auto& name : json::texts(image, "RepoTags")) names.push_back(std::move(name));
    }
    return names;
}

std::string reference_filter(const std::string& pattern) { return json::dump(Json{{"reference", {pattern}}}); }

std::optional<EngineEvent> decode_event(std::string_view line) {
    const auto message = json::parse(line);
    if (!message || !message->is_object()) return std::nullopt;
    const Json& actor = json::at(*message, "Actor");
    EngineEvent event;
    event.type = json::text(*message, "Type");
    event.action = json::text(*message, "Action");
    event.id = json::text(actor, "ID");
    event.attributes = json::text_map(actor, "Attributes");
    event.time_nano = json::integer(*message, "timeNano");
    event.json = line;
    if (event.type.empty() || event.action.empty()) return std::nullopt;
    return event;
}

std::optional<PullLine> decode_pull_line(std::string_view line) {
    const auto message = json::parse(line);
    if (!message || !message->is_object()) return std::nullopt;
    PullLine read;
    read.progress.layer = log_safe(json::text(*message, "id"), 128);
    read.progress.status = log_safe(json::text(*message, "status"), 256);
    const Json& detail = json::at(*message, "progressDetail");
    read.progress.current = size(detail, "current");
    read.progress.total = size(detail, "total");
    read.error = error_of(*message);
    return read;
}

std::optional<BuildMessage> decode_build_message(std::string_view line) {
    const auto message = json::parse(line);
    if (!message || !message->is_object()) return std::nullopt;
    BuildMessage read;
    read.text = json::text(*message, "stream");
    // Layers that a FROM pulls.
    if (read.text.empty()) read.text = json::text(*message, "status");
    if (!read.text.empty() && json::text(*message, "stream").empty()) read.text += '\n';
    read.error = error_of(*message);
    return read;
}

}  // namespace shallop::docker
