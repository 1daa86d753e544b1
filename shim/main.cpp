// SPDX-License-Identifier: Apache-2.0

// The first process of a function container. It connects to the daemon that made the container and does what that asks:
// docs/protocol.md. When the connection ends, so does the container.
//
// It shares a uid with hostile code, which can signal it (the kernel drops what process 1 does not wait for), lower its
// limits and priority, and fill its process table, but can neither trace it nor take its socket: it is not dumpable.

#include "command.h"
#include "cpu.h"
#include "file.h"
#include "filter.h"
#include "link.h"
#include "oom.h"
#include "process.h"
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using namespace shallop::shim;

/// 0, 1 and 2 are open and nothing else is, so that no descriptor we get can be mistaken for one of them.
void settle_descriptors() {
    if (syscall(SYS_close_range, 3U, ~0U, 0U) != 0) {
        for (int fd = 3; fd < 1024; ++fd) close(fd);
    }
    for (;;) {
        const int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd < 0) die("no /dev/null");
        if (fd > 2) {
            close(fd);
            return;
        }
    }
}

/// All signals at their defaults, for what we start to inherit; those we act on are read from the returned descriptor.
int settle_signals() {
    struct sigaction act = {};
    act.sa_handler = SIG_DFL;
    // By the system call itself: the C library keeps 32 to 34 to itself, and some parents leave those ignored.
    const unsigned long defaults[8] = {};
    for (int number = 1; number <= 64; ++number) syscall(SYS_rt_sigaction, number, defaults, nullptr, 8UL);
    act.sa_flags = SA_NOCLDSTOP;  // pausing is none of our children's news
    sigaction(SIGCHLD, &act, nullptr);

    sigset_t ours;
    sigemptyset(&ours);
    constexpr int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGQUIT};
    for (const int number : numbers) sigaddset(&ours, number);
    sigprocmask(SIG_SETMASK, &ours, nullptr);
    return signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
}

/// Ends the container when the daemon is gone, whatever the main thread waits for: a full socket, or the child of a vfork
/// that hostile code has stopped before its exec.
void* watch(void*) {
    for (;;) {
        pollfd gone = {daemon_fd(), 0, 0};
        if (poll(&gone, 1, -1) > 0) end();
    }
}

void start_watching() {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 16 * 1024);
    if (pthread_create(&thread, &attributes, watch, nullptr) != 0) die("no thread to be had");
}

void greet() {
    unsigned char body[wire::hello_size];
    wire::store(body, wire::max_frame);
    wire::store(body + 4, wire::max_processes);
    wire::store(body + 8, command_words());
    wire::store(body + 12, counts_oom() ? wire::hello_counts_oom : 0);
    send(wire::Type::hello, 0, body, sizeof body);
}

/// Reads the signals that wait. True when a child has ended.
bool take_signals(int signals) {
    bool child = false;
    signalfd_siginfo info = {};
    while (read(signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD) child = true;
        // Only the engine can send these from outside our process namespace, where there is no number for the sender.
        else if (info.ssi_code == SI_USER && info.ssi_pid == 0)
            stop(static_cast<int>(info.ssi_signo)), child = true;
    }
    return child;
}

void report_usage(const Request& request) {
    if (request.header.length != 0) die("a usage frame is malformed");
    unsigned char body[wire::used_size];
    wire::store64(body, cpu_used());
    send(wire::Type::used, request.header.id, body, sizeof body);
}

void serve(Request& request) {
    switch (request.header.type) {
        case wire::Type::exec:
            exec(request);
            break;
        case wire::Type::connect:
            connect(request);
            break;
        case wire::Type::listen:
            listen(request);
            break;
        case wire::Type::signal:
            signal(request);
            break;
        case wire::Type::cancel:
            cancel(request);
            break;
        case wire::Type::usage:
            report_usage(request);
            break;
        case wire::Type::file:
            write_file(request);
            break;
        default:
            die("a request of an unknown type");
    }
    request.close_fds();
}

[[noreturn]] void run(int signals) {
    static pollfd polled[2 + max_polled_sockets];
    bool more_dead = false;
    for (;;) {
        int timeout_ms = more_dead ? 0 : -1;
        polled[0] = pollfd{daemon_fd(), POLLIN, 0};
        polled[1] = pollfd{signals, POLLIN, 0};
        const size_t sockets = add_sockets(polled + 2, timeout_ms);
        if (poll(polled, 2 + sockets, timeout_ms) < 0 && errno != EINTR) die("poll failed");
        if (polled[1].revents != 0 && take_signals(signals)) more_dead = true;
        if (more_dead) more_dead = reap();
        serve_sockets(polled + 2, sockets);
        Request request = {};
        for (int i = 0; polled[0].revents != 0 && i < 16 && receive(request); ++i) serve(request);
    }
}

}  // namespace

int main(int argc, char** argv, char** environment) {
    if (prctl(PR_SET_DUMPABLE, 0) != 0) die("cannot become non-dumpable");
    if (getpid() != 1) die("this is the first process of Shallop's containers, and of nothing else");
    refuse_odd_calls();
    settle_descriptors();
    const int signals = settle_signals();
    if (signals < 0) die("no signalfd to be had");
    prepare_processes(argc, argv, environment);
    connect_to_daemon();
    greet();
    start_watching();
    run(signals);
}
