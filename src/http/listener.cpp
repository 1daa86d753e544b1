// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/condition.h>
#include <shallop/async/race.h>
#include <shallop/http/problem.h>

#include <http/bind.h>
#include <http/connection.h>

#include <boost/asio/redirect_error.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

namespace shallop::http {

namespace asio = boost::asio;
using async::use_task;

namespace {

constexpr int accepted_in_turn = 64;
constexpr auto accept_pause = std::chrono::milliseconds(100);  ///< for want of descriptors or memory
constexpr auto lack_logged_every = std::chrono::seconds(10);

base::Fd open_reserve() { return base::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

struct Listener::State {
    State(async::Executor executor, async::Clock& clock, base::Log& log, Handler& handler, Limits limits)
        : shared{limits, clock, log, handler, executor, Roster(executor), {}, false},
          connections(executor, log),
          sweeper(executor, log) {}

    Task<void> accept_all();
    bool accept_some();
    bool take(base::Fd fd, const sockaddr_storage& peer);
    void lack(int error);

    Shared shared;
    Bound bound;
    std::optional<Socket> listening;
    base::Fd reserve = open_reserve();  ///< given up to accept, and so to refuse, when there are no descriptors left
    Instant lack_logged{};
    async::TaskGroup connections;
    async::TaskGroup sweeper;
};

Listener::Listener(async::Executor executor, async::Clock& clock, base::Log& log, Handler& handler, Limits limits)
    : state_(std::make_unique<State>(executor, clock, log, handler, limits)) {}

Listener::~Listener() {
    if (!state_->bound.unix_path.empty()) ::unlink(state_->bound.unix_path.c_str());
}

Status Listener::bind(const std::string& address) {
    auto bound = bind_listener(address);
    if (!bound) return bound.error();
    state_->bound = std::move(*bound);
    state_->listening.emplace(state_->shared.executor);
    state_->listening->assign(asio::generic::stream_protocol(state_->bound.family, 0), state_->bound.fd.release());
    state_->sweeper.spawn("http sweep", state_->shared.roster.keep_sweeping(state_->shared.clock));
    return {};
}

std::string Listener::address() const { return state_->bound.address; }

std::size_t Listener::connections() const { return state_->connections.size(); }

void Listener::on_refused(std::function<void(const char*)> report) { state_->shared.on_refused = std::move(report); }

void Listener::under(std::function<Pressure()> pressure) { state_->shared.ask_pressure = std::move(pressure); }

void Listener::secure(std::shared_ptr<const Tls> tls) { state_->shared.tls = std::move(tls); }

Task<void> Listener::run() {
    base::ensure(state_->listening.has_value(), "a listener runs after bind()");
    return state_->accept_all();
}

Task<void> Listener::State::accept_all() {
    while (!shared.draining) {
        boost::system::error_code failed;
        auto token = asio::redirect_error(use_task, failed);
        co_await listening->async_wait(Socket::wait_read, token);
        if (shared.draining) co_return;
        if (failed) throw boost::system::system_error(failed);
        const bool stopped = shared.pressure() == Pressure::stop;
        if (stopped) shared.roster.evict_all_idle();
        const bool lacking = stopped || !accept_some();
        if (lacking) co_await shared.clock.sleep_for(accept_pause);
    }
}

/// Accepts what waits. False: the process or the system lacks what a connection needs.
bool Listener::State::accept_some() {
    for (int i = 0; i < accepted_in_turn; ++i) {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        base::Fd fd(::accept4(listening->native_handle(), reinterpret_cast<sockaddr*>(&peer), &size,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (fd) {
            if (!take(std::move(fd), peer)) return false;
        } else if (errno == EAGAIN) {
            return true;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            lack(errno);
            return false;
        }  // else this one connection is lost (ECONNABORTED and the like): the next may do
    }
    return true;
}

bool Listener::State::take(base::Fd fd, const sockaddr_storage& peer) {
    if (connections.size() >= shared.limits.connections && !shared.roster.evict_idle()) {
        if (shared.on_refused) shared.on_refused("connections");
        if (shared.tls && bound.family != AF_UNIX) return true;  // nothing can be said without a handshake
        Problem what{503, "The server has as many connections as it can hold; try again soon.", "about:blank", "", {}};
        std::string body;
        Response head = problem(what, body);
        head.fields.push_back({"Retry-After", "1"});
        const auto bytes =
            write_head(head, Asked(), Framing::length, false, shared.date.at(shared.clock.wall()), shared.log) + body;
        (void)!::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        return true;
    }
    Ends ends;
    ends.family = bound.family;
    describe(&peer, ends.remote_addr, ends.remote_port);
    ends.local_port = bound.port;
    connections.spawn_cancellable("http connection", [&](async::Canceller& task) {
        return serve_connection(shared, task, std::move(fd), std::move(ends));
    });
    return true;
}

/// No descriptor for the next connection: an idle one makes room, and the one that waits is told by closing it.
void Listener::State::lack(int error) {
    const auto now = shared.clock.now();
    if (now - lack_logged >= lack_logged_every) {
        lack_logged = now;
        shared.log.error("cannot accept connections",
                         {{"error", std::strerror(error)}, {"connections", connections.size()}});
    }
    if (shared.roster.evict_idle()) return;
    reserve.reset();
    const base::Fd refused(::accept4(listening->native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
    reserve = open_reserve();
}

Task<void> Listener::drain(Instant deadline) {
    auto& state = *state_;
    state.shared.draining = true;
    if (state.listening) state.listening->close();
    if (!state.bound.unix_path.empty()) ::unlink(state.bound.unix_path.c_str());
    state.bound.unix_path.clear();
    state.shared.roster.evict_all_idle();
    auto ended = state.connections.join();
    auto timer = state.shared.clock.sleep_until(deadline);
    co_await async::race(std::move(ended), std::move(timer));
    state.connections.cancel();
    co_await state.connections.join();
    state.sweeper.cancel();
    co_await state.sweeper.join();
}

}  // namespace shallop::http
