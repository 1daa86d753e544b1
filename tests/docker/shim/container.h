// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/shim/door.h>

#include "support/loop.h"
#include "support/processes.h"
#include "support/temporary_directory.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace shallop::test {

/// Runs `docker ARGUMENTS` through the shell; its output, or throws where it fails.
std::string docker(const std::string& arguments);

/// Images made of what Debian has, once: "static" is one static program and nothing else, "musl" is busybox with musl.
std::string image(const std::string& kind);

/// A real container as Shallop makes them, with its Channel.
class Container {
public:
    struct Options {
        std::string image = "debian:bookworm-slim";
        std::string user;
        std::string more;     ///< more options of `docker run`
        std::string command;  ///< the image's own, as arguments of the shim
    };

    /// `run_directory` is a temporary one where none is given.
    explicit Container(const Options& options, std::string run_directory = {});
    Container(const Container&) = delete;
    Container& operator=(const Container&) = delete;
    ~Container();

    const std::string& name() const { return name_; }

    /// Whether the engine has forgotten it; waits for that at most ten seconds.
    bool gone() const;

    base::Result<Ran> run(const shim::ExecRequest& request, const std::string& input = {});
    base::Result<Ran> run(const std::string& script) { return run(shell(script)); }
    base::Result<shim::Process> start(const std::string& script);
    base::Result<shim::Exit> wait(shim::Process& process) { return loop.run(process.wait()); }

    Loop loop;
    base::Log log{2, base::Level::error};
    std::unique_ptr<shim::Channel> channel;

private:
    std::string name_;
    std::optional<TemporaryDirectory> directory_;
};

}  // namespace shallop::test
