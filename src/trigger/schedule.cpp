// SPDX-License-Identifier: Apache-2.0
#include <shallop/trigger/schedule.h>

#include <shallop/base/log.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

#include "function/reader.h"
#include "function/words.h"

namespace shallop::trigger {
namespace {

using base::Error;
using base::Fault;
using function::Json;
using function::Object;
using function::Problems;

const std::vector<std::string_view> overlap_words{"forbid", "allow", "replace"};
const std::vector<std::string_view> catch_up_words{"none", "one", "all"};
constexpr std::size_t next_shown = 5;

std::string lower(std::string text) {
    for (auto& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

/// "" where a schedule may give its events a field of this name; else what to do.
std::string check_field_name(const std::string& name) {
    constexpr std::string_view token = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    constexpr std::array<std::string_view, 11> kept{"connection", "content-length",      "expect", "host",
                                                    "keep-alive", "proxy-authorization", "te",     "trailer",
                                                    "upgrade",    "transfer-encoding",   "proxy"};
    if (name.empty() || name.size() > 128 || name.find_first_not_of(token) != std::string::npos)
        return function::in_quotes(name) + " is no name of a header field: use letters, digits and '-'";
    const auto small = lower(name);
    if (small.starts_with("shallop-") || small.starts_with("x-shallop-"))
        return "fields that start with Shallop- or X-Shallop- are the platform's: use another name";
    if (std::find(kept.begin(), kept.end(), small) != kept.end())
        return "the field " + name + " is the connection's, not the event's: take it out";
    return {};
}

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/// The gateway's rules for paths, in as much as a request could not have such a one: "" where it is fine.
std::string check_event_path(const std::string& path) {
    if (auto complaint = function::check_request_path(path); !complaint.empty()) return complaint;
    auto small = lower(path.substr(0, path.find('?')));
    for (auto at = small.find('%'); at != std::string::npos; at = small.find('%', at + 1)) {
        const auto digits = small.substr(at + 1, 2);
        if (digits.size() < 2 || !is_hex(digits[0]) || !is_hex(digits[1]) || digits == "2f" || digits == "00")
            return "a % in a path stands before two hexadecimal digits, and neither for '/' nor for nothing: correct "
                   "it";
        if (digits == "2e") small.replace(at, 3, ".");
    }
    small += '/';
    if (small.find("/./") == std::string::npos && small.find("/../") == std::string::npos) return {};
    return "the path has '.' or '..' segments; give it resolved";
}

bool is_field_value(const std::string& value, std::size_t longest) {
    const auto odd = [](char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f; };
    return value.size() <= longest && std::none_of(value.begin(), value.end(), odd);
}

void read_headers(Object& from, const PlanLimits& limits, base::Fields& into) {
    const auto* const headers = from.find_set("headers");
    if (headers == nullptr) return;
    if (!headers->is_object() || headers->size() > limits.headers) {
        return from.problem("headers", "give an object of at most " + std::to_string(limits.headers) +
                                           " names and texts, such as {\"Content-Type\": \"application/json\"}");
    }
    for (const auto& [name, value] : headers->items()) {
        const auto at = function::append_pointer(from.pointer("headers"), name);
        if (auto complaint = check_field_name(name); !complaint.empty()) {
            from.problems().add(at, std::move(complaint));
        } else if (!value.is_string() || !is_field_value(value.get_ref<const std::string&>(), limits.header_bytes)) {
            from.problems().add(
                at, "give a text without line breaks, of at most " + std::to_string(limits.header_bytes) + " bytes");
        } else if (base::find_field(into, name) != nullptr) {
            from.problems().add(at, "this field is there twice, in another spelling: keep one of them");
        } else {
            into.push_back({name, value.get<std::string>()});
        }
    }
}

void read_time(Object& from, Plan& plan) {
    std::string cron, zone = plan.zone.name();
    from.text("cron", cron);
    from.text("time_zone", zone);
    auto expression = Cron::parse(cron);
    if (!expression) return from.problem("cron", expression.error().detail);
    plan.cron = std::move(*expression);
    auto found = Zone::find(zone);
    if (!found) return from.problem("time_zone", found.error().detail);
    plan.zone = std::move(*found);
}

void read_event(Object& from, const PlanLimits& limits, Plan& plan) {
    from.text("method", plan.method);
    if (auto complaint = function::check_method(plan.method); !complaint.empty())
        from.problem("method", std::move(complaint));
    from.text("path", plan.path);
    if (auto complaint = check_event_path(plan.path); !complaint.empty()) from.problem("path", std::move(complaint));
    read_headers(from, limits, plan.headers);
    from.text_or_null("body", plan.body);
    if (plan.body.size() > limits.body)
        from.problem("body", "give a body of at most " + base::format_bytes(limits.body));
}

base::Result<Plan> read_plan(const Json& document, const PlanLimits& limits) {
    Problems problems;
    Object from(document, "", problems);
    Plan plan;
    read_time(from, plan);
    read_event(from, limits, plan);
    if (const auto word = from.word("overlap", overlap_words)) plan.overlap = static_cast<Overlap>(*word);
    if (const auto word = from.word("catch_up", catch_up_words)) plan.catch_up = static_cast<CatchUp>(*word);
    from.duration("catch_up_deadline", plan.catch_up_deadline, limits.least_deadline, limits.most_deadline);
    from.duration("jitter", plan.jitter, base::Duration::zero(), limits.most_jitter);
    from.boolean("paused", plan.paused);
    for (const auto* ours : {"id", "function", "created", "updated", "last", "next"}) from.find(ours);
    from.finish();
    if (problems.first()) return *problems.first();
    return plan;
}

nlohmann::ordered_json to_json(const Plan& plan) {
    auto headers = nlohmann::ordered_json::object();
    for (const auto& [name, value] : plan.headers) headers[name] = value;
    return {{"cron", plan.cron.text()},
            {"time_zone", plan.zone.name()},
            {"method", plan.method},
            {"path", plan.path},
            {"headers", std::move(headers)},
            {"body", plan.body.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(plan.body)},
            {"overlap", overlap_words[static_cast<std::size_t>(plan.overlap)]},
            {"catch_up", catch_up_words[static_cast<std::size_t>(plan.catch_up)]},
            {"catch_up_deadline", base::format_duration(plan.catch_up_deadline)},
            {"jitter", base::format_duration(plan.jitter)},
            {"paused", plan.paused}};
}

nlohmann::ordered_json to_json(const Run& run, const Zone& zone) {
    return {{"tick", format_local(run.tick, zone)},
            {"invocation", run.invocation.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(run.invocation)},
            {"outcome", run.outcome}};
}

}  // namespace

base::Result<Plan> parse_plan(std::string_view json, const PlanLimits& limits) {
    const auto document = function::parse_strict(json, {limits.document_bytes, limits.depth});
    if (!document) return document.error();
    return read_plan(*document, limits);
}

base::Result<Plan> patch_plan(const Plan& current, std::string_view patch, const PlanLimits& limits) {
    const auto change = function::parse_strict(patch, {limits.document_bytes, limits.depth});
    if (!change) return change.error();
    if (!change->is_object()) return Error(Fault::invalid, "a patch is a JSON object");
    Json document = Json::parse(format_plan(current));
    document.merge_patch(*change);
    return read_plan(document, limits);
}

std::string format_plan(const Plan& plan) { return to_json(plan).dump(); }

std::string format_schedule(const Schedule& schedule, Tick now) {
    const auto& plan = schedule.plan;
    nlohmann::ordered_json all = {{"id", schedule.id}, {"function", schedule.function}};
    all.update(to_json(plan));
    all["created"] = format_local(schedule.created, Zone());
    all["updated"] = format_local(schedule.updated, Zone());
    all["last"] = schedule.last ? to_json(*schedule.last, plan.zone) : nlohmann::ordered_json();
    auto next = nlohmann::ordered_json::array();
    if (!plan.paused) {
        const auto after = std::max(now, std::min(schedule.done, now + std::chrono::hours(3)));
        for (const auto tick : next_ticks(plan.cron, plan.zone, after, schedule.anchor, next_shown))
            next.push_back(format_local(tick, plan.zone));
    }
    all["next"] = std::move(next);
    return all.dump();
}

function::Event event_of(const Schedule& schedule, Tick tick) {
    const auto& plan = schedule.plan;
    const auto mark = std::min(plan.path.find('?'), plan.path.size());
    function::Event event;
    event.function = schedule.function;
    event.method = plan.method;
    event.script_name = "/function/" + schedule.function;
    event.path_info = plan.path.substr(0, mark);
    event.query = mark < plan.path.size() ? plan.path.substr(mark + 1) : "";
    event.target = event.script_name + plan.path;
    event.by_name = true;
    event.server_name = "localhost";
    event.remote_addr = "127.0.0.1";
    event.fields = plan.headers;
    event.fields.push_back({"Shallop-Schedule", schedule.id});
    event.fields.push_back({"Shallop-Scheduled-Time", format_local(tick, plan.zone)});
    if (!plan.body.empty()) event.content_length = plan.body.size();
    return event;
}

}  // namespace shallop::trigger
