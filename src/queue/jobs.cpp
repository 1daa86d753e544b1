// SPDX-License-Identifier: Apache-2.0
#include <shallop/queue/jobs.h>

#include <shallop/function/resource.h>
#include <shallop/function/secret.h>

#include <nlohmann/json.hpp>

#include "queue/codec.h"

namespace shallop::queue {
namespace {

using base::Error;
using base::Fault;

constexpr auto look_pause = std::chrono::milliseconds(500);
constexpr std::size_t forgotten_at_once = 16;
constexpr base::Bytes most_inputs = 64ULL << 20;
constexpr const char* kept_name = "job";  ///< of what is stored: a name that a function may have

Millis in_millis(Duration duration) { return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count(); }

std::string name_of(const std::string& id) { return std::string(store::job_prefix) + id; }

function::Event event_of(const std::string& id, const std::string& name, int index, int completions) {
    const auto number = std::to_string(index);
    function::Event event;
    event.function = name;
    event.method = "POST";
    event.target = event.script_name = "/job/" + id + "/" + number;
    event.server_name = "localhost";
    event.fields = {{"Shallop-Job-Id", id}, {"Shallop-Job-Index", number}};
    event.variables = {{"SHALLOP_JOB_ID", id},
                       {"SHALLOP_JOB_INDEX", number},
                       {"SHALLOP_JOB_COMPLETIONS", std::to_string(completions)}};
    return event;
}

Error unknown(const std::string& id) { return {Fault::not_found, "there is no job '" + id.substr(0, 40) + "'"}; }

store::KeepIndexes kept(const std::string& document) {
    const auto job = function::parse_job(document);
    if (!job || job->keep == "all") return store::KeepIndexes::all;
    return job->keep == "failed" ? store::KeepIndexes::failed : store::KeepIndexes::none;
}

}  // namespace

Jobs::Jobs(Parts parts) : parts_(std::move(parts)) {}

function::FunctionPtr Jobs::function(const std::string& name) const {
    const auto at = running_.find(name);
    return at == running_.end() || at->second.first.state == "cancelled" ? nullptr : at->second.second;
}

std::vector<function::FunctionPtr> Jobs::functions() const {
    std::vector<function::FunctionPtr> all;
    for (const auto& [name, job] : running_) all.push_back(job.second);
    return all;
}

std::vector<std::string> Jobs::users_of_secret(std::string_view secret) const {
    std::vector<std::string> users;
    for (const auto& [name, job] : running_) {
        if (function::uses_secret(job.second->spec, secret)) users.push_back("job " + job.first.id);
    }
    return users;
}

Task<Status> Jobs::load() {
    auto rows = co_await parts_.events.running_jobs();
    if (!rows) co_return rows.error();
    for (auto& row : *rows) {
        auto function = revived(row);
        if (!function) {
            parts_.log.error("a job cannot be read: its indexes fail",
                             {{"job", row.id}, {"reason", function.error().detail}});
            continue;
        }
        auto name = row.name;
        running_.emplace(std::move(name), std::pair(std::move(row), std::move(*function)));
    }
    co_return Status();
}

/// The function of a job again.
Result<function::FunctionPtr> Jobs::revived(const store::JobRow& row) const {
    const auto job = function::parse_job(row.document);
    if (!job) return job.error();
    store::StoredFunction stored;
    stored.name = kept_name;
    stored.spec = row.spec;
    stored.image = row.image;
    const auto kept = parts_.revive(stored);
    if (!kept) return kept.error();
    auto made = **kept;
    made.spec = function::job_spec(*job, (*kept)->spec, row.name);
    return std::make_shared<const function::Function>(std::move(made));
}

/// Whether there is room for all indexes, each of which has its input.
Status Jobs::admit(const function::Job& job) const {
    base::Bytes inputs = 0;
    for (const auto& input : job.input) inputs += input.size();
    if (job.input.size() == 1) inputs *= static_cast<base::Bytes>(job.completions);
    if (inputs > most_inputs) {
        return Error(Fault::too_large,
                     "the inputs of all indexes together are at most " + base::format_bytes(most_inputs) +
                         ": these have " + base::format_bytes(inputs) +
                         "; give what they share as a mount, or in the image",
                     "/input");
    }
    return parts_.queue.admit_all(job.completions, inputs);
}

Task<Result<JobView>> Jobs::put(std::string document) {
    auto job = function::parse_job(document);
    if (!job) co_return job.error();
    auto of = job->spec;
    if (!job->function.empty()) {
        const auto found = parts_.find(job->function);
        if (!found) co_return Error(Fault::not_found, "there is no function '" + job->function + "'", "/function");
        auto changed = function::patch_resource(found->spec, job->changes);
        if (!changed) co_return changed.error();
        of = std::move(*changed);
    }
    if (const auto fits = admit(*job); !fits) co_return fits.error();
    store::JobRow row;
    row.id = parts_.ids.next();
    row.name = name_of(row.id);
    row.document = std::move(document);
    row.created = parts_.queue.now();
    auto spec = function::job_spec(*job, of, row.name);
    auto made = co_await parts_.make(std::move(spec));
    if (!made) co_return made.error();
    if (const auto fits = admit(*job); !fits) co_return fits.error();  // an image may have taken minutes
    // What a job makes of it is in no bounds of a function's: it is made again when this is read.
    of.name = kept_name;
    of.routes.clear();
    of.contract = (*made)->spec.contract;
    of.source = (*made)->spec.source;
    row.spec = function::format_spec(of);
    row.image = function::format_image((*made)->image);
    std::vector<store::NewEvent> indexes;
    for (int index = 0; index < job->completions; ++index) {
        Order order;
        order.event = event_of(row.id, row.name, index, job->completions);
        if (!job->input.empty())
            order.body.bytes = job->input.size() == 1 ? job->input[0] : job->input[static_cast<std::size_t>(index)];
        order.body.size = order.body.bytes.size();
        order.origin = "job:" + row.id;
        indexes.push_back(parts_.queue.prepare(std::move(order)));
    }
    running_.emplace(row.name, std::pair(row, *made));
    auto copy = row;
    auto putting = parts_.events.put_job(std::move(copy), std::move(indexes), parts_.queue.written());
    const auto done = co_await std::move(putting);
    if (!done) {
        running_.erase(row.name);
        co_return done.error();
    }
    parts_.log.info("job begun", {{"job", row.id}, {"completions", job->completions}});
    co_return co_await view(std::move(row));
}

Task<Result<JobView>> Jobs::view(store::JobRow row) {
    const auto counts = co_await parts_.events.count(row.name);
    if (!counts) co_return counts.error();
    const auto of = [&](store::EventState state) { return counts->at(static_cast<std::size_t>(state)); };
    using enum store::EventState;
    co_return JobView{
        std::move(row), of(queued) + of(waiting), of(store::EventState::running), of(succeeded), of(failed),
        of(cancelled)};
}

Task<Result<JobView>> Jobs::find(std::string id) {
    auto row = co_await parts_.events.job(id);
    if (!row) co_return row.error();
    if (!*row) co_return unknown(id);
    co_return co_await view(std::move(**row));
}

Task<Result<std::vector<JobView>>> Jobs::list(std::string before, std::size_t limit) {
    auto rows = co_await parts_.events.jobs(std::move(before), limit);
    if (!rows) co_return rows.error();
    std::vector<JobView> page;
    for (auto& row : *rows) {
        auto one = co_await view(std::move(row));
        if (!one) co_return one.error();
        page.push_back(std::move(*one));
    }
    co_return page;
}

Task<Result<std::vector<Kept>>> Jobs::indexes(std::string id, std::size_t from, std::size_t limit) {
    const auto row = co_await parts_.events.job(id);
    if (!row) co_return row.error();
    if (!*row) co_return unknown(id);
    co_return co_await parts_.queue.in_order((*row)->name, from, limit);
}

Task<Result<JobView>> Jobs::cancel(std::string id) {
    const auto name = name_of(id);
    const auto at = running_.find(name);
    if (at == running_.end()) {
        const auto row = co_await parts_.events.job(id);
        if (!row) co_return row.error();
        if (!*row) co_return unknown(id);
        co_return Error(Fault::conflict, "this job has already ended");
    }
    at->second.first.state = "cancelled";
    const auto when = parts_.queue.now();
    auto cancelling =
        parts_.events.cancel_all(name, when, when + in_millis(std::chrono::hours(24 * 365)), parts_.queue.written());
    const auto done = co_await std::move(cancelling);
    if (!done) {
        if (const auto still = running_.find(name); still != running_.end()) still->second.first.state = "running";
        co_return done.error();
    }
    parts_.queue.stop_running(name);
    co_return co_await find(std::move(id));
}

Task<Status> Jobs::remove(std::string id) {
    auto removing = parts_.events.forget_job(std::move(id), parts_.queue.written());
    const auto done = co_await std::move(removing);
    if (!done) co_return done.error();
    co_return Status();
}

/// All of its indexes have ended, unless one was queued again meanwhile.
Task<void> Jobs::notice_end(store::JobRow row) {
    const auto now_is = co_await view(row);
    if (!now_is || now_is->queued > 0 || now_is->running > 0) co_return;
    if (now_is->succeeded + now_is->failed + now_is->cancelled == 0) co_return;  // it is being written
    const auto job = function::parse_job(row.document);
    row.state = now_is->cancelled > 0 ? "cancelled" : now_is->failed > 0 ? "failed" : "succeeded";
    row.ended = parts_.queue.now();
    row.keep_until = row.ended + (job ? in_millis(job->async.retention) : 0);
    auto copy = row;
    auto ending = parts_.events.end_job(std::move(copy), kept(row.document));
    const auto done = co_await std::move(ending);
    if (!done) co_return;  // looked at again
    running_.erase(row.name);
    parts_.forget(row.name);
    parts_.log.info("job ended", {{"job", row.id}, {"state", row.state}, {"failed", now_is->failed}});
}

Task<void> Jobs::run() {
    for (;;) {
        co_await parts_.clock.sleep_for(look_pause);
        std::vector<store::JobRow> idle;
        for (const auto& [name, job] : running_) {
            if (parts_.queue.lines().idle(name)) idle.push_back(job.first);
        }
        for (auto& row : idle) co_await notice_end(std::move(row));
        const auto old = co_await parts_.events.old_jobs(parts_.queue.now(), forgotten_at_once);
        if (!old) continue;
        for (const auto& id : *old) {
            auto removing = parts_.events.forget_job(id, parts_.queue.written());
            co_await std::move(removing);
        }
    }
}

}  // namespace shallop::queue
