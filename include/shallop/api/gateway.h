// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/id.h>
#include <shallop/http/listener.h>
#include <shallop/invoke/invoker.h>
#include <shallop/registry/registry.h>

/// Endpoints: HTTP to the domain and back, and the only table from Fault to status.
namespace shallop::api {

using async::Task;

/// Functions and nothing else: /function/NAME[/rest], the functions' own routes, and /healthz unless a route claims it.
///
/// Follows local redirects (RFC 3875 6.2.2) up to 10 times. Faults become RFC 9457 problem documents with a short text for the client; the long
/// one goes to the log under the invocation's id.
class Gateway final : public http::Handler {
public:
    Gateway(registry::Registry& registry, invoke::Invoker& invoker, base::IdSource& ids, base::Log& log, observe::Metrics& metrics);

    Task<void> handle(http::Exchange& exchange) override;

    /// For the admin listener, which serves /function/ too: only that part, never the functions' own routes.
    Task<void> handle_function_path(http::Exchange& exchange);

    /// From now on every request gets 503 with Retry-After.
    void refuse_new() { refusing_ = true; }

private:
    registry::Registry& registry_;
    invoke::Invoker& invoker_;
    base::IdSource& ids_;
    base::Log& log_;
    observe::Metrics& metrics_;
    bool refusing_ = false;
};

}  // namespace shallop::api
