// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "component/contract/stage.h"

#include <shallop/async/task_group.h>
#include <shallop/contract/driver.h>
#include <shallop/http/roster.h>

#include <memory>
#include <string>
#include <vector>

namespace shallop::test {

/// A server of raw bytes on port 8080: `serve` is Python that has the connection `c` and its number `n`, and may use
/// head() (reads a request's head and what came with it) and say() (sends).
inline std::vector<std::string> python_server(const std::string& serve) {
    return {"python3", "-c",
            "import os, socket, sys, threading, time\n"
            "lock = threading.Lock()\n"
            "def log(text):\n"
            "    with lock: print(text, flush=True)\n"
            "def head(c):\n"
            "    data = b''\n"
            "    while b'\\r\\n\\r\\n' not in data:\n"
            "        got = c.recv(65536)\n"
            "        if not got: raise EOFError\n"
            "        data += got\n"
            "    return data\n"
            "def say(c, text): c.sendall(text.encode('latin-1') if isinstance(text, str) else text)\n"
            "def ok(c, body, more=''): say(c, 'HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n%s\\r\\n%s' % (len(body), "
            "more, body))\n"
            "def serve(c, n):\n" +
                serve +
                "\n"
                "def run(c, n):\n"
                "    try: serve(c, n)\n"
                "    except (EOFError, OSError): pass\n"
                "    c.close()\n"
                "s = socket.socket()\n"
                "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
                "s.bind(('127.0.0.1', 8080))\n"
                "s.listen(64)\n"
                "n = 0\n"
                "while True:\n"
                "    c, _ = s.accept()\n"
                "    n += 1\n"
                "    threading.Thread(target=run, args=(c, n), daemon=True).start()\n"};
}

/// A client's side of one event.
struct Visit {
    explicit Visit(async::Executor executor) : sink(executor) {
        event.id = "invocation";
        event.function = "f";
        event.method = "GET";
        event.target = "/";
        event.server_name = "f.example";
        event.remote_addr = "192.0.2.1";
        event.fields = {{"Host", "f.example"}};
    }

    void post(std::string text) {
        event.method = "POST";
        event.content_length = text.size();
        body.text = std::move(text);
    }

    function::Event event;
    Body body;
    Sink sink;
    bool sent = false;
};

/// An http function in a home of its own, and the driver that speaks with it. Change what a test is about, then prepare().
template <typename Home>
class BasicHttpStage {
public:
    explicit BasicHttpStage(std::vector<std::string> command, unsigned uid = 0)
        : room(std::move(command), uid), roster(room.loop.executor()), tasks(room.loop.executor(), room.log) {
        std::signal(SIGPIPE, SIG_IGN);
        auto& spec = function.spec;
        spec.contract.kind = function::ContractKind::http;
        spec.contract.port = 8080;
        spec.scale.concurrency = 8;
        spec.scale.reuse = true;
        tasks.spawn("sweep", roster.keep_sweeping(room.loop.clock()));
    }
    explicit BasicHttpStage(const std::string& serve) : BasicHttpStage(python_server(serve)) {}
    ~BasicHttpStage() {
        driver.reset();
        tasks.cancel();
        room.loop.run(tasks.join());
    }

    void make() {
        const auto keep_line = [this](std::string line) { lines.push_back(std::move(line)); };
        contract::Surroundings around{*room.channel,        &function, room.loop.clock(), room.log,
                                      room.loop.executor(), roster,    keep_line};
        driver = contract::make_driver(std::move(around));
    }

    base::Status prepare() {
        make();
        return room.loop.run(driver->prepare(room.loop.in(start_timeout)));
    }

    Visit visit() { return Visit(room.loop.executor()); }

    base::Result<contract::Outcome> run(Visit& visit) {
        if (!driver) {
            const auto prepared = prepare();
            if (!prepared) return prepared.error();
        }
        return room.loop.run(exchange(visit, room.loop.in(timeout)));
    }

    async::Task<base::Result<contract::Outcome>> exchange(Visit& visit, async::Instant deadline) {
        contract::Call call{visit.event, visit.body, visit.sink, deadline};
        auto outcome = co_await driver->exchange(call);
        visit.sent = call.sent;
        co_return outcome;
    }

    /// GET of `target`; the body, or the fault's name and detail.
    std::string get(const std::string& target = "/") {
        auto one = visit();
        one.event.target = target;
        const auto outcome = run(one);
        if (!outcome) return std::string(base::name(outcome.error().fault)) + ": " + outcome.error().detail;
        return one.sink.body + (outcome->reply_incomplete ? " incomplete: " + outcome->incomplete_reason : "");
    }

    Home room;
    function::Function function;
    http::Roster roster;
    std::vector<std::string> lines;
    async::Duration timeout = std::chrono::seconds(10), start_timeout = std::chrono::seconds(20);
    std::unique_ptr<contract::Driver> driver;

private:
    async::TaskGroup tasks;  // last
};

using HttpStage = BasicHttpStage<SandboxHome>;

}  // namespace shallop::test
