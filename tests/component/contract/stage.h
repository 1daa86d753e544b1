// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/room.h"

#include <contract/pipes.h>

#include <shallop/async/condition.h>
#include <shallop/contract/exchange.h>

#include <csignal>
#include <string>
#include <vector>

namespace shallop::test {

/// A body from a string or, after it, of `more` bytes made up as they are read.
class Body final : public function::BodySource {
public:
    async::Task<base::Result<std::size_t>> read(std::span<char> into) override {
        if (before_read) co_await before_read();
        const auto size =
            std::min(into.size(),
                     text.empty() ? static_cast<std::size_t>(std::min<std::uint64_t>(more, into.size())) : text.size());
        if (size == 0 && fault) co_return *fault;
        if (text.empty()) {
            std::fill_n(into.begin(), size, 'x');
            more -= size;
        } else {
            std::copy_n(text.begin(), size, into.begin());
            text.erase(0, size);
        }
        read_bytes += size;
        co_return size;
    }

    std::string text;
    std::uint64_t more = 0;
    std::optional<base::Error> fault;  ///< instead of the end
    std::function<async::Task<void>()> before_read;
    std::uint64_t read_bytes = 0;
};

/// What a client would get.
class Sink final : public function::ReplySink {
public:
    explicit Sink(async::Executor executor) : changed(executor) {}

    async::Task<base::Status> begin(function::ReplyHead given) override {
        head = std::move(given);
        begun_ = true;
        changed.notify_all();
        co_return base::Status();
    }

    async::Task<base::Status> write(std::span<const char> bytes) override {
        if (gone) co_return base::Error(base::Fault::client_gone, "the client hung up");
        if (keep) body.append(bytes.data(), bytes.size());
        written += bytes.size();
        changed.notify_all();
        co_return base::Status();
    }

    bool begun() const override { return begun_; }

    async::Task<void> until_written(std::uint64_t bytes) {
        while (written < bytes) co_await changed.wait();
    }
    async::Task<void> until_begun() {
        while (!begun_) co_await changed.wait();
    }

    function::ReplyHead head;
    std::string body;
    std::uint64_t written = 0;
    bool keep = true, gone = false;
    async::Condition changed;

private:
    bool begun_ = false;
};

/// Runs `command` in a sandbox on this machine.
class SandboxHome : public Room {
public:
    explicit SandboxHome(std::vector<std::string> command, unsigned uid = 0)
        : Room(options_for(std::move(command), uid)) {}

private:
    static Sandbox::Options options_for(std::vector<std::string> command, unsigned uid) {
        Sandbox::Options options;
        options.command = std::move(command);
        options.uid = uid;
        return options;
    }
};

/// One function in a home of its own, and all that its exchange needs. Change what a test is about, then run().
template <typename Home>
class BasicStage {
public:
    explicit BasicStage(std::vector<std::string> command, unsigned uid = 0)
        : room(std::move(command), uid), sink(room.loop.executor()) {
        std::signal(SIGPIPE, SIG_IGN);
        event.id = "invocation";
        event.function = "f";
        event.method = "GET";
        event.target = event.script_name = "/function/f";
        event.remote_addr = "192.0.2.1";
    }
    explicit BasicStage(const std::string& script, unsigned uid = 0)
        : BasicStage(std::vector<std::string>{"sh", "-c", script}, uid) {}

    void post(std::string text) {
        event.method = "POST";
        event.content_length = text.size();
        body.text = std::move(text);
    }

    base::Fd no_input = contract::empty_input();

    contract::CgiCall call() {
        const auto keep_line = [this](std::string line) { lines.push_back(std::move(line)); };
        contract::CgiCall call{*room.channel,        function, event, body, sink, keep_line, room.loop.clock(),
                               room.loop.in(timeout)};
        call.process_started = [this] { started = true; };
        call.kill_grace = kill_grace;
        call.no_input = no_input.get();
        return call;
    }

    base::Result<contract::Outcome> run() { return room.loop.run(contract::exchange_cgi(call())); }

    /// The fault's name, or "" for an outcome.
    std::string fault(const base::Result<contract::Outcome>& result) {
        return result ? "" : std::string(base::name(result.error().fault));
    }

    /// Waits until nothing but the shim runs in the sandbox.
    bool emptied() {
        for (int i = 0; i < 500; ++i) {
            if (room.sandbox->population() <= 1) return true;
            room.loop.run(room.loop.clock().sleep_for(std::chrono::milliseconds(10)));
        }
        return false;
    }

    Home room;
    function::Function function;
    function::Event event;
    Body body;
    Sink sink;
    std::vector<std::string> lines;
    bool started = false;
    async::Duration timeout = std::chrono::seconds(30), kill_grace = std::chrono::seconds(2);
};

using Stage = BasicStage<SandboxHome>;

}  // namespace shallop::test
