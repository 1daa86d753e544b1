// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>
#include <shallop/function/secret.h>
#include <shallop/instance/launcher.h>

namespace shallop::instance {
namespace {

constexpr const char* door_in_container = "/.shallop";
constexpr const char* shim_in_container = "/.shallop/shim";

/// Where the machine has no memory left, a function goes before the daemon, the engine and what else runs on the host.
constexpr int oom_score_adj = 500;

/// Each process gets the function's limit of descriptors at its exec. The shim itself keeps what containers inherit from the engine, as far
/// as that is surely enough: the kernel counts descriptors under way on sockets per user, so that a shim with the function's limit could
/// not pass any while hostile code of the same user floods. An engine refuses a limit above its own, so none is asked for without need.
int container_files(int files) {
    constexpr int surely_inherited = 1024;
    return files <= surely_inherited ? 0 : files;
}

docker::Mount bind(std::string source, const char* target) {
    docker::Mount mount;
    mount.type = "bind";
    mount.source = std::move(source);
    mount.target = target;
    mount.read_only = true;
    return mount;
}

docker::Mount engine_mount(const function::Mount& from) {
    docker::Mount mount;
    switch (from.kind) {
        case function::MountKind::volume:
            mount.type = "volume";
            break;
        case function::MountKind::bind:
            mount.type = "bind";
            break;
        case function::MountKind::tmpfs:
            mount.type = "tmpfs";
            break;
    }
    mount.source = from.source;
    mount.target = from.target;
    mount.read_only = from.read_only;
    mount.tmpfs_size = from.size;
    return mount;
}

/// `docker run IMAGE [COMMAND…]`: the image's ENTRYPOINT stays, `command` takes the place of its CMD.
std::vector<std::string> command_line(const function::Function& function) {
    auto words = function.image.entrypoint;
    const auto& arguments = function.spec.command ? *function.spec.command : function.image.cmd;
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
}

}  // namespace

docker::ContainerSpec container_for(const function::Function& function, const Settings& settings,
                                    const std::string& instance) {
    const auto& spec = function.spec;
    docker::ContainerSpec container;
    container.image = function.image.id;
    container.entrypoint = {shim_in_container};
    container.cmd = command_line(function);
    for (const auto& [name, value] : spec.env) container.env.push_back(name + "=" + value);
    container.user = spec.user;
    container.labels = {{"shallop.daemon", settings.daemon_id},
                        {"shallop.function", spec.name},
                        {"shallop.version", std::to_string(function.version)},
                        {"shallop.instance", instance}};
    container.mounts.push_back(bind(settings.host_run_dir + "/i/" + instance, door_in_container));
    if (spec.source) {
        auto code = bind(settings.host_code_dir + "/instances/" + instance, function::code_directory);
        if (settings.code_in_volume) code.propagation = "rslave";
        container.mounts.push_back(std::move(code));
    }
    for (const auto& mount : spec.mounts) container.mounts.push_back(engine_mount(mount));
    container.network = spec.network == "none" ? "" : spec.network;
    container.runtime = spec.runtime;
    container.read_only_root = spec.read_only;
    container.tmp_size = spec.limits.tmp;
    container.memory = spec.limits.memory;
    container.nano_cpus = static_cast<std::int64_t>(spec.limits.cpus * 1e9);
    container.pids = spec.limits.pids;
    container.oom_score_adj = oom_score_adj;
    container.files = container_files(spec.limits.files);
    container.capabilities_add = spec.capabilities;
    container.gpus = {spec.gpus.count, spec.gpus.ids};
    // What waits for code may become a function with secrets.
    if (!spec.secrets.empty() || function::is_generic(spec)) container.secrets_size = function::secrets_room;
    return container;
}

}  // namespace shallop::instance
