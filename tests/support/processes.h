// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fd.h>
#include <shallop/shim/channel.h>

#include <catch2/catch_message.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <utility>

/// Starting processes through a Channel with files for their streams, for the tests of the shim.
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
inline base::Fd file_of(const std::string& text = {}) {
    base::Fd file(memfd_create("shallop-test", MFD_CLOEXEC));
    if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        throw std::runtime_error("memfd");
    lseek(file.get(), 0, SEEK_SET);
    return file;
}

/// All of a file made by file_of, whatever its position.
inline std::string text_of(const base::Fd& file) {
    std::string text(static_cast<std::size_t>(lseek(file.get(), 0, SEEK_END)), '\0');
    if (pread(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
        throw std::runtime_error("pread");
    return text;
}

inline base::Fd copy_of(const base::Fd& fd) { return base::Fd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)); }

/// Both ends of a pipe.
struct Pipe {
    Pipe() {
        int ends[2] = {-1, -1};
        if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
        read.reset(ends[0]);
        write.reset(ends[1]);
    }
    base::Fd read, write;
};

/// Runs `request` to its end, with `input` on 0 and both 1 and 2 caught.
inline async::Task<base::Result<Ran>> run(shim::Channel& channel, shim::ExecRequest request, std::string input = {}) {
    const base::Fd out = file_of();
    auto in = file_of(input);
    auto first = copy_of(out);
    auto second = copy_of(out);
    auto process = co_await channel.exec(std::move(request), std::move(in), std::move(first), std::move(second));
    if (!process) co_return process.error();
    auto exit = co_await process->wait();
    if (!exit) co_return exit.error();
    co_return Ran{*exit, text_of(out)};
}

/// Starts it with /dev/null for all three.
inline async::Task<base::Result<shim::Process>> start(shim::Channel& channel, shim::ExecRequest request) {
    base::Fd in(open("/dev/null", O_RDWR | O_CLOEXEC));
    auto out = copy_of(in);
    auto err = copy_of(in);
    co_return co_await channel.exec(std::move(request), std::move(in), std::move(out), std::move(err));
}

/// `sh -c script`.
inline shim::ExecRequest shell(const std::string& script) {
    shim::ExecRequest request;
    request.argv = {"sh", "-c", script};
    return request;
}

}  // namespace shallop::test
