// SPDX-License-Identifier: Apache-2.0
// The member "async": what becomes of events that are accepted to be run later.
#include <nlohmann/json.hpp>

#include <algorithm>

#include "function/parts.h"
#include "function/words.h"

namespace shallop::function {
namespace {

using namespace std::chrono_literals;

constexpr Bytes largest = 1ULL << 40;

std::string check_sink(std::string_view name) {
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    const bool fine = !name.empty() && name.size() <= 64 && name.front() != '.' &&
                      name.find_first_not_of(allowed) == std::string_view::npos;
    return fine ? "" : "give the name of a file, such as \"failed.jsonl\": letters, digits, '_', '-' and '.'";
}

void read_destination(Object& async, std::string_view name, std::optional<Destination>& into,
                      const ResourceLimits& limits) {
    const auto* const value = async.find_set(name);
    if (value == nullptr) return;
    Object object(*value, async.pointer(name), async.problems());
    auto& to = into.emplace();
    object.text("function", to.function);
    object.text("url", to.url);
    object.text("file", to.file);
    const auto said = [&](std::string_view member, const std::string& text, std::string complaint) {
        if (!text.empty() && !complaint.empty()) object.problem(member, std::move(complaint));
    };
    said("function", to.function, check_name(to.function, limits.name_length));
    said("url", to.url, check_url(to.url));
    said("file", to.file, check_sink(to.file));
    const int given = int{!to.function.empty()} + int{!to.url.empty()} + int{!to.file.empty()};
    if (given != 1)
        async.problem(name,
                      "name one destination: {\"function\": \"NAME\"}, {\"url\": \"https://…\"} or "
                      "{\"file\": \"NAME.jsonl\"}");
    object.finish();
}

void read_backoff(Object& resource, Async& async) {
    const auto* const value = resource.find("backoff");
    if (value == nullptr) return;
    Object object(*value, resource.pointer("backoff"), resource.problems());
    object.duration("initial", async.backoff_initial, 1ms, 24h);
    object.number("factor", async.backoff_factor, 1, 100);
    object.duration("max", async.backoff_max, 1ms, 24h);
    object.number("jitter", async.jitter, 0, 1);
    object.finish();
}

void read_statuses(Object& object, std::vector<int>& into) {
    for (const auto* const element : object.array("retry_on", 100)) {
        const bool status = element->is_number_integer() && *element >= 300 && *element <= 499;
        if (!status || std::find(into.begin(), into.end(), element->get<int>()) != into.end()) {
            return object.problem("retry_on",
                                  "give each status from 300 to 499 that is to be tried again once, such as "
                                  "[408, 425]; 429 and those from 500 are tried again in any case");
        }
        into.push_back(element->get<int>());
    }
}

}  // namespace

std::string check_url(std::string_view url) {
    const auto complaint =
        "give an absolute URL, such as \"https://example.org/done\": http or https, no name and "
        "password in it, at most 2,048 characters";
    const auto rest = url.starts_with("https://")  ? url.substr(8)
                      : url.starts_with("http://") ? url.substr(7)
                                                   : std::string_view();
    const auto host = rest.substr(0, rest.find_first_of("/?#"));
    const auto printable = [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; };
    const bool fine = !host.empty() && url.size() <= 2048 && host.find('@') == std::string_view::npos &&
                      std::all_of(url.begin(), url.end(), printable);
    return fine ? "" : complaint;
}

void read_async(Object& resource, Async& async, const ResourceLimits& limits) {
    const auto* const value = resource.find("async");
    if (value == nullptr) return;
    Object object(*value, resource.pointer("async"), resource.problems());
    object.integer("max_attempts", async.max_attempts, 1, 100);
    read_backoff(object, async);
    object.duration("max_age", async.max_age, 1s, 30 * 24h);
    object.integer("concurrency", async.concurrency, 1, 1000);
    read_destination(object, "on_success", async.on_success, limits);
    read_destination(object, "on_failure", async.on_failure, limits);
    object.duration("retention", async.retention, 0s, 365 * 24h);
    object.bytes("result", async.result, 0, 64ULL << 20);
    read_statuses(object, async.retry_on);
    object.integer("backlog", async.backlog, 0, 100'000'000);
    object.bytes("backlog_bytes", async.backlog_bytes, 0, largest);
    object.boolean("yield", async.yield);
    object.finish();
}

}  // namespace shallop::function
