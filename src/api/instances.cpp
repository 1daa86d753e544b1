// SPDX-License-Identifier: Apache-2.0
// /v1/functions/{name}/instances: what is warm now.
#include "api/instances.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json describe(const InstanceView& one) {
    return {{"id", text_or_null(one.id)},
            {"state", one.state},
            {"version", one.version},
            {"events", one.events},
            {"served", one.served},
            {"since", base::format_time(one.since)},
            {"container", text_or_null(one.container)}};
}

std::vector<InstanceView> all_of(const Instances& instances, const std::string& function) {
    return instances.list ? instances.list(function) : std::vector<InstanceView>();
}

std::optional<InstanceView> one_of(const Instances& instances, const std::string& function, const std::string& id) {
    for (auto& one : all_of(instances, function)) {
        if (one.id == id) return std::move(one);
    }
    return std::nullopt;
}

AnswerTask list(Call& call) {
    const auto function = find_function(call);
    if (!function) co_return function.error();
    co_return list_instances(call.parts.instances, call.words.at(0));
}

AnswerTask retire(Call& call) {
    const auto function = find_function(call);
    if (!function) co_return function.error();
    co_return retire_instance(call.parts.instances, call.words.at(0), call.words.at(1));
}

constexpr std::array<Endpoint, 2> table{{
    {"GET", "/v1/functions/{name}/instances", list, Access::deploy},
    {"DELETE", "/v1/functions/{name}/instances/{id}", retire, Access::deploy},
}};

}  // namespace

Answer list_instances(const Instances& instances, const std::string& function) {
    auto all = all_of(instances, function);
    std::sort(all.begin(), all.end(), [](const InstanceView& a, const InstanceView& b) {
        return std::tie(a.since, a.id) < std::tie(b.since, b.id);
    });
    auto items = Json::array();
    for (const auto& one : all) items.push_back(describe(one));
    Json document;
    document["instances"] = std::move(items);
    return json_answer(document);
}

Result<Answer> retire_instance(const Instances& instances, const std::string& function, const std::string& id) {
    const auto before = one_of(instances, function, id);
    if (!before || !instances.retire || !instances.retire(function, id)) {
        return Error(Fault::not_found, "this function has no instance '" + id.substr(0, 40) +
                                           "' now; GET /v1/functions/{name}/instances lists those it has");
    }
    const auto after = one_of(instances, function, id);
    if (after && after->events > 0) return json_answer(describe(*after), 202);
    Answer answer;
    answer.status = 204;
    return answer;
}

std::span<const Endpoint> instance_endpoints() { return table; }

}  // namespace shallop::api
