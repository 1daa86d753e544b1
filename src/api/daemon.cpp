// SPDX-License-Identifier: Apache-2.0
// /v1/info and its neighbours: the daemon itself.
#include <shallop/function/resource.h>
#include <shallop/source/guess.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "api/endpoint.h"
#include "api/problem.h"

extern "C" const unsigned char shallop_openapi[];
extern "C" const unsigned long shallop_openapi_size;

namespace shallop::api {
namespace {

using base::Error;

constexpr auto engine_patience = std::chrono::seconds(2);

Json describe(const Result<docker::Version>& version) {
    if (!version) return {{"reachable", false}, {"detail", version.error().detail}};
    return {{"reachable", true}, {"version", version->version}, {"api_version", version->api_version},
            {"os", version->os}, {"arch", version->arch},       {"kernel", version->kernel}};
}

Json describe(const FolderView& folder) {
    auto refused = Json::array();
    for (const auto& [path, reason] : folder.refused) refused.push_back({{"path", path}, {"reason", reason}});
    return {{"path", folder.path},
            {"watched", folder.unwatched.empty()},
            {"detail", folder.unwatched},
            {"functions", folder.functions},
            {"refused", std::move(refused)}};
}

AnswerTask info(Call& call) {
    const auto& parts = call.parts;
    const auto& facts = call.facts;
    const auto deadline = parts.clock.now() + engine_patience;
    auto engine = co_await parts.engine.version(deadline);
    const std::chrono::duration<double> uptime = parts.clock.now() - facts.started;
    Json document = {{"version", facts.version},
                     {"daemon", facts.daemon_id},
                     {"uptime_seconds", std::floor(uptime.count() * 1000) / 1000},
                     {"gateway", facts.gateway_address},
                     {"admin", facts.admin_address},
                     {"engine", describe(engine)},
                     {"functions", parts.registry.catalog()->functions.size()},
                     {"folder", facts.folder ? describe(facts.folder()) : Json()},
                     {"running", parts.invoker.running()},
                     {"storage_degraded", parts.store.degraded()}};
    if (access::covers(call.caller.scope, access::Scope::admin)) {
        auto& settings = document["settings"] = Json::object();
        for (const auto& [name, value] : facts.settings) settings[name] = value;
    }
    co_return json_answer(document);
}

/// Instances of a runtime that wait for code, with their servers up.
std::ptrdiff_t waiting_for_code(const Call& call, const std::string& runtime) {
    if (!call.parts.instances.list) return 0;
    const auto all = call.parts.instances.list("@" + runtime);
    return std::count_if(all.begin(), all.end(), [](const InstanceView& one) { return one.state == "standby"; });
}

/// Our own runtimes, and those that functions have.
AnswerTask runtimes(Call& call) {
    std::map<std::string, int> functions;
    for (const auto& name : source::known_runtimes()) functions[name] = 0;
    for (const auto& [name, function] : call.parts.registry.catalog()->functions) {
        if (function->spec.source) ++functions[function->spec.source->runtime];
    }
    Json page;
    page["runtimes"] = Json::array();
    for (const auto& [name, count] : functions) {
        const auto image = function::runtime_image(name);
        const auto deadline = call.parts.clock.now() + engine_patience;
        const auto found = co_await call.parts.engine.inspect_image(image, deadline);
        if (!found && found.error().fault != base::Fault::not_found) co_return found.error();
        page["runtimes"].push_back({{"name", name},
                                    {"image", image},
                                    {"available", found.has_value()},
                                    {"functions", count},
                                    {"waiting", waiting_for_code(call, name)}});
    }
    co_return json_answer(page);
}

AnswerTask reload(Call& call) {
    if (call.facts.reload) {
        auto done = call.facts.reload();
        if (!done) co_return done.error();
    }
    Answer answer;
    answer.status = 204;
    co_return answer;
}

AnswerTask metrics(Call& call) {
    auto answer = text_answer(call.parts.metrics.text());
    answer.type = "text/plain; version=0.0.4; charset=utf-8";
    co_return answer;
}

/// The loop turns, or nobody would answer: nothing else is asked.
AnswerTask livez(Call&) { co_return text_answer("ok\n"); }

AnswerTask readyz(Call& call) {
    const auto& facts = call.facts;
    if (!call.parts.gateway.refusing() && (!facts.ready || facts.ready())) co_return text_answer("ok\n");
    const bool stopping = call.parts.gateway.refusing();
    const auto reason = facts.not_ready_because ? facts.not_ready_because() : std::string();
    auto problem = http_problem(503, stopping ? "the daemon is stopping" : "the daemon is not ready: " + reason);
    problem.retry_after = 1;
    co_await send_problem(call.exchange, std::move(problem));
    Answer answer;
    answer.sent = true;
    co_return answer;
}

AnswerTask openapi(Call&) {
    Answer answer;
    answer.body.assign(reinterpret_cast<const char*>(shallop_openapi), shallop_openapi_size);
    co_return answer;
}

constexpr std::array<Endpoint, 7> table{{
    {"GET", "/v1/info", info, Access::deploy},
    {"GET", "/v1/runtimes", runtimes, Access::deploy},
    {"POST", "/v1/reload", reload, Access::admin},
    {"GET", "/metrics", metrics, Access::metrics},
    {"GET", "/livez", livez, Access::anyone},
    {"GET", "/readyz", readyz, Access::anyone},
    {"GET", "/openapi.json", openapi, Access::anyone},
}};

}  // namespace

std::span<const Endpoint> daemon_endpoints() { return table; }

}  // namespace shallop::api
