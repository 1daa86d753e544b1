// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/base/result.h>
#include <shallop/base/units.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// The Docker Engine's verbs, in Docker's words. This module has never heard of functions.
namespace shallop::docker {

using async::Instant;
using async::Task;
using base::Bytes;
using base::Result;
using base::Status;

/// A bind mount, a named volume or a tmpfs (POST /containers/create: HostConfig.Mounts).
struct Mount {
    std::string type;  ///< "bind", "volume" or "tmpfs"
    std::string source;
    std::string target;
    bool read_only = true;
    Bytes tmpfs_size = 0;
    std::string
        propagation{};  ///< of a bind mount; "" = rprivate. The engine wants rslave for what lies in its own root.
};

/// GPUs of the engine's host, as `docker run --gpus` asks for them (HostConfig.DeviceRequests).
struct Gpus {
    int count = 0;  ///< -1: all there are
    std::vector<std::string> ids{};
};

/// What a container is made from. HostConfig is built from these members alone (threat T2): there is no way to say
/// privileged, devices other than GPUs, host namespaces or extra binds.
struct ContainerSpec {
    std::string image;
    std::vector<std::string> entrypoint;
    std::vector<std::string> cmd;
    std::vector<std::string> env;  ///< "NAME=value", added to the image's own
    std::string user;              ///< "" = the image's own
    std::string working_dir;       ///< "" = the image's own
    std::map<std::string, std::string> labels;
    std::vector<Mount> mounts;
    std::string network;  ///< "" = NetworkDisabled: a namespace with loopback alone; else a network's name
    std::string runtime;  ///< "" = the engine's default
    bool read_only_root = true;
    Bytes tmp_size = 0;  ///< a tmpfs on /tmp of this size, mode 1777, nosuid, nodev, exec, an inode a 4 KiB; 0 = none
    Bytes secrets_size = 0;  ///< a tmpfs on /run/secrets of this size, mode 1777, nosuid, nodev, noexec; 0 = none
    Bytes memory = 0;        ///< and swap off; 0 = no limit
    Gpus gpus;
    std::int64_t nano_cpus = 0;
    int pids = 0;
    int files = 0;                              ///< RLIMIT_NOFILE, soft and hard
    int oom_score_adj = 0;                      ///< -1000 … 1000, proc(5): the higher, the earlier the kernel kills it
    std::vector<std::string> capabilities_add;  ///< ALL are dropped first
    bool auto_remove = true;
    // Always: no-new-privileges, default seccomp, health check none, log driver none, restart policy no, core 0, no stdin, no TTY.
};

struct Version {
    std::string version;      ///< "20.10.24+dfsg1"
    std::string api_version;  ///< newest the engine speaks, "1.41"
    std::string min_api_version;
    std::string os, arch, kernel;
};

struct Info {
    std::string id, name, storage_driver, cgroup_version, cgroup_driver, default_runtime;
    std::vector<std::string> runtimes;
    int cpus = 0;
    Bytes memory = 0;
};

struct Image {
    std::string id;
    std::vector<std::string> entrypoint, cmd, env, exposed_ports;
    std::string working_dir, user;
    std::map<std::string, std::string> labels;
};

struct ContainerMount {
    std::string type, source, destination;  ///< source: the host's path
    std::string name;                       ///< of a volume
};

struct ContainerState {
    std::string id, name, image, status;  ///< status: created running paused restarting removing exited dead
    bool running = false;
    bool oom_killed = false;
    int exit_code = 0;
    std::string error;  ///< the engine's own words when it could not start it
    std::map<std::string, std::string> labels;
    std::vector<ContainerMount> mounts;
};

struct ContainerSummary {
    std::string id, name, state;
    std::map<std::string, std::string> labels;
};

/// One message of the event stream (GET /events). A hint, never the only source of truth.
struct EngineEvent {
    std::string type, action, id;  ///< "container", "die", …
    std::map<std::string, std::string> attributes;
    std::int64_t time_nano = 0;
    std::string json{};  ///< the message itself
};

/// One line of progress of a pull.
struct PullProgress {
    std::string layer, status;
    Bytes current = 0, total = 0;
};

/// The engine, as far as we need it. Every call takes a deadline, is cancellable, and turns each status it expects into its Fault:
/// engine_down (cannot be reached, or not in time), engine_refused (it said no: `detail` has its words), not_found, conflict.
/// Tests wrap a real one to make faults; nothing pretends to be one.
class Engine {
public:
    virtual ~Engine() = default;

    virtual Task<Status> ping(Instant deadline) = 0;
    virtual Task<Result<Version>> version(Instant deadline) = 0;
    virtual Task<Result<Info>> info(Instant deadline) = 0;

    virtual Task<Result<Image>> inspect_image(std::string reference, Instant deadline) = 0;
    /// Pulls `reference` (":latest" if it has neither tag nor digest), with the registry credentials of the Docker config file.
    /// Faults: not_found (no such image), engine_refused (denied, registry unreachable: its words).
    virtual Task<Status> pull(std::string reference, std::function<void(const PullProgress&)> progress,
                              Instant deadline) = 0;

    /// Builds an image with the engine's own builder and names it `tag`. `context` is a tar with a Dockerfile at its top, plain or compressed by gzip,
    /// bzip2 or xz; it is held in memory until it is sent. `line` gets what the build says, line by line.
    /// Faults: engine_refused (a step failed, or the Dockerfile is wrong: the engine's words).
    virtual Task<Status> build(std::string context, std::string tag, std::map<std::string, std::string> labels,
                               std::function<void(std::string line)> line, Instant deadline) = 0;

    /// The names ("web:1") of all images whose name and tag match `pattern`, in which '*' stands for any part that has no '/'.
    virtual Task<Result<std::vector<std::string>>> image_names(std::string pattern, Instant deadline) = 0;
    /// Takes the name from an image, and the image away where that was its last one. Done where nothing has the name.
    /// Faults: conflict (a container is of it).
    virtual Task<Status> remove_image(std::string reference, Instant deadline) = 0;

    /// Creates; the name is ours and never reused. Returns the id. Faults: not_found (the image is gone), conflict (name).
    virtual Task<Result<std::string>> create(ContainerSpec spec, std::string name, Instant deadline) = 0;
    /// Fine if it runs already. Faults: not_found; launch_failed where the runtime could not start it (bad command, user,
    /// mount or network).
    virtual Task<Status> start(std::string id, Instant deadline) = 0;
    virtual Task<Status> kill(std::string id, std::string signal, Instant deadline) = 0;
    /// Removes with force and volumes. A container that is gone, or going, counts as done.
    virtual Task<Status> remove(std::string id, Instant deadline) = 0;
    /// Waits for `condition` ("not-running", "next-exit", "removed"); returns the exit code. Faults: timed_out where the
    /// container still runs at the deadline; not_found.
    virtual Task<Result<int>> wait(std::string id, std::string condition, Instant deadline) = 0;
    virtual Task<Result<ContainerState>> inspect(std::string id, Instant deadline) = 0;
    /// Containers in any state that carry every one of `labels` ("key=value").
    virtual Task<Result<std::vector<ContainerSummary>>> list(std::vector<std::string> labels, Instant deadline) = 0;
    /// The last `tail` lines of stdout and stderr, demultiplexed; at most 1 MiB.
    virtual Task<Result<std::string>> logs(std::string id, int tail, Instant deadline) = 0;

    /// Follows the event stream of containers with `labels`, calling `event` for each and `connected` whenever a (new)
    /// stream is up, so that the caller can reconcile by list(). Reconnects with back-off (0.1 s to 5 s) until cancelled.
    virtual Task<void> events(std::vector<std::string> labels, std::function<void(const EngineEvent&)> event,
                              std::function<void()> connected) = 0;

    /// The same of everything that the engine tells of, from 5 s before `since_nano` of its time on (0: from now on). What happened while
    /// no stream was up comes with the next one, as far as the engine remembers it: its last 256 events.
    virtual Task<void> follow(std::int64_t since_nano, std::function<void(const EngineEvent&)> event,
                              std::function<void()> connected) = 0;
};

}  // namespace shallop::docker
