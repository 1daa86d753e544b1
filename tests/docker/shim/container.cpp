// SPDX-License-Identifier: Apache-2.0
#include "container.h"

#include <shallop/shim/binary.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <thread>

namespace shallop::test {

namespace {

/// The shell command that fills the directory $d.
std::string contents_of(const std::string& kind) {
    if (kind == "static") return "cp /bin/busybox $d/cat";
    return "mkdir -p $d/bin $d/lib $d/tmp $d/proc && cp /bin/busybox $d/bin/ && for a in $(busybox --list); do "
           "[ $a = busybox ] || ln -s busybox $d/bin/$a; done && m=/usr/lib/$(uname -m)-linux-musl && "
           "cp $m/libc.so $d/lib/ld-musl-$(uname -m).so.1 && "
           "echo 'int puts(const char*); int main(void) { return puts(\"linked with musl\") < 0; }' | musl-gcc -x c -o "
           "$d/bin/hello -";
}

int status_of(const std::string& command, std::string* output = nullptr) {
    FILE* pipe = popen(command.c_str(), "re");
    if (pipe == nullptr) throw std::runtime_error("popen");
    char text[4096];
    while (const auto size = fread(text, 1, sizeof text, pipe)) {
        if (output != nullptr) output->append(text, size);
    }
    return pclose(pipe);
}

/// Starts a shell command and does not wait.
pid_t launch(const std::string& command) {
    const pid_t child = fork();
    if (child != 0) return child;
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
}

}  // namespace

std::string docker(const std::string& arguments) {
    std::string output;
    if (status_of("docker " + arguments, &output) != 0) throw std::runtime_error("docker " + arguments + ": " + output);
    return output;
}

std::string image(const std::string& kind) {
    const std::string tag = "shallop-test-" + kind + ":1";
    if (status_of("docker image inspect " + tag + " >/dev/null 2>&1") == 0) return tag;
    const auto make = "set -e; d=$(mktemp -d); chmod 755 $d; " + contents_of(kind) +
                      "; tar -C $d -c . | docker import - " + tag + " >/dev/null; rm -rf $d";
    if (status_of(make) != 0) throw std::runtime_error("cannot make the image " + tag);
    return tag;
}

Container::Container(const Options& options, std::string run_directory) {
    if (run_directory.empty()) run_directory = directory_.emplace().path();
    static int count = 0;
    name_ = "shallop-test-" + std::to_string(getpid()) + "-" + std::to_string(++count);
    const std::string shim_file = run_directory + "/shim";
    if (!shim::write_binary(shim_file)) throw std::runtime_error("cannot write the shim");
    auto door = shim::Door::open(run_directory, "instance", shim_file, loop.executor(), loop.clock(), log);
    if (!door) throw std::runtime_error(door.error().detail);
    const pid_t starting = launch(
        "docker run --detach --rm --name " + name_ +
        " --network none --cap-drop ALL --security-opt no-new-privileges --read-only"
        " --tmpfs /tmp --log-driver none --pids-limit 64 --memory 64m --memory-swap 64m --ulimit nofile=512:4096" +
        (options.user.empty() ? "" : " --user " + options.user) + " -v " + door->directory() + ":/.shallop:ro " +
        options.more + " --entrypoint /.shallop/shim " + options.image + " " + options.command + " >/dev/null");
    auto opened = loop.run(door->accept(loop.in(std::chrono::seconds(30))));
    int status = 0;
    waitpid(starting, &status, 0);
    if (status != 0) throw std::runtime_error("docker run failed");
    if (!opened) throw std::runtime_error(opened.error().detail);
    channel = std::move(*opened);
}

Container::~Container() {
    channel.reset();
    if (!gone()) status_of("docker rm --force " + name_ + " >/dev/null 2>&1");
}

bool Container::gone() const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < end) {
        if (docker("ps --all --quiet --filter name=^/" + name_ + "$").empty()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
}

base::Result<Ran> Container::run(const shim::ExecRequest& request, const std::string& input) {
    return loop.run(test::run(*channel, request, input));
}

base::Result<shim::Process> Container::start(const std::string& script) {
    return loop.run(test::start(*channel, shell(script)));
}

}  // namespace shallop::test
