// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/job.h>
#include <shallop/function/resource.h>

#include <cstdint>
#include <string_view>

/// Whatever is accepted keeps its bounds and makes a function that can be written down; whatever is not is refused in words.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shallop;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto job = function::parse_job(text);
    if (!job) {
        base::ensure(!job.error().detail.empty(), "a refusal says what to do");
        return 0;
    }
    base::ensure(job->completions >= 1 && job->completions <= 10'000, "completions are bounded");
    base::ensure(job->input.size() <= 1 || job->input.size() == static_cast<std::size_t>(job->completions),
                 "there is an input for each, or one for all");
    const auto spec = function::job_spec(*job, job->spec, "@job:x");
    base::ensure(!spec.scale.reuse && spec.routes.empty(), "a job's containers are fresh and have no route");
    base::ensure(!function::format_spec(spec).empty(), "it can be written");
    return 0;
}
