// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/api/trusted_proxies.h>
#include <shallop/base/id.h>
#include <shallop/function/secret.h>
#include <shallop/http/listener.h>
#include <shallop/invoke/invoker.h>
#include <shallop/queue/queue.h>
#include <shallop/registry/registry.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

/// Endpoints: HTTP to the domain and back, and the only table from Fault to status.
namespace shallop::api {

using async::Task;

/// Which paths lead somewhere.
enum class Scope {
    everything,      ///< /function/NAME[/rest], then the functions' own routes, then /healthz
    function_paths,  ///< /function/NAME[/rest] alone
};

/// Functions and nothing else: /function/NAME[/rest], the functions' own routes, and /healthz unless a route claims it.
/// /async-function/NAME[/rest], and "Prefer: respond-async" (RFC 7240) anywhere, queue the request and answer 202.
///
/// Follows local redirects (RFC 3875 6.2.2) up to 10 times. Faults become RFC 9457 problem documents with a short text for the client; the long
/// one goes to the log under the invocation's id. Requests of a route with a signature reach the function only if they are signed so.
class Gateway final : public http::Handler {
public:
    /// `open_secret` gives the secrets that signatures of routes name; may be empty: there are none.
    Gateway(registry::Registry& registry, invoke::Invoker& invoker, queue::Queue& queue, base::IdSource& ids,
            base::Log& log, observe::Metrics& metrics, async::Clock& clock, function::SecretOpener open_secret = {},
            TrustedProxies proxies = {})
        : registry_(registry),
          invoker_(invoker),
          queue_(queue),
          ids_(ids),
          log_(log),
          metrics_(metrics),
          clock_(clock),
          open_secret_(std::move(open_secret)),
          proxies_(std::move(proxies)) {}

    Task<void> handle(http::Exchange& exchange) override { return serve(exchange, Scope::everything); }

    /// For the admin listener, which serves /function/ too: only that part, never the functions' own routes. The
    /// Authorization field is the operator's and does not reach the function.
    Task<void> handle_function_path(http::Exchange& exchange) { return serve(exchange, Scope::function_paths); }

    /// From now on every request gets 503 with Retry-After.
    void refuse_new() { refusing_ = true; }
    bool refusing() const { return refusing_; }

private:
    struct Visit;

    Task<void> serve(http::Exchange& exchange, Scope scope);
    base::Status redirect(Visit& visit, const std::string& location, bool allowed);
    base::Status route(Visit& visit, std::string& allow);
    Task<bool> is_signed(Visit& visit);
    std::unique_ptr<function::Event> spare_event();
    Task<void> accept(Visit& visit);
    Task<void> refuse_visit(Visit& visit, base::Error error, std::string allow);
    Task<std::optional<std::string>> ended(Visit& visit, base::Result<contract::Outcome> outcome);
    Task<void> refuse(http::Exchange& exchange, base::Error error, std::string id);
    Task<void> refuse_route(http::Exchange& exchange, base::Error error, std::string allow);

    registry::Registry& registry_;
    invoke::Invoker& invoker_;
    queue::Queue& queue_;
    base::IdSource& ids_;
    base::Log& log_;
    observe::Metrics& metrics_;
    async::Clock& clock_;
    function::SecretOpener open_secret_;
    TrustedProxies proxies_;
    base::Bytes signed_bytes_ = 0;  ///< held in memory by signed bodies
    bool refusing_ = false;
    std::vector<std::unique_ptr<function::Event>> spare_;
};

}  // namespace shallop::api
