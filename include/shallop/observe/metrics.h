// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/error.h>
#include <shallop/base/units.h>

#include <functional>
#include <memory>
#include <string>

namespace shallop::observe {

using base::Duration;

/// Where an invocation's instance came from: launched for it, there already, or started ahead and never used before.
enum class Start { cold, warm, standby, none };

/// What one ended invocation took.
struct Run {
    Start start = Start::none;  ///< none: it never had an instance
    Duration queued{}, starting{}, running{};
    Duration cpu{};          ///< of its process where the contract can tell
    base::Bytes memory = 0;  ///< what its instance may use: for gigabyte-seconds
};

/// Prometheus metrics. Label values come from the catalog and from closed enums only, never from a request (reliability.md, fact 5).
class Metrics {
public:
    Metrics();
    ~Metrics();

    /// One ended invocation of a registered function; `outcome` is "ok" or the name of a fault.
    void invocation(const std::string& function, const std::string& outcome, const Run& run);

    /// An attempt of a queued event has ended: `outcome` is succeeded, failed, cancelled or retried.
    void queued(const std::string& function, const char* outcome);

    /// CPU time that a long-lived server of `function` used since the last such report.
    void cpu(const std::string& function, Duration used);
    void forget(const std::string& function);

    /// One refused request that reached no function; `reason` is a word of ours.
    void rejected(const char* reason);

    /// One call to the engine; `verb` is a word of ours.
    void engine_call(const char* verb, bool failed, Duration took);

    /// A value read when scraped.
    void gauge(const char* name, const char* help, std::function<double()> read);
    void gauge(const char* name, const char* help, const char* label, const char* value, std::function<double()> read);

    /// A total that never shrinks, read when scraped.
    void total(const char* name, const char* help, std::function<double()> read);

    /// Prometheus text format 0.0.4.
    std::string text() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace shallop::observe
