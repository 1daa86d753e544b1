// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include "command.h"
#include "cpu.h"
#include "oom.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace shallop::shim {
namespace {

struct Process {
    uint32_t id;
    pid_t pid;
    uint32_t flags;
    bool killed;  // by us, so that its SIGKILL needs no explanation
    uint64_t oom_kills;
};

/// Written by the child, in our memory, before we run again: that is vfork.
struct Failure {
    wire::Step step;
    int error;
    const char* what;
};

Process processes[wire::max_processes];
size_t process_count = 0;

rlimit own_files = {};
bool stopping = false;

Failure failure;
char tried[4096 + 256];

Process* find_id(uint32_t id) {
    for (size_t i = 0; i < process_count; ++i) {
        if (processes[i].id == id) return &processes[i];
    }
    return nullptr;
}

Process* find_pid(pid_t pid) {
    for (size_t i = 0; i < process_count; ++i) {
        if (processes[i].pid == pid) return &processes[i];
    }
    return nullptr;
}

[[noreturn]] void fail(wire::Step step, int error, const char* what) {
    failure = Failure{step, error, what};
    _exit(127);
}

/// Returns if the program is not at `path`; the search may go on.
void try_program(const char* path, const Command& command) {
    execve(path, command.argv, command.environment);
    const int error = errno;
    if (error == ENOENT && access(path, F_OK) == 0) fail(wire::Step::interpreter, error, path);
    if (error != ENOENT && error != ENOTDIR && error != EACCES) fail(wire::Step::program, error, path);
    if (failure.error != EACCES) failure.error = error;
}

/// Where `docker run` would look: the PATH of the environment the process gets.
void search_program(const Command& command) {
    const char* name = command.argv[0];
    const size_t name_length = strnlen(name, 4096);
    if (strchr(name, '/') != nullptr || name_length == 0 || name_length == 4096) {
        try_program(name, command);
        return;
    }
    for (const char* at = path_of(command.environment);; ++at) {
        const size_t length = strcspn(at, ":");
        if (length + name_length + 2 <= sizeof tried) {
            memcpy(tried, at, length);
            size_t used = length;
            if (length != 0) tried[used++] = '/';
            memcpy(tried + used, name, name_length + 1);
            try_program(tried, command);
        }
        at += length;
        if (*at == 0) return;
    }
}

[[noreturn]] void run_child(const Command& command) {
    setsid();
    for (int i = 0; i < 3; ++i) {
        if (dup2(command.fds[i], i) < 0) fail(wire::Step::fork, errno, "");
    }
    if (command.cwd[0] != 0 && chdir(command.cwd) != 0) fail(wire::Step::cwd, errno, command.cwd);
    rlimit files = own_files;
    // Never more than the container has: to raise a hard limit takes a capability that nobody in it holds.
    if (command.files != 0 && command.files < files.rlim_max) files.rlim_max = command.files;
    if (command.files != 0) files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) fail(wire::Step::fork, errno, "");
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    search_program(command);
    fail(wire::Step::program, failure.error != 0 ? failure.error : ENOENT, command.argv[0]);
}

/// The child borrows our memory until it has become the program or has given up. Being non-dumpable, that memory is
/// out of reach of the function's other processes even then.
[[gnu::noinline]] pid_t spawn(const Command& command) {
    failure = Failure{};
    // NOLINTNEXTLINE(bugprone-unsafe-functions): posix_spawn would not tell which step failed, nor where.
    const pid_t pid = vfork();
    if (pid == 0) run_child(command);
    return pid;
}

void forget(Process* process) { *process = processes[--process_count]; }

void report_exit(const Process& process, int status, const rusage& usage) {
    const bool signalled = WIFSIGNALED(status);
    const uint32_t code = signalled ? UINT32_MAX : static_cast<uint32_t>(WEXITSTATUS(status));
    const uint32_t number = signalled ? static_cast<uint32_t>(WTERMSIG(status)) : 0;
    // A shell reports its child's SIGKILL as 137.
    const bool suspicious = !process.killed && (number == SIGKILL || code == 128 + SIGKILL);
    const uint32_t flags = suspicious && oom_kills() > process.oom_kills ? wire::exited_oom : 0;
    const auto micros = [](const timeval& time) { return static_cast<uint64_t>(time.tv_sec) * 1000000 + time.tv_usec; };
    unsigned char body[wire::exited_size];
    wire::store(body, code);
    wire::store(body + 4, number);
    wire::store(body + 8, flags);
    wire::store64(body + 12, micros(usage.ru_utime));
    wire::store64(body + 20, micros(usage.ru_stime));
    wire::store64(body + 28, static_cast<uint64_t>(usage.ru_maxrss));
    send(wire::Type::exited, process.id, body, sizeof body);
}

}  // namespace

void prepare_processes(int argc, char** argv, char** environment) {
    remember_own_command(argc, argv, environment);
    // The kernel refuses to pass a descriptor while more than RLIMIT_NOFILE are on their way in the whole uid: with the
    // function's own limit, a hostile neighbour of the same uid could stop us. Functions get the limit we came with.
    getrlimit(RLIMIT_NOFILE, &own_files);
    rlimit raised = own_files;
    raised.rlim_cur = raised.rlim_max;
    setrlimit(RLIMIT_NOFILE, &raised);
    open_oom_counter();
    open_cpu_counter();
}

void exec(Request& request) {
    const uint32_t id = request.header.id;
    Command command = {};
    if (request.fd_count != 3) return send_failed(id, wire::Step::request, EMFILE);
    if (stopping) return send_failed(id, wire::Step::request, ECANCELED);
    if (process_count == wire::max_processes) return send_failed(id, wire::Step::request, EAGAIN);
    if (find_id(id) != nullptr) return send_failed(id, wire::Step::request, EEXIST);
    if (!read_exec(request.body, request.header.length, command)) return send_failed(id, wire::Step::request, E2BIG);
    if (command.argv[0] == nullptr) return send_failed(id, wire::Step::command, ENOENT);
    command.fds = request.fds;

    const uint64_t ooms = oom_kills();
    const pid_t pid = spawn(command);
    if (pid < 0) return send_failed(id, wire::Step::fork, errno);
    if (failure.step != wire::Step{}) {
        while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
        return send_failed(id, failure.step, failure.error, failure.what,
                           failure.step == wire::Step::program ? path_of(command.environment) : "");
    }
    processes[process_count++] = Process{id, pid, command.flags, false, ooms};
    unsigned char body[wire::started_size];
    wire::store(body, static_cast<uint32_t>(pid));
    send(wire::Type::started, id, body, sizeof body);
}

void signal(const Request& request) {
    const auto* body = reinterpret_cast<const unsigned char*>(request.body);
    if (request.header.length != wire::signal_size) die("a signal frame is malformed");
    const auto target = static_cast<wire::Target>(wire::load(body));
    const auto number = static_cast<int>(wire::load(body + 4));
    if (number < 1 || number > 64 || target > wire::Target::all) die("a signal frame is malformed");
    if (target == wire::Target::all) {
        for (size_t i = 0; i < process_count; ++i) processes[i].killed |= number == SIGKILL;
        kill(-1, number);
        return;
    }
    // What has exited is not there to be signalled; its number is not reused before we reap it.
    Process* process = find_id(request.header.id);
    if (process == nullptr) return;
    process->killed |= number == SIGKILL;
    kill(target == wire::Target::group ? -process->pid : process->pid, number);
}

void stop(int number) {
    stopping = true;
    kill(-1, number);
    kill(-1, SIGCONT);
}

bool reap() {
    for (int i = 0; i < 64; ++i) {
        siginfo_t info = {};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
            if (errno == ECHILD && stopping) end();
            return false;
        }
        if (info.si_pid == 0) return false;
        Process* process = find_pid(info.si_pid);
        // While it is not reaped, the number of its group is nobody else's.
        if (process != nullptr && (process->flags & wire::exec_sweep) != 0) kill(-info.si_pid, SIGKILL);
        int status = 0;
        rusage usage = {};
        if (wait4(info.si_pid, &status, WNOHANG, &usage) != info.si_pid || process == nullptr) continue;
        const Process ended = *process;
        forget(process);
        report_exit(ended, status, usage);
    }
    return true;
}

}  // namespace shallop::shim
