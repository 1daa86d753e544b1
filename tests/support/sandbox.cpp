// SPDX-License-Identifier: Apache-2.0
#include "support/sandbox.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace shallop::test {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void give_up(const char* what) {
    dprintf(2, "sandbox: %s: %s\n", what, strerror(errno));
    _exit(99);
}

void must(int result, const char* what) {
    if (result != 0) give_up(what);
}

void bind(const std::string& from, const std::string& to) {
    must(mount(from.c_str(), to.c_str(), nullptr, MS_BIND | MS_REC, nullptr), to.c_str());
}

void raise_loopback() {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    must(ioctl(fd, SIOCSIFFLAGS, &request), "loopback");
    close(fd);
}

/// A root directory of this machine's /usr, a fresh /proc and /tmp, and what Shallop mounts.
void build_root(const std::string& root, const std::string& instance, const std::string& cgroup, bool secrets) {
    must(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private mounts");
    must(mount("tmpfs", root.c_str(), "tmpfs", 0, "mode=755"), "root");
    for (const char* directory : {"/usr", "/dev", "/proc", "/sys", "/etc", "/tmp", "/.shallop"}) {
        must(mkdir((root + directory).c_str(), 0755), directory);
    }
    for (const char* directory : {"/usr", "/dev", "/sys"}) bind(directory, root + directory);
    if (!cgroup.empty()) bind(cgroup, root + "/sys/fs/cgroup");
    for (const char* name : {"bin", "lib", "lib64", "sbin"}) {
        must(symlink((std::string("usr/") + name).c_str(), (root + "/" + name).c_str()), name);
    }
    must(chmod((root + "/tmp").c_str(), 01777), "tmp");
    if (secrets) {
        const auto run = root + "/run";
        must(mkdir(run.c_str(), 0755), "run");
        must(mkdir((run + "/secrets").c_str(), 0700), "secrets");
        must(chmod((run + "/secrets").c_str(), 01777), "secrets");
    }
    must(mount("proc", (root + "/proc").c_str(), "proc", 0, nullptr), "proc");
    bind(instance, root + "/.shallop");
    must(mount(nullptr, (root + "/.shallop").c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), "read-only");
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
    std::vector<char*> result;
    for (const auto& word : words) result.push_back(const_cast<char*>(word.c_str()));
    result.push_back(nullptr);
    return result;
}

std::string namespace_of(const std::string& pid) {
    char name[64] = {};
    const auto size = readlink(("/proc/" + pid + "/ns/pid").c_str(), name, sizeof name - 1);
    return size > 0 ? name : "";
}

/// Runs as process 1 of the new namespaces.
[[noreturn]] void become_shim(const std::string& root, const std::string& instance, const Sandbox::Options& options) {
    build_root(root, instance, options.cgroup, options.secrets);
    raise_loopback();
    must(chroot(root.c_str()), "chroot");
    must(chdir("/tmp"), "chdir");
    const rlimit files{options.soft_files, options.hard_files};
    if (options.hard_files != 0) must(setrlimit(RLIMIT_NOFILE, &files), "files");
    if (options.uid != 0) must(setresgid(options.uid, options.uid, options.uid), "gid");
    if (options.uid != 0) must(setresuid(options.uid, options.uid, options.uid), "uid");
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges");
    std::vector<std::string> words = {"/.shallop/shim"};
    words.insert(words.end(), options.command.begin(), options.command.end());
    execve("/.shallop/shim", pointers(words).data(), pointers(options.env).data());
    give_up("exec of the shim");
}

}  // namespace

Sandbox::Sandbox(const std::string& instance, const Options& options) {
    std::string pattern = "/tmp/shallop-root-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    root_ = pattern;
    const unsigned long namespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC;
    shim_ = static_cast<pid_t>(syscall(SYS_clone, namespaces | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (shim_ == 0) become_shim(root_, instance, options);
    if (shim_ < 0) throw std::runtime_error("no new namespaces: the tests of the shim need root");
    process_namespace_ = namespace_of(std::to_string(shim_));
}

Sandbox::~Sandbox() {
    if (status_ == -1) {
        kill(shim_, SIGKILL);
        waitpid(shim_, &status_, 0);
    }
    rmdir(root_.c_str());
}

int Sandbox::wait(int seconds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (status_ == -1 && std::chrono::steady_clock::now() < end) {
        if (waitpid(shim_, &status_, WNOHANG) == shim_) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return status_;
}

int Sandbox::population() const {
    int count = 0;
    for (const auto& entry : fs::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") == std::string::npos && namespace_of(name) == process_namespace_)
            ++count;
    }
    return count;
}

}  // namespace shallop::test
