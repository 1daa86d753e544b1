// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace shallop::test {

/// The real shim as process 1 of new process, mount and network namespaces on this machine, in a root directory made of
/// this machine's programs: what an engine would do, in a millisecond. Needs root.
///
/// Destroying it kills the shim, with which its namespace ends.
class Sandbox {
public:
    struct Options {
        std::vector<std::string> command;  ///< the container's own command
        std::vector<std::string> env = {"PATH=/usr/bin:/bin", "HOME=/", "KEPT=by the container"};
        unsigned uid = 0;
        bool secrets = true;                      ///< whether there is a /run/secrets
        unsigned soft_files = 0, hard_files = 0;  ///< RLIMIT_NOFILE; 0: as it is
        std::string cgroup;                       ///< a directory that it sees at /sys/fs/cgroup; empty: this machine's
    };

    /// `instance` is the directory with the shim and the daemon's socket.
    Sandbox(const std::string& instance, const Options& options);
    Sandbox(const Sandbox&) = delete;
    Sandbox& operator=(const Sandbox&) = delete;
    ~Sandbox();

    /// The shim's number on this side.
    pid_t pid() const { return shim_; }

    /// Waits at most `seconds` for the shim to end; its wait status, or -1.
    int wait(int seconds = 10);

    /// Processes in the namespace, the shim included.
    int population() const;

private:
    pid_t shim_ = -1;
    int status_ = -1;
    std::string root_;
    std::string process_namespace_;
};

}  // namespace shallop::test
