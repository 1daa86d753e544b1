// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/job.h>

#include <shallop/function/resource.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

#include "function/parts.h"

namespace shallop::function {
namespace {

using namespace std::chrono_literals;
using base::Error;
using base::Fault;

constexpr int most_completions = 10'000;
constexpr auto no_end = 365 * 24h;

/// Members of the job alone; all others are its function's.
constexpr std::array<std::string_view, 10> own_members{"function", "completions", "parallelism", "max_attempts",
                                                       "backoff",  "timeout",     "keep",        "retention",
                                                       "input",    "resources"};

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

void read_input(Object& object, Job& job) {
    const auto* const value = object.find_set("input");
    if (value == nullptr) return;
    if (!value->is_array()) {
        job.input.push_back(text_of(*value));
        return;
    }
    if (value->size() != static_cast<std::size_t>(job.completions)) {
        return object.problem("input", "give one input for each of the " + std::to_string(job.completions) +
                                           " completions, or one for all that is no array; there are " +
                                           std::to_string(value->size()));
    }
    for (const auto& one : *value) job.input.push_back(text_of(one));
}

void read_own(Object& object, Job& job) {
    object.text("function", job.function);
    object.integer("completions", job.completions, 1, most_completions);
    object.integer("parallelism", job.parallelism, 1, 1000);
    object.integer("max_attempts", job.async.max_attempts, 1, 100);
    if (const auto* const backoff = object.find("backoff")) {
        Object part(*backoff, object.pointer("backoff"), object.problems());
        part.duration("initial", job.async.backoff_initial, 1ms, 24h);
        part.number("factor", job.async.backoff_factor, 1, 100);
        part.duration("max", job.async.backoff_max, 1ms, 24h);
        part.number("jitter", job.async.jitter, 0, 1);
        part.finish();
    }
    if (object.find_set("timeout") != nullptr) object.duration("timeout", job.timeout.emplace(), 1ms, no_end);
    static const std::vector<std::string_view> keeps{"all", "failed", "none"};
    if (const auto word = object.word("keep", keeps)) job.keep = keeps[*word];
    object.duration("retention", job.async.retention, 0s, no_end);
    read_input(object, job);
    object.find("resources");
}

/// What is left: a function's resource, or a change of one.
Json rest_of(const Json& document) {
    auto rest = document;
    for (const auto member : own_members) rest.erase(std::string(member));
    if (document.contains("resources")) rest["limits"] = document.at("resources");
    return rest;
}

Error elsewhere(Error error) {
    if (error.pointer.starts_with("/limits")) error.pointer.replace(0, 7, "/resources");
    return error;
}

}  // namespace

base::Result<Job> parse_job(std::string_view json) {
    const ResourceLimits limits;
    const auto document = parse_strict(json, {limits.document_bytes, limits.depth});
    if (!document) return document.error();
    if (!document->is_object()) return Error(Fault::invalid, "a job is a JSON object: {\"image\": \"…\"}", "");
    auto rest = rest_of(*document);
    for (const auto* const member : {"scale", "async", "routes", "name"}) {
        if (rest.contains(member))
            return Error(Fault::invalid, std::string("a job has no \"") + member + "\": take it out",
                         std::string("/") + member);
    }
    Problems problems;
    Job job;
    job.async.retention = 24h;
    auto own = *document;
    for (const auto& [member, value] : rest.items()) own.erase(member);
    Object object(own, "", problems);
    read_own(object, job);
    object.finish();
    if (problems.first()) return *problems.first();
    if (!job.function.empty()) {
        for (const auto& [member, value] : rest.items()) {
            if (member != "command" && member != "env" && member != "limits")
                return Error(Fault::invalid,
                             "a job of a function may change its \"command\", \"env\" and \"resources\" only",
                             "/" + member);
        }
        job.changes = rest.dump();
        return job;
    }
    if (!rest.contains("contract")) rest["contract"] = {{"cgi", {{"output", "raw"}}}};
    auto spec = parse_resource(rest.dump(), "job", limits);
    if (!spec) return elsewhere(spec.error());
    job.spec = std::move(*spec);
    return job;
}

Spec job_spec(const Job& job, Spec of, std::string name) {
    of.name = std::move(name);
    of.routes.clear();
    of.scale = Scale();
    of.scale.reuse = false;
    of.scale.max = job.parallelism;
    of.scale.queue = job.parallelism;
    of.scale.queue_timeout = 24h;
    of.limits.timeout = job.timeout.value_or(no_end);
    of.async = job.async;
    of.async.concurrency = job.parallelism;
    of.async.max_age = no_end;
    of.async.retention = no_end;  // the job's own end counts
    of.async.on_success.reset();
    of.async.on_failure.reset();
    return of;
}

}  // namespace shallop::function
