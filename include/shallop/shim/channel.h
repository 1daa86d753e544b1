// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task.h>
#include <shallop/base/fd.h>
#include <shallop/base/log.h>
#include <shallop/base/result.h>
#include <shallop/base/secret_bytes.h>
#include <shallop/base/units.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

/// The daemon's end of the shim protocol (docs/protocol.md): processes and sockets inside one container.
namespace shallop::shim {

using async::Task;
using base::Duration;
using base::Result;

class Line;
struct Conversation;

struct ExecRequest {
    std::vector<std::string> argv;  ///< empty: the container's own command; a bare name is looked up in the new PATH
    std::vector<std::string> env;   ///< "NAME=value" added to or replacing the container's own; "NAME" removes it
    std::string cwd;                ///< empty: the container's working directory
    bool sweep = false;             ///< when the process has ended, kill what is left of its process group
    unsigned files = 0;             ///< RLIMIT_NOFILE of the process; 0: what the container was created with
};

/// How a process ended.
struct Exit {
    int code = -1;  ///< -1: by `signal`
    int signal = 0;
    bool out_of_memory =
        false;  ///< it ended by SIGKILL (or as 137) and the container's count of OOM kills grew meanwhile
    Duration user{};
    Duration system{};
    base::Bytes max_rss = 0;
};

/// One process started through a Channel; it leads a session and a process group of its own.
///
/// Destroying a Process that has not been seen to exit kills its group: unwinding an exchange ends what it started.
/// May outlive its Channel, after which nothing it does has an effect.
class Process {
public:
    Process() = default;
    Process(Process&& other) noexcept = default;
    Process& operator=(Process&& other) noexcept;
    ~Process();

    /// Its number inside the container.
    int pid() const { return pid_; }

    /// Waits for its exit; for one waiter at a time; cancellable, and can then be called again.
    /// Faults: function_failed (the Channel closed first; says why).
    Task<Result<Exit>> wait();

    /// Signals the process, or all of its group. Does not wait; nothing happens if it has exited.
    void signal(int number);
    void signal_group(int number);

private:
    friend class Channel;
    Process(std::shared_ptr<Conversation> conversation, int pid) : conversation_(std::move(conversation)), pid_(pid) {}
    void drop();

    std::shared_ptr<Conversation> conversation_;
    int pid_ = 0;
};

/// Connections that arrive at an address inside the container. Destroying it closes that address.
class Acceptor {
public:
    Acceptor() = default;
    Acceptor(Acceptor&& other) noexcept = default;
    Acceptor& operator=(Acceptor&& other) noexcept;
    ~Acceptor();

    /// The port, also where 0 was asked for; 0 for a unix socket.
    unsigned port() const { return port_; }

    /// Waits for the next connection; for one waiter at a time; cancellable. At most 64 wait here, more are closed.
    /// The socket is as Channel::connect says. Faults: function_failed (the Channel closed; says why).
    Task<Result<base::Fd>> accept();

private:
    friend class Channel;
    Acceptor(std::shared_ptr<Conversation> conversation, unsigned port)
        : conversation_(std::move(conversation)), port_(port) {}
    void drop();

    std::shared_ptr<Conversation> conversation_;
    unsigned port_ = 0;
};

/// The connection to one container's shim. Closing it kills everything in the container, by construction.
///
/// Belongs to one loop. Nothing the shim sends is trusted: a frame that breaks the protocol, and no answer within
/// `answer_timeout`, close the channel. Every wait below ends when it closes. Made by Door; `log` outlives it.
class Channel {
public:
    struct Limits {
        Duration hello_timeout = std::chrono::seconds(5);
        Duration answer_timeout = std::chrono::seconds(5);  ///< until a request is answered by a shim that is alive
        std::size_t unsent = 1024;                          ///< frames that wait for the shim to read
    };

    /// Takes a connected SOCK_SEQPACKET socket and waits for the hello.
    /// Faults: launch_failed (no hello, another version, something that is no shim).
    static Task<Result<std::unique_ptr<Channel>>> greet(base::Fd socket, async::Executor executor, base::Log& log,
                                                        Limits limits);

    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;
    ~Channel();

    /// Runs a process with these as its 0, 1 and 2; our copies are closed. Returns when it has become the program.
    /// Cancelling kills what was started.
    /// Faults: launch_failed with the reason in words ("no such file: foo (looked in PATH /bin:/usr/bin)", "exec
    /// format error: /app"), overloaded, too_large (argv and env do not fit 160 KiB), invalid (a NUL in a string).
    Task<Result<Process>> exec(ExecRequest request, base::Fd in, base::Fd out, base::Fd err);

    /// A stream socket connected, inside the container, to "tcp:127.0.0.1:PORT", "tcp:[::1]:PORT" or "unix:/path".
    /// With `until_listening` an address where nobody listens yet is tried again, every few milliseconds, until `timeout`.
    ///
    /// The socket is nonblocking, but its flags are shared with the container: use MSG_DONTWAIT on it (S3).
    /// Faults: invalid (the address), timed_out, function_failed (refused, no such path, …), overloaded.
    Task<Result<base::Fd>> connect(std::string address, Duration timeout, bool until_listening = false);

    /// Listens inside the container; port 0 picks one. Faults: invalid, function_failed (address in use, …), overloaded.
    Task<Result<Acceptor>> listen(std::string address);

    /// The CPU time, user and system, that all processes of the container have used since it began, the ended ones included.
    /// Faults: not_found (the container sees no counter of its own), function_failed (the Channel closed), overloaded.
    Task<Result<Duration>> cpu_used();

    /// Writes /run/secrets/`name` in the container, with permission bits `mode`, as the container's user: at once for whoever opens it, in the
    /// place of what was there. Files are written in the order of these calls. `bytes` and name fit 160 KiB together.
    /// Faults: function_failed (no such directory, no space, …; the Channel closed), overloaded, invalid (the name), too_large.
    Task<base::Status> write_file(std::string name, unsigned mode, base::SecretBytes bytes);

    /// Signals every process of the container but the shim: SIGSTOP pauses it, SIGCONT wakes it. Does not wait.
    void signal_all(int number);

    bool is_open() const;

    /// Waits until the channel is closed, by either side. Cancellable.
    Task<void> closed();

    /// Why it is closed, for the log; empty while it is open.
    const std::string& close_reason() const;

    /// Kills the container. Waiters get a fault that ends in `reason`.
    void close(std::string reason);

    /// The words of the container's own command (image ENTRYPOINT + CMD as it was created): 0 means exec needs an argv.
    unsigned command_words() const;

    /// Whether `Exit::out_of_memory` can be known.
    bool counts_oom() const;

private:
    explicit Channel(std::shared_ptr<Line> line);

    std::shared_ptr<Line> line_;
};

}  // namespace shallop::shim
