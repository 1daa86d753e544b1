// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/race.h>
#include <shallop/shim/door.h>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace shallop::shim {

using base::Error;
using base::Fault;
using base::Fd;

namespace {

void remove_door(const std::string& directory) {
    for (const char* name : {"/s", "/shim"}) unlink((directory + name).c_str());
    rmdir(directory.c_str());
}

}  // namespace

struct Door::State {
    State(std::string path, async::Executor on, async::Clock& with, base::Log& to)
        : directory(std::move(path)), executor(on), clock(with), log(to) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { remove(); }

    void remove() {
        if (!directory.empty()) remove_door(directory);
    }

    std::string directory;
    Fd listener;
    std::optional<unsigned> uid;
    async::Executor executor;
    async::Clock& clock;
    base::Log& log;
};

namespace {

Error failed(const char* what, const std::string& path) {
    return {Fault::storage, std::string("cannot ") + what + " " + path + ": " + std::strerror(errno)};
}

/// Binds by way of the open directory, as a socket address holds only 107 bytes of path.
base::Result<Fd> listen_in(const std::string& directory) {
    const Fd opened(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened) return failed("open", directory);
    const std::string path = "/proc/self/fd/" + std::to_string(opened.get()) + "/s";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    Fd listener(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!listener) return failed("make a socket for", directory);
    if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return failed("bind in", directory);
    if (chmod(path.c_str(), 0666) != 0) return failed("open up the socket in", directory);
    if (listen(listener.get(), 1) != 0) return failed("listen in", directory);
    return listener;
}

base::Status check_peer(int socket, const std::optional<unsigned>& uid) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return Error(Fault::launch_failed, "who connected is not known");
    if (uid && peer.uid != *uid) {
        return Error(Fault::launch_failed,
                     "uid " + std::to_string(peer.uid) + " connected instead of " + std::to_string(*uid));
    }
    return {};
}

async::Task<base::Result<Fd>> accept_one(Fd listener, async::Executor executor) {
    using Socket = boost::asio::posix::basic_stream_descriptor<async::Executor>;
    Socket listening(executor, listener.release());
    for (;;) {
        Fd socket(accept4(listening.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (socket) co_return socket;
        if (errno == ECONNABORTED || errno == EINTR) continue;
        if (errno != EAGAIN)
            co_return Error(Fault::launch_failed, std::string("cannot accept: ") + std::strerror(errno));
        co_await listening.async_wait(Socket::wait_read, async::use_task);
    }
}

}  // namespace

base::Result<Door> Door::open(const std::string& parent, const std::string& name, const std::string& program,
                              async::Executor executor, async::Clock& clock, base::Log& log) {
    const std::string directory = parent + "/" + name;
    if (mkdir(directory.c_str(), 0755) != 0) return failed("make", directory);
    auto state = std::make_unique<State>(directory, executor, clock, log);
    if (chmod(directory.c_str(), 0755) != 0) return failed("open up", directory);
    if (link(program.c_str(), (directory + "/shim").c_str()) != 0) return failed("link the shim into", directory);
    auto listener = listen_in(directory);
    if (!listener) return listener.error();
    state->listener = std::move(*listener);
    return Door(std::move(state));
}

void Door::remove_leftovers(const std::string& parent) {
    DIR* entries = opendir(parent.c_str());
    if (entries == nullptr) return;
    while (const dirent* entry = readdir(entries)) {
        const std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        remove_door(parent + "/" + name);
    }
    closedir(entries);
}

Door::Door(std::unique_ptr<State> state) : state_(std::move(state)) {}
Door::Door(Door&&) noexcept = default;
Door& Door::operator=(Door&&) noexcept = default;
Door::~Door() = default;

const std::string& Door::directory() const { return state_->directory; }

void Door::expect_uid(unsigned uid) { state_->uid = uid; }

async::Task<base::Result<std::unique_ptr<Channel>>> Door::accept(async::Instant deadline) {
    if (!state_->listener) co_return Error(Fault::internal, "a door opens once");
    auto accepting = accept_one(std::move(state_->listener), state_->executor);
    auto socket = co_await async::within(state_->clock, deadline, std::move(accepting));
    state_->remove();
    if (!socket)
        co_return Error(socket.error().fault, "waiting for the container's first process: " + socket.error().detail);
    const auto known = check_peer(socket->get(), state_->uid);
    if (!known) co_return known.error();

    Channel::Limits limits;
    limits.hello_timeout =
        std::clamp<base::Duration>(deadline - state_->clock.now(), std::chrono::milliseconds(1), limits.hello_timeout);
    auto greeting = Channel::greet(std::move(*socket), state_->executor, state_->log, limits);
    co_return co_await std::move(greeting);
}

}  // namespace shallop::shim
