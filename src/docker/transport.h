// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "docker/api_version.h"
#include "docker/refusal.h"
#include "docker/transfer.h"

#include <shallop/async/semaphore.h>
#include <shallop/docker/curl_engine.h>

#include <memory>
#include <optional>
#include <string>

namespace shallop::docker {

/// A reply whose head is there and whose body is still to be read, with its place among the calls in flight.
struct Stream {
    async::Semaphore::Permit place;
    std::unique_ptr<Transfer> transfer;
};

/// What all verbs share: the version in the path, limits, deadlines, the engine's "no" as an Error, and whether it is there at all.
class Transport {
public:
    Transport(EngineSettings settings, Host host, async::Executor executor, async::Clock& clock, base::Log& log);

    /// One exchange below /vX.Y (ping and version: below /), its body read whole. Faults: engine_down also at `deadline`
    /// (timed_out for Verb::wait); refusal() of what the engine says from 400 on.
    Task<Result<std::string>> call(Verb verb, Request request, Instant deadline);

    /// As call(), up to the reply's head.
    Task<Result<Stream>> open(Verb verb, Request request);

    /// The version to speak, asked for where it is not known. Faults: engine_down, engine_refused.
    Task<Result<ApiVersion>> api();

    /// Tells `settings.on_call` that `verb` ended, and turns a deadline into the Fault that call() promises.
    template <typename T>
    Result<T> ended(Verb verb, Instant began, Result<T> result) {
        const bool failed = result.has_error();
        if (settings_.on_call) settings_.on_call(name(verb), failed, clock_.now() - began);
        if (failed && result.error().fault == base::Fault::timed_out) return late(verb);
        return result;
    }

    /// The engine did something that shows it is not there: one line in the log, and the version is asked for again.
    void lost(const base::Error& why);

    const EngineSettings& settings() const { return settings_; }
    async::Clock& clock() { return clock_; }
    base::Log& log() { return log_; }

private:
    Task<Result<std::string>> exchange(Verb verb, Request request);
    Task<Result<Stream>> send(Verb verb, Request request);
    Task<Result<std::string>> read_all(Verb verb, Transfer& transfer, Bytes limit);
    base::Error late(Verb verb);
    Bytes limit_of(Verb verb) const;
    void found();

    EngineSettings settings_;
    async::Clock& clock_;
    base::Log& log_;
    Handles handles_;
    async::Semaphore brief_;
    async::Semaphore held_;
    async::Semaphore negotiating_;
    std::optional<ApiVersion> api_;
    bool away_ = false;
};

}  // namespace shallop::docker
