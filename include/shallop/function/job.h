// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>
#include <shallop/function/spec.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::function {

/// Many runs of one image or function, each in a fresh container of its own: `completions` indexes from 0, `parallelism` at once.
struct Job {
    std::string function;  ///< its name; "": `spec` has an image of its own
    std::string changes;   ///< of a function's resource: a merge patch
    Spec spec;             ///< of what runs, where `function` is ""
    int completions = 1;
    int parallelism = 1;
    Async async;                      ///< attempts and backoff, of each index
    std::optional<Duration> timeout;  ///< of one attempt; nullopt: none
    std::string keep =
        "all";  ///< all, failed, none: of which indexes the output and the log are kept once the job has ended
    std::vector<std::string> input;  ///< stdin (or the request's body) of each index; one: of all
};

/// Reads the document of POST /v1/jobs, strictly, as parse_resource() does. Its members are "completions", "parallelism", "max_attempts", "backoff",
/// "timeout", "keep", "retention", "input", "resources" (limits of a function), and either "function" with "command" and "env", or "image" with whatever else a function's resource has.
/// An image's output is taken as it is, unless it says its contract. Faults: invalid (with `pointer`), too_large.
base::Result<Job> parse_job(std::string_view json);

/// The function that runs the indexes of `job` under `name`, made of `of`: nothing is reused, nothing has a route, and what waits for room waits for long.
Spec job_spec(const Job& job, Spec of, std::string name);

}  // namespace shallop::function
