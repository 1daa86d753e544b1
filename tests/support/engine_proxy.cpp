// SPDX-License-Identifier: Apache-2.0
#include "support/engine_proxy.h"

#include <shallop/base/fd.h>
#include <shallop/base/result.h>

#include "support/http_relay.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <regex>
#include <thread>
#include <utility>

namespace shallop::test {
namespace {

bool fits(const std::string& expression, const std::string& target) {
    return std::regex_search(target, std::regex(expression));
}

/// Waits until the client has hung up, at most `limit`; whether it has.
bool hung_up(int fd, std::chrono::milliseconds limit) {
    pollfd waited{fd, POLLRDHUP, 0};
    return ::poll(&waited, 1, static_cast<int>(limit.count())) > 0;
}

constexpr std::chrono::milliseconds for_ever{-1};

std::string refusal(const std::string& status, const std::string& message) {
    const std::string body = "{\"message\":\"" + message + "\"}\n";
    return "HTTP/1.1 " + status +
           "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

struct EngineProxy::State {
    struct Connection {
        int number = 0;
        Wire client, server;
        std::string target;  // of the request under way; with the lock
        std::thread thread;
        std::atomic<bool> over = false;

        ~Connection() {
            if (thread.joinable()) thread.join();
            if (client.fd >= 0) ::close(client.fd);
            if (server.fd >= 0) ::close(server.fd);
        }
        /// Waits for bytes of the engine; false where the client hangs up before.
        bool server_ready() const {
            std::array<pollfd, 2> waited{pollfd{server.fd, POLLIN, 0}, pollfd{client.fd, POLLRDHUP, 0}};
            ::poll(waited.data(), waited.size(), -1);
            return waited[1].revents == 0;
        }
        void cut() const {
            ::shutdown(client.fd, SHUT_RDWR);
            if (server.fd >= 0) ::shutdown(server.fd, SHUT_RDWR);
        }
    };
    struct Armed {
        Rule rule;
        int fitted = 0;
    };

    explicit State(std::string to) : upstream(std::move(to)) {
        std::string made = "/tmp/shallop-proxy-XXXXXX";
        base::ensure(::mkdtemp(made.data()) != nullptr, "a directory for the proxy's socket");
        directory = made;
        socket_path = directory + "/engine.sock";
    }
    ~State() {
        stop();
        ::rmdir(directory.c_str());
    }

    void start();
    void stop();
    void accept_all();
    void serve(Connection& connection);
    bool answer(Connection& connection, const std::string& head);
    bool forward(Connection& connection, const std::string& request, bool head_only, Act act);
    bool relay(Connection& connection, const std::string& head, bool no_body, Act act);
    Rule decide(const Request& request);

    const std::string upstream;
    std::string directory, socket_path;
    base::Fd listener;
    std::thread accepting;
    std::atomic<bool> stopping = false;

    mutable std::mutex lock;
    mutable std::condition_variable came;
    std::list<Connection> all;
    std::list<Armed> rules;
    std::vector<Request> seen;
    int accepted = 0;
};

void EngineProxy::State::start() {
    stopping = false;
    listener.reset(listen_unix(socket_path));
    base::ensure(static_cast<bool>(listener), "the proxy listens");
    accepting = std::thread([this] { accept_all(); });
}

void EngineProxy::State::stop() {
    stopping = true;
    if (listener) ::shutdown(listener.get(), SHUT_RDWR);
    if (accepting.joinable()) accepting.join();
    listener.reset();
    ::unlink(socket_path.c_str());
    std::list<Connection> ending;
    {
        const std::lock_guard hold(lock);
        for (const auto& connection : all) connection.cut();
        ending.swap(all);
    }
}

void EngineProxy::State::accept_all() {
    while (!stopping) {
        const int fd = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) continue;
        const std::lock_guard hold(lock);
        if (stopping) {
            ::close(fd);
            return;
        }
        all.remove_if([](const Connection& connection) { return connection.over.load(); });
        Connection& made = all.emplace_back();
        made.number = ++accepted;
        made.client.fd = fd;
        made.thread = std::thread([this, &made] {
            serve(made);
            made.cut();
            made.over = true;
        });
    }
}

void EngineProxy::State::serve(Connection& connection) {
    for (;;) {
        const std::string head = connection.client.head();
        if (head.empty() || !answer(connection, head)) return;
        const std::lock_guard hold(lock);
        connection.target.clear();
    }
}

EngineProxy::Rule EngineProxy::State::decide(const Request& request) {
    for (auto& armed : rules) {
        const Rule& rule = armed.rule;
        if ((!rule.method.empty() && rule.method != request.method) || !fits(rule.target, request.target)) continue;
        ++armed.fitted;
        if (rule.nth == 0 || rule.nth == armed.fitted) return rule;
    }
    return {};
}

/// Deals with one request; false where the connection is to be closed.
bool EngineProxy::State::answer(Connection& connection, const std::string& head) {
    Request request;
    const auto first = head.find(' ');
    request.method = head.substr(0, first);
    request.target = head.substr(first + 1, head.find(' ', first + 1) - first - 1);
    request.connection = connection.number;
    std::string whole = head;
    for (BodyEnd body(head, false, false); !body.done();) {
        if (connection.client.rest.empty() && !connection.client.more()) return false;
        const auto used = body.take(connection.client.rest);
        whole += connection.client.rest.substr(0, used);
        connection.client.rest.erase(0, used);
    }
    Rule rule;
    {
        const std::lock_guard hold(lock);
        rule = decide(request);
        connection.target = request.target;
        seen.push_back(request);
    }
    came.notify_all();
    switch (rule.act) {
        case Act::cut:
            return false;
        case Act::stall:
            hung_up(connection.client.fd, for_ever);
            return false;
        case Act::garbage:
            connection.client.send("\x16\x03\x01 this is not HTTP \xff\xfe\r\n\r\n");
            return false;
        case Act::error_500:
            return connection.client.send(refusal("500 Internal Server Error", "the proxy was told to fail this"));
        case Act::too_old:
            return connection.client.send(
                refusal("400 Bad Request",
                        "client version 1.41 is too old. Minimum supported API version is 1.44, please "
                        "upgrade your client to a newer version"));
        case Act::delay:
            if (hung_up(connection.client.fd, rule.delay)) return false;
            break;
        case Act::pass:
        case Act::lose_answer:
        case Act::truncate:
            break;
    }
    return forward(connection, whole, request.method == "HEAD", rule.act);
}

bool EngineProxy::State::forward(Connection& connection, const std::string& request, bool head_only, Act act) {
    if (connection.server.fd < 0) {
        const std::lock_guard hold(lock);
        connection.server.fd = connect_unix(upstream);
    }
    if (connection.server.fd < 0 || !connection.server.send(request)) return false;
    for (;;) {
        while (connection.server.rest.find("\r\n\r\n") == std::string::npos) {
            if (!connection.server_ready() || !connection.server.more()) return false;
        }
        const std::string head = connection.server.head();
        if (head.size() < 13) return false;
        const int status = std::stoi(head.substr(9, 3));
        if (act == Act::lose_answer) return false;
        if (!connection.client.send(head)) return false;
        if (status >= 200) return relay(connection, head, head_only || status == 204 || status == 304, act);
    }
}

/// Passes the body on as it comes, and notices when either side closes.
bool EngineProxy::State::relay(Connection& connection, const std::string& head, bool no_body, Act act) {
    BodyEnd body(head, no_body, true);
    while (!body.done()) {
        std::string& rest = connection.server.rest;
        if (rest.empty()) {
            if (!connection.server_ready() || !connection.server.more()) return false;
        }
        const auto used = body.take(rest);
        if (act == Act::truncate) {
            connection.client.send(std::string_view(rest).substr(0, used / 2));
            return false;
        }
        if (!connection.client.send(std::string_view(rest).substr(0, used))) return false;
        rest.erase(0, used);
    }
    return true;
}

std::string real_engine() {
    const char* host = std::getenv("DOCKER_HOST");
    constexpr std::string_view form = "unix://";
    if (host != nullptr && std::string_view(host).starts_with(form)) return host + form.size();
    return "/var/run/docker.sock";
}

EngineProxy::EngineProxy(std::string upstream)
    : state_(std::make_unique<State>(upstream.empty() ? real_engine() : std::move(upstream))) {
    state_->start();
}

EngineProxy::~EngineProxy() = default;

std::string EngineProxy::path() const { return state_->socket_path; }

void EngineProxy::add(Rule rule) {
    const std::lock_guard hold(state_->lock);
    state_->rules.push_back({std::move(rule), 0});
}

void EngineProxy::clear_rules() {
    const std::lock_guard hold(state_->lock);
    state_->rules.clear();
}

void EngineProxy::go_away() { state_->stop(); }

void EngineProxy::come_back() { state_->start(); }

int EngineProxy::cut_now(const std::string& target) {
    const std::lock_guard hold(state_->lock);
    int cut = 0;
    for (const auto& connection : state_->all) {
        if (connection.over || connection.target.empty() || !fits(target, connection.target)) continue;
        connection.cut();
        ++cut;
    }
    return cut;
}

std::vector<EngineProxy::Request> EngineProxy::requests() const {
    const std::lock_guard hold(state_->lock);
    return state_->seen;
}

int EngineProxy::count(const std::string& target) const {
    int fitting = 0;
    for (const auto& request : requests()) fitting += fits(target, request.target) ? 1 : 0;
    return fitting;
}

int EngineProxy::connections() const {
    const std::lock_guard hold(state_->lock);
    return state_->accepted;
}

int EngineProxy::open() const {
    const std::lock_guard hold(state_->lock);
    int now = 0;
    for (const auto& connection : state_->all) now += connection.over ? 0 : 1;
    return now;
}

bool EngineProxy::wait_for(const std::string& target, int n, std::chrono::milliseconds limit) const {
    std::unique_lock hold(state_->lock);
    return state_->came.wait_for(hold, limit, [&] {
        int fitting = 0;
        for (const auto& request : state_->seen) fitting += fits(target, request.target) ? 1 : 0;
        return fitting >= n;
    });
}

}  // namespace shallop::test
