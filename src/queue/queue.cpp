// SPDX-License-Identifier: Apache-2.0
// What comes into the queue, and what people do to what is in it. dispatch.cpp runs it.
#include <shallop/queue/queue.h>

#include <shallop/async/race.h>
#include <shallop/base/digest.h>
#include <shallop/base/file.h>
#include <shallop/function/resource.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "queue/bodies.h"
#include "queue/codec.h"
#include "queue/running.h"

namespace shallop::queue {
namespace {

using base::Error;
using base::Fault;

constexpr std::size_t most_at_once = 10'000;  ///< dead letters that one call changes

Status check_key(std::string_view key, std::size_t longest, const char* what) {
    const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
    if (key.size() <= longest && std::all_of(key.begin(), key.end(), printable)) return {};
    return Error(Fault::invalid,
                 std::string(what) + " is at most " + std::to_string(longest) + " printable ASCII characters");
}

Error stopping() { return {Fault::shutting_down, "the server is stopping; try again later"}; }

struct Place {
    std::string host;
    std::uint16_t port = 0;
};

/// Where a checked URL leads.
Place place_of(std::string_view url) {
    const bool secure = url.starts_with("https");
    url.remove_prefix(url.find("//") + 2);
    url = url.substr(0, url.find_first_of("/?#"));
    const auto end = url.starts_with('[') ? url.find(']') + 1 : std::min(url.find(':'), url.size());
    Place place{std::string(url.substr(0, end)), static_cast<std::uint16_t>(secure ? 443 : 80)};
    if (place.host.starts_with('[')) place.host = place.host.substr(1, end - 2);
    if (end < url.size()) std::from_chars(url.data() + end + 1, url.data() + url.size(), place.port);
    return place;
}

OutboundSettings outbound_settings(const Settings& settings) {
    OutboundSettings own;
    own.allowed = settings.callbacks_to;
    return own;
}

}  // namespace

Queue::Queue(Settings settings, Parts parts, async::Executor executor)
    : settings_(std::move(settings)),
      parts_(std::move(parts)),
      executor_(executor),
      outbound_(outbound_settings(settings_)),
      began_wall_(
          std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.wall().time_since_epoch()).count()),
      began_(parts_.clock.now()),
      lines_(settings_.lines, [this](const std::string& function) { return concurrency(function); }),
      due_changed_(executor),
      tasks_(executor, parts_.log) {}

Queue::~Queue() = default;

/// Goes with the monotonic clock from where the wall clock was at start: a step of that moves nothing that waits.
Millis Queue::now() const {
    return began_wall_ + std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.now() - began_).count();
}

std::chrono::system_clock::time_point Queue::wall(Millis at) const {
    return std::chrono::system_clock::time_point(std::chrono::milliseconds(at));
}

function::Async Queue::policy(const std::string& function) const {
    if (const auto found = parts_.find(function)) return found->spec.async;
    function::Async own;
    if (function == deliveries) {
        own.max_attempts = 10;
        own.backoff_max = std::chrono::minutes(10);
        own.max_age = std::chrono::hours(24);
        own.concurrency = 16;
    }
    return own;
}

int Queue::concurrency(const std::string& function) const {
    const auto found = parts_.find(function);
    return found ? found->spec.async.concurrency : 16;
}

Status Queue::check(const Order& order) const {
    if (draining_) return stopping();
    const auto& name = order.event.function;
    if (!parts_.find(name) && name != deliveries) return Error(Fault::not_found, "there is no function '" + name + "'");
    if (auto fine = check_key(order.idempotency_key, settings_.key_length, "an Idempotency-Key"); !fine) return fine;
    if (auto fine = check_key(order.ordering_key, settings_.key_length, "a Shallop-Ordering-Key"); !fine) return fine;
    if (order.callback.empty()) return {};
    if (const auto complaint = function::check_url(order.callback); !complaint.empty())
        return Error(Fault::invalid, "X-Callback-Url: " + complaint);
    const auto [host, port] = place_of(order.callback);
    const bool address = host.find_first_not_of("0123456789.") == host.npos || host.find(':') != host.npos;
    const auto allowed = is_allowed(settings_.callbacks_to, host, port);
    // A name is looked at when it is called.
    if (address && is_private(host) && !(allowed && *allowed))
        return Error(
            Fault::invalid,
            "X-Callback-Url: " + host +
                " is an address that is not to be called from outside; --callback-allow permits those that may");
    return {};
}

Status Queue::admit_all(std::int64_t events, base::Bytes bytes) const {
    if (draining_) return stopping();
    return lines_.admit_all(events, bytes);
}

store::NewEvent Queue::prepare(Order order) const {
    const auto at = now();
    store::NewEvent event;
    auto& row = event.row;
    row.id = order.event.id.empty() ? parts_.ids.next() : order.event.id;
    row.function = order.event.function;
    row.accepted = row.due = at;
    row.bytes = order.body.size;
    row.origin = order.origin;
    row.ordering_key = order.ordering_key;
    row.callback = order.callback;
    event.idempotency_key = order.idempotency_key;
    if (!order.idempotency_key.empty()) {
        const auto size = std::to_string(order.body.size);
        base::Digest print;
        for (const auto& text : {order.event.method, order.event.target, order.body.bytes, size, order.body.digest})
            print.add_text(text);
        event.fingerprint = print.take_hex();
        event.key_until = at + std::chrono::duration_cast<std::chrono::milliseconds>(settings_.key_life).count();
    }
    event.payload = {write_head(order.event), std::move(order.body.bytes), std::move(order.body.file)};
    return event;
}

Task<Result<Accepted>> Queue::put(Order order) {
    auto fine = check(order);
    const auto file = order.body.file;
    if (fine) fine = lines_.admit(order.event.function, policy(order.event.function), order.body.size);
    if (!fine) {
        remove_files({file});
        co_return fine.error();
    }
    auto event = prepare(std::move(order));
    auto kept = parts_.events.put(std::move(event), written());
    auto put = co_await std::move(kept);
    if (!put || put->repeated) remove_files({file});
    if (!put) co_return put.error();
    if (put->differs) {
        co_return Error(Fault::invalid, "this Idempotency-Key came with another request before: give each its own",
                        "idempotency");
    }
    co_return Accepted{put->id, put->repeated};
}

store::Events::Written Queue::written() {
    return [this](const store::Change& change) { apply(change); };
}

void Queue::apply(const store::Change& change) {
    if (change.queued != 0) lines_.add(change.function, change.queued, change.bytes, change.due);
    if (change.let_go) lines_.hasten(change.function, change.due);
    if (!change.files.empty()) remove_files(change.files);
    if (change.queued > 0 || change.let_go) pump();
    due_changed_.notify_all();
}

void Queue::changed(const std::string& function) {
    lines_.hasten(function, now());
    pump();
}

namespace {

Result<Kept> whole(store::WholeEvent event) {
    auto head = read_head(event.head);
    if (!head) return head.error();
    head->id = event.row.id;
    head->function = event.row.function;
    return Kept{std::move(event.row), std::move(*head), std::move(event.reply), std::move(event.attempts)};
}

Result<std::vector<Kept>> all_whole(std::vector<store::WholeEvent> events) {
    std::vector<Kept> page;
    for (auto& event : events) {
        auto kept = whole(std::move(event));
        if (!kept) return kept.error();
        page.push_back(std::move(*kept));
    }
    return page;
}

}  // namespace

Task<Result<std::optional<Kept>>> Queue::find(std::string id) {
    auto found = co_await parts_.events.find(std::move(id));
    if (!found) co_return found.error();
    if (!*found) co_return std::optional<Kept>();
    auto kept = whole(std::move(**found));
    if (!kept) co_return kept.error();
    co_return std::optional<Kept>(std::move(*kept));
}

Task<Result<std::vector<Kept>>> Queue::list(store::EventFilter filter) {
    auto found = co_await parts_.events.list(std::move(filter));
    if (!found) co_return found.error();
    co_return all_whole(std::move(*found));
}

Task<Result<std::vector<Kept>>> Queue::in_order(std::string function, std::size_t from, std::size_t limit) {
    auto found = co_await parts_.events.in_order(std::move(function), from, limit);
    if (!found) co_return found.error();
    co_return all_whole(std::move(*found));
}

void Queue::stop_running(const std::string& function) {
    std::vector<std::string> ids;
    for (const auto& [id, running] : running_) {
        if (running->row().function != function) continue;
        running->cancelled = true;
        ids.push_back(id);
    }
    for (const auto& id : ids) parts_.invoker.cancel(id);
}

namespace {

/// Someone who waits for the end of an event, as long as he does.
struct Waiting {
    using All = std::multimap<std::string, async::Condition*>;
    Waiting(All& all, const std::string& id, async::Executor executor) : in(all), condition(executor) {
        at = in.emplace(id, &condition);
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { in.erase(at); }

    All& in;
    async::Condition condition;
    All::iterator at;
};

}  // namespace

Task<void> Queue::wait_for_end(std::string id, Instant until) {
    Waiting me(waiting_, id, executor_);
    const auto found = co_await parts_.events.find(id);
    if (!found || !*found) co_return;
    using enum store::EventState;
    const auto state = (*found)->row.state;
    if (state == succeeded || state == failed || state == cancelled) co_return;
    auto ended = me.condition.wait();
    auto timer = parts_.clock.sleep_until(until);
    co_await async::race(std::move(ended), std::move(timer));
}

void Queue::told(const std::string& id) {
    const auto [first, last] = waiting_.equal_range(id);
    for (auto at = first; at != last; ++at) at->second->notify_all();
}

Task<Status> Queue::cancel(std::string id) {
    const auto at = running_.find(id);
    if (at != running_.end()) {
        at->second->cancelled = true;
        parts_.invoker.cancel(id);
        co_return Status();
    }
    const auto found = co_await parts_.events.find(id);
    if (!found) co_return found.error();
    const auto kept = *found ? policy((*found)->row.function).retention : Duration::zero();
    const auto when = now();
    const auto keep_until = when + std::chrono::duration_cast<std::chrono::milliseconds>(kept).count();
    auto cancelling = parts_.events.cancel(id, when, keep_until, written());
    const auto done = co_await std::move(cancelling);
    if (!done) co_return done.error();
    told(id);
    co_return Status();
}

Task<Result<Accepted>> Queue::replay(std::string id) {
    auto found = co_await parts_.events.payload(id);
    if (!found) co_return found.error();
    if (!*found) co_return Error(Fault::not_found, "there is no queued invocation '" + id.substr(0, 40) + "'");
    auto& taken = **found;
    if (store::is_index(taken.row)) co_return Error(Fault::conflict, "this is an index of a job: run the job again");
    auto head = read_head(taken.payload.head);
    if (!head) co_return head.error();
    Order order;
    order.event = std::move(*head);
    order.event.function = taken.row.function;
    order.origin = "replay:" + id;
    order.ordering_key = taken.row.ordering_key;
    order.callback = taken.row.callback;
    order.body = {std::move(taken.payload.body), taken.payload.file, taken.row.bytes};
    if (!order.body.file.empty()) {
        order.body.file = parts_.ids.next();
        auto work = [bodies = settings_.directory + "/bodies", &from = taken.payload.file,
                     &to = order.body.file]() -> Status {
            if (link((bodies + "/" + from).c_str(), (bodies + "/" + to).c_str()) != 0)
                return Error(Fault::storage, "the body of this event is gone");
            return base::sync_directory(bodies);  // its name outlives a power cut, as that of any body
        };
        if (const auto linked = co_await parts_.blocking.run(work); !linked) co_return linked.error();
    }
    auto putting = put(std::move(order));
    co_return co_await std::move(putting);
}

Task<Result<std::int64_t>> Queue::redrive(std::string id) {
    auto redriving = parts_.events.redrive(std::move(id), now(), written());
    const auto done = co_await std::move(redriving);
    if (!done) co_return done.error();
    co_return done->changed;
}

Task<Result<std::int64_t>> Queue::redrive_all(std::string function) {
    return parts_.events.redrive_all(std::move(function), now(), most_at_once, written());
}

Task<Result<std::int64_t>> Queue::drop(std::string id) {
    auto dropping = parts_.events.drop(std::move(id), written());
    const auto done = co_await std::move(dropping);
    if (!done) co_return done.error();
    co_return done->changed;
}

Task<Result<std::int64_t>> Queue::drop_all(std::string function) {
    return parts_.events.drop_all(std::move(function), most_at_once, written());
}

void Queue::remove_files(const std::vector<std::string>& names) {
    for (const auto& name : names) {
        if (name.empty()) continue;
        const auto path = settings_.directory + "/bodies/" + name;
        parts_.blocking.post([path] { unlink(path.c_str()); });
    }
}

}  // namespace shallop::queue
