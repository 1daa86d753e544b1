// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sandbox.h"

#include <shallop/base/fd.h>
#include <shallop/base/log.h>
#include <shallop/shim/channel.h>
#include <shallop/shim/door.h>
#include <support/loop.h>

#include <catch2/catch_message.hpp>

#include <memory>
#include <string>
#include <vector>

namespace shallop::test {

/// Whether there is a value; a failing check then shows the error.
template <typename T>
bool ok(const base::Result<T>& result) {
    if (!result) UNSCOPED_INFO(base::name(result.error().fault) << ": " << result.error().detail);
    return result.has_value();
}

/// How a process ended and what it wrote.
struct Ran {
    shim::Exit exit;
    std::string out;
};

/// A file in memory with this in it, read from the start.
base::Fd file_of(const std::string& text = {});

/// All of a file made by file_of, whatever its position.
std::string text_of(const base::Fd& file);

base::Fd copy_of(const base::Fd& fd);

/// Both ends of a pipe.
struct Pipe {
    Pipe();
    base::Fd read, write;
};

/// Runs `request` to its end, with `input` on 0 and both 1 and 2 caught.
async::Task<base::Result<Ran>> run(shim::Channel& channel, shim::ExecRequest request, std::string input = {});

/// Starts it with /dev/null for all three.
async::Task<base::Result<shim::Process>> start(shim::Channel& channel, shim::ExecRequest request);

/// `sh -c script`.
shim::ExecRequest shell(const std::string& script);

/// A sandbox with its daemon's end, connected.
class Room {
public:
    explicit Room(const Sandbox::Options& options = {});

    Loop loop;
    base::Log log{2, base::Level::error};
    TemporaryDirectory directory;
    std::unique_ptr<Sandbox> sandbox;
    std::unique_ptr<shim::Channel> channel;

    base::Result<Ran> run(const shim::ExecRequest& request, const std::string& input = {});
    base::Result<Ran> run(const std::string& script) { return run(shell(script)); }
    base::Result<shim::Process> start(const shim::ExecRequest& request);
    base::Result<shim::Process> start(const std::string& script) { return start(shell(script)); }
    base::Result<shim::Exit> wait(shim::Process& process);
};

}  // namespace shallop::test
