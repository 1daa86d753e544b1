// SPDX-License-Identifier: Apache-2.0
#include "cli/job_text.h"

#include <algorithm>

#include "cli/print.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t count(const Json& job, const char* state) {
    const auto counts = job.find("indexes");
    return counts == job.end() || !counts->is_object() ? 0 : counts->value(state, std::int64_t{0});
}

/// What runs: the image, or the function.
std::string subject(const Json& job) {
    const auto document = job.value("job", Json::object());
    return printable(document.value("function", document.value("image", std::string("?"))));
}

}  // namespace

std::string progress_line(const Json& job, std::size_t width) {
    const auto all = std::max<std::int64_t>(job.value("completions", std::int64_t{0}), 1);
    const auto done = count(job, "succeeded");
    const auto failed = count(job, "failed"), cancelled = count(job, "cancelled");
    std::string line;
    if (width > 0) {
        const auto full = static_cast<std::size_t>(done + failed + cancelled) * width / static_cast<std::size_t>(all);
        line = "[" + std::string(full, '#') + std::string(width - std::min(full, width), '.') + "] ";
    }
    line += std::to_string(done) + "/" + std::to_string(all) + " done";
    const auto add = [&](std::int64_t number, const char* what) {
        if (number > 0) line += ", " + std::to_string(number) + " " + what;
    };
    add(count(job, "running"), "running");
    add(count(job, "queued"), "queued");
    add(failed, "failed");
    add(cancelled, "cancelled");
    const auto state = job.value("state", "");
    return state == "running" ? line : line + ": " + printable(state);
}

std::string job_table(const Json& jobs, std::chrono::system_clock::time_point now) {
    std::vector<std::vector<std::string>> rows{{"ID", "RUNS", "STATE", "DONE", "FAILED", "AGE"}};
    for (const auto& job : jobs) {
        rows.push_back(
            {printable(job.value("id", "")), subject(job), printable(job.value("state", "")),
             std::to_string(count(job, "succeeded")) + "/" + std::to_string(job.value("completions", std::int64_t{0})),
             std::to_string(count(job, "failed")), age(job.value("created", ""), now)});
    }
    return rows.size() == 1 ? "" : table(rows);
}

std::string index_table(const Json& indexes) {
    std::vector<std::vector<std::string>> rows{{"INDEX", "STATE", "ATTEMPTS", "EXIT", "WHY"}};
    for (const auto& one : indexes) {
        const auto run = one.value("invocation", Json::object());
        const auto queued = run.value("queued", Json::object());
        const auto exit_code = one.value("exit_code", Json());
        const auto detail = run.value("detail", Json());
        rows.push_back({std::to_string(one.value("index", 0)), printable(run.value("status", "")),
                        std::to_string(queued.value("attempts", 0)), exit_code.is_null() ? "" : exit_code.dump(),
                        detail.is_string() ? printable(detail.get<std::string>()) : ""});
    }
    return table(rows);
}

}  // namespace shallop::cli
