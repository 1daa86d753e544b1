// SPDX-License-Identifier: Apache-2.0
#include "room.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>

namespace shallop::test {

base::Fd file_of(const std::string& text) {
    base::Fd file(memfd_create("shallop-test", MFD_CLOEXEC));
    if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) throw std::runtime_error("memfd");
    lseek(file.get(), 0, SEEK_SET);
    return file;
}

std::string text_of(const base::Fd& file) {
    std::string text(static_cast<std::size_t>(lseek(file.get(), 0, SEEK_END)), '\0');
    if (pread(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) throw std::runtime_error("pread");
    return text;
}

base::Fd copy_of(const base::Fd& fd) {
    return base::Fd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
}

Pipe::Pipe() {
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    read.reset(ends[0]);
    write.reset(ends[1]);
}

async::Task<base::Result<Ran>> run(shim::Channel& channel, shim::ExecRequest request, std::string input) {
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

async::Task<base::Result<shim::Process>> start(shim::Channel& channel, shim::ExecRequest request) {
    base::Fd in(open("/dev/null", O_RDWR | O_CLOEXEC));
    auto out = copy_of(in);
    auto err = copy_of(in);
    co_return co_await channel.exec(std::move(request), std::move(in), std::move(out), std::move(err));
}

shim::ExecRequest shell(const std::string& script) {
    shim::ExecRequest request;
    request.argv = {"sh", "-c", script};
    return request;
}

Room::Room(const Sandbox::Options& options) {
    auto door = shim::Door::open(directory.path(), "instance", loop.executor(), loop.clock(), log);
    if (!door) throw std::runtime_error(door.error().detail);
    sandbox = std::make_unique<Sandbox>(door->directory(), options);
    auto opened = loop.run(door->accept(loop.in(std::chrono::seconds(10))));
    if (!opened) throw std::runtime_error(opened.error().detail);
    channel = std::move(*opened);
}

base::Result<Ran> Room::run(const shim::ExecRequest& request, const std::string& input) {
    return loop.run(test::run(*channel, request, input));
}

base::Result<shim::Process> Room::start(const shim::ExecRequest& request) {
    return loop.run(test::start(*channel, request));
}

base::Result<shim::Exit> Room::wait(shim::Process& process) {
    return loop.run(process.wait());
}

}  // namespace shallop::test
