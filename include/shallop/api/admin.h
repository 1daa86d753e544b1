// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/access/audit.h>
#include <shallop/access/failures.h>
#include <shallop/access/tokens.h>
#include <shallop/api/gateway.h>
#include <shallop/docker/engine.h>
#include <shallop/observe/invocations.h>
#include <shallop/observe/log_book.h>
#include <shallop/observe/metrics.h>
#include <shallop/queue/jobs.h>
#include <shallop/secret/vault.h>
#include <shallop/source/code_store.h>
#include <shallop/store/store.h>
#include <shallop/trigger/engine_triggers.h>
#include <shallop/trigger/scheduler.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace shallop::api {

struct AdminSettings {
    std::vector<std::string> hosts;  ///< allowed Host values besides loopback names and addresses (threat T5)
    base::Bytes document = 256 * 1024;
};

/// The folder whose functions the daemon serves.
struct FolderView {
    std::string path;
    std::string unwatched;  ///< why changes in it are not told; "" where they are
    std::size_t functions = 0;
    std::vector<std::pair<std::string, std::string>> refused;  ///< file and reason
};

/// What /v1/info, /readyz and reload need from the composition root.
struct DaemonFacts {
    std::string version, daemon_id, gateway_address, admin_address;
    async::Instant started{};
    std::function<bool()> ready;  ///< listening, store loaded, engine seen
    std::function<std::string()> not_ready_because;
    std::function<base::Status()> reload;
    std::function<FolderView()> folder{};                       ///< empty: there is none
    std::vector<std::pair<std::string, std::string>> settings;  ///< effective settings by name, secrets hidden
};

/// One container of a function, as an operator sees it.
struct InstanceView {
    std::string id;     ///< "" while it is being launched
    std::string state;  ///< launching, idle, leased, paused, retiring or standby
    std::int64_t version = 0;
    int events = 0;                                 ///< in it now
    std::uint64_t served = 0;                       ///< ended in it so far
    std::chrono::system_clock::time_point since{};  ///< when its launch was decided
    std::string container;                          ///< the engine's id, "" before there is one
};

/// What the API needs from whoever keeps the instances. Either may be empty: there are none then.
struct Instances {
    /// Those of one function, of whatever version, in any order.
    std::function<std::vector<InstanceView>(const std::string& function)> list;
    /// Lets it end what runs in it, gives it nothing more, and removes it. False where there is none of that id.
    std::function<bool(const std::string& function, const std::string& id)> retire;
};

/// The REST of product.md on the admin listener: /v1/…, /metrics, /livez, /readyz, /openapi.json, and /function/ paths.
///
/// Every call but /livez, /readyz and /openapi.json needs "Authorization: Bearer TOKEN", with a token whose scope covers it. Against rebinding and forged
/// requests: Host allow-list, no cross-site Sec-Fetch-Site or Origin, JSON content type required for bodies. What is changed, and who is not let in,
/// stands in the audit log before the answer goes out.
class Admin final : public http::Handler {
public:
    struct Parts {
        Gateway& gateway;
        registry::Registry& registry;
        invoke::Invoker& invoker;
        queue::Queue& queue;
        queue::Jobs& jobs;
        store::Store& store;
        docker::Engine& engine;
        observe::Invocations& invocations;
        observe::LogBook& log_book;
        observe::Metrics& metrics;
        async::Clock& clock;
        base::Log& log;
        access::Tokens& tokens;
        access::Audit& audit;
        Instances instances{};
        trigger::Scheduler* schedules = nullptr;      ///< null: there are none
        source::CodeStore* code = nullptr;            ///< null: no code can be uploaded
        trigger::EngineTriggers* triggers = nullptr;  ///< null: there are none
        secret::Vault* secrets = nullptr;             ///< null: none are kept
    };

    Admin(AdminSettings settings, DaemonFacts facts, Parts parts);

    Task<void> handle(http::Exchange& exchange) override;

private:
    AdminSettings settings_;
    DaemonFacts facts_;
    Parts parts_;
    access::Failures failures_;
};

}  // namespace shallop::api
