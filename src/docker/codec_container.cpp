// SPDX-License-Identifier: Apache-2.0
#include "docker/codec_container.h"

#include "docker/codec_json.h"
#include "docker/refusal.h"

#include <algorithm>

namespace shallop::docker {
namespace {

using json::Json;

/// Enough for the semaphores of language runtimes; the memory limit counts it too.
constexpr Bytes shm_size = 16 * 1024 * 1024;

/// `exec`, unlike Docker's own default for a tmpfs: functions unpack helpers and compiled modules into /tmp, and code they
/// can run from there gains nothing over the code they already run. As many inodes as 4 KiB files would fit, and some.
std::string tmp_options(Bytes size) {
    const Bytes inodes = std::max<Bytes>(1024, size / 4096);
    return "rw,exec,nosuid,nodev,mode=1777,size=" + std::to_string(size) + ",nr_inodes=" + std::to_string(inodes);
}

/// Of whoever the container runs as, whose number we need not know: as /tmp is.
std::string secrets_options(Bytes size) {
    return "rw,noexec,nosuid,nodev,mode=1777,size=" + std::to_string(size) + ",nr_inodes=1024";
}

/// Any driver that has GPUs. Ids and a count exclude each other.
Json encode_gpus(const Gpus& gpus) {
    Json request{{"Driver", ""}, {"Capabilities", Json::array({Json::array({"gpu"})})}};
    if (gpus.ids.empty()) request["Count"] = gpus.count;
    if (!gpus.ids.empty()) request["DeviceIDs"] = gpus.ids;
    return Json::array({request});
}

Json encode_mount(const Mount& mount) {
    Json value{{"Type", mount.type}, {"Target", mount.target}, {"ReadOnly", mount.read_only}};
    if (mount.type != "tmpfs") value["Source"] = mount.source;
    // Private: mounts made on the host later do not appear inside, and none made inside comes out.
    const std::string propagation = mount.propagation.empty() ? "rprivate" : mount.propagation;
    if (mount.type == "bind") value["BindOptions"] = {{"Propagation", propagation}};
    if (mount.type == "tmpfs" && mount.tmpfs_size > 0) value["TmpfsOptions"] = {{"SizeBytes", mount.tmpfs_size}};
    return value;
}

Json encode_ulimits(int files) {
    Json limits = Json::array({{{"Name", "core"}, {"Soft", 0}, {"Hard", 0}}});
    if (files > 0) limits.push_back({{"Name", "nofile"}, {"Soft", files}, {"Hard", files}});
    return limits;
}

Json encode_host(const ContainerSpec& spec, ApiVersion api) {
    Json host{{"AutoRemove", spec.auto_remove},
              {"CapDrop", {"ALL"}},
              {"CapAdd", spec.capabilities_add},
              {"Privileged", false},
              {"SecurityOpt", {"no-new-privileges"}},
              {"ReadonlyRootfs", spec.read_only_root},
              {"Init", false},
              {"LogConfig", {{"Type", "none"}}},
              {"RestartPolicy", {{"Name", "no"}}},
              {"ShmSize", shm_size},
              {"Ulimits", encode_ulimits(spec.files)}};
    // Since 1.41; without it an engine on cgroup v1 would show the container the host's cgroup tree.
    if (api >= ApiVersion{1, 41}) host["CgroupnsMode"] = "private";
    if (spec.tmp_size > 0) host["Tmpfs"] = {{"/tmp", tmp_options(spec.tmp_size)}};
    if (spec.secrets_size > 0) host["Tmpfs"]["/run/secrets"] = secrets_options(spec.secrets_size);
    if (spec.gpus.count != 0 || !spec.gpus.ids.empty()) host["DeviceRequests"] = encode_gpus(spec.gpus);
    if (spec.memory > 0) host["Memory"] = host["MemorySwap"] = spec.memory;
    if (spec.nano_cpus > 0) host["NanoCpus"] = spec.nano_cpus;
    if (spec.pids > 0) host["PidsLimit"] = spec.pids;
    if (spec.oom_score_adj != 0) host["OomScoreAdj"] = spec.oom_score_adj;
    if (!spec.runtime.empty()) host["Runtime"] = spec.runtime;
    if (!spec.network.empty()) host["NetworkMode"] = spec.network;
    for (const auto& mount : spec.mounts) host["Mounts"].push_back(encode_mount(mount));
    return host;
}

base::Status check(const ContainerSpec& spec) {
    using base::Error;
    using base::Fault;
    if (spec.network == "host" || spec.network.find(':') != std::string::npos) {
        return Error(Fault::invalid, "a container may not join the network namespace of " + log_safe(spec.network, 80));
    }
    for (const auto& mount : spec.mounts) {
        if (mount.type != "bind" && mount.type != "volume" && mount.type != "tmpfs") {
            return Error(Fault::invalid, "there is no mount of type " + log_safe(mount.type, 80));
        }
        if (mount.target.empty() || mount.target.front() != '/') {
            return Error(Fault::invalid, "the target of a mount is an absolute path");
        }
        if (mount.type == "bind" && (mount.source.empty() || mount.source.front() != '/')) {
            return Error(Fault::invalid, "the source of a bind mount is an absolute path");
        }
    }
    return {};
}

/// "/name" in the API, "name" everywhere else.
std::string plain_name(std::string name) {
    if (!name.empty() && name.front() == '/') name.erase(0, 1);
    return name;
}

}  // namespace

Result<std::string> encode_create(const ContainerSpec& spec, ApiVersion api) {
    if (const auto fine = check(spec); !fine) return fine.error();
    Json body{{"Image", spec.image},
              {"Labels", spec.labels},
              {"Env", spec.env},
              {"Healthcheck", {{"Test", {"NONE"}}}},
              {"NetworkDisabled", spec.network.empty()},
              {"AttachStdin", false},
              {"AttachStdout", false},
              {"AttachStderr", false},
              {"OpenStdin", false},
              {"Tty", false},
              {"HostConfig", encode_host(spec, api)}};
    // Absent means the image's own; an empty list would mean so too, but says it less clearly.
    if (!spec.entrypoint.empty()) body["Entrypoint"] = spec.entrypoint;
    if (!spec.cmd.empty()) body["Cmd"] = spec.cmd;
    if (!spec.user.empty()) body["User"] = spec.user;
    if (!spec.working_dir.empty()) body["WorkingDir"] = spec.working_dir;
    return json::dump(body);
}

std::optional<std::string> decode_created(std::string_view body) {
    const auto reply = json::parse(body);
    if (!reply) return std::nullopt;
    std::string id = json::text(*reply, "Id");
    if (id.empty()) return std::nullopt;
    return id;
}

std::optional<ContainerState> decode_container(std::string_view body) {
    const auto reply = json::parse(body);
    if (!reply || json::text(*reply, "Id").empty()) return std::nullopt;
    const Json& state = json::at(*reply, "State");
    const Json& config = json::at(*reply, "Config");
    ContainerState container;
    container.id = json::text(*reply, "Id");
    container.name = plain_name(json::text(*reply, "Name"));
    container.image = json::text(*reply, "Image");
    container.status = json::text(state, "Status");
    container.running = json::flag(state, "Running");
    container.oom_killed = json::flag(state, "OOMKilled");
    container.exit_code = static_cast<int>(json::integer(state, "ExitCode"));
    container.error = log_safe(json::text(state, "Error"));
    container.labels = json::text_map(config, "Labels");
    for (const auto& mount : json::at(*reply, "Mounts")) {
        container.mounts.push_back({json::text(mount, "Type"), json::text(mount, "Source"),
                                    json::text(mount, "Destination"), json::text(mount, "Name")});
    }
    return container;
}

std::optional<std::vector<ContainerSummary>> decode_list(std::string_view body) {
    const auto reply = json::parse(body);
    if (!reply || !reply->is_array()) return std::nullopt;
    std::vector<ContainerSummary> all;
    for (const auto& item : *reply) {
        ContainerSummary one;
        one.id = json::text(item, "Id");
        if (one.id.empty()) continue;
        const auto names = json::texts(item, "Names");
        if (!names.empty()) one.name = plain_name(names.front());
        one.state = json::text(item, "State");
        one.labels = json::text_map(item, "Labels");
        all.push_back(std::move(one));
    }
    return all;
}

std::optional<Result<int>> decode_wait(std::string_view body) {
    const auto reply = json::parse(body);
    if (!reply || !json::at(*reply, "StatusCode").is_number()) return std::nullopt;
    const std::string error = json::text(json::at(*reply, "Error"), "Message");
    if (!error.empty()) return Result<int>(base::Error(base::Fault::engine_refused, log_safe(error)));
    return Result<int>(static_cast<int>(json::integer(*reply, "StatusCode")));
}

std::string encode_labels(const std::map<std::string, std::string>& labels) { return json::dump(Json(labels)); }

std::string label_filter(const std::vector<std::string>& labels, bool containers_only) {
    Json filter = Json::object();
    if (!labels.empty()) filter["label"] = labels;
    if (containers_only) filter["type"] = {"container"};
    return json::dump(filter);
}

}  // namespace shallop::docker
