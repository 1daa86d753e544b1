// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/error.h>
#include <shallop/base/units.h>

#include <functional>
#include <memory>
#include <string>

namespace shallop::observe {

using base::Duration;

/// Prometheus metrics. Label values come from the catalog and from closed enums only, never from a request (reliability.md, fact 5).
class Metrics {
public:
    Metrics();
    ~Metrics();

    /// One ended invocation of a registered function; `outcome` is "ok" or the name of a fault.
    void invocation(const std::string& function, const std::string& outcome, Duration queue, Duration start,
                    Duration run, Duration cpu);
    void forget(const std::string& function);

    /// One refused request that reached no function; `reason` is a word of ours.
    void rejected(const char* reason);

    /// One call to the engine; `verb` is a word of ours.
    void engine_call(const char* verb, bool failed, Duration took);

    /// A value read when scraped.
    void gauge(const char* name, const char* help, std::function<double()> read);
    void gauge(const char* name, const char* help, const char* label, const char* value, std::function<double()> read);

    /// Prometheus text format 0.0.4.
    std::string text() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace shallop::observe
