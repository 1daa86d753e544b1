// SPDX-License-Identifier: Apache-2.0
// /v1/functions/{name}/logs: what a function wrote to its standard error.
#include <shallop/async/race.h>

#include <array>

#include "api/endpoint.h"

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;

constexpr std::size_t usual_tail = 1000;
constexpr std::size_t longest_tail = 10'000;

/// How long a follower takes at most to see that the function is gone or the daemon stops.
constexpr auto look_around = std::chrono::seconds(1);

std::string to_ndjson(const std::vector<observe::LogLine>& lines) {
    std::string text;
    for (const auto& line : lines) {
        const Json item = {{"time", base::format_time(line.time)},
                           {"stream", line.stream},
                           {"invocation", line.invocation.empty() ? Json(nullptr) : Json(line.invocation)},
                           {"text", line.text}};
        text += item.dump(-1, ' ', false, Json::error_handler_t::replace);
        text += '\n';
    }
    return text;
}

/// A function that is being made has lines before it is there.
bool known(const Admin::Parts& parts, const std::string& name) {
    return parts.registry.catalog()->find(name) || parts.log_book.has(name);
}

Task<void> some_change(const Admin::Parts& parts) {
    auto lines = parts.log_book.changed();
    auto pause = parts.clock.sleep_for(look_around);
    co_await async::race(std::move(lines), std::move(pause));
}

/// Sends lines as they come until the client hangs up, the function is removed or the daemon stops.
Task<base::Status> follow(Call& call, std::string name, std::uint64_t after) {
    const auto& parts = call.parts;
    while (!parts.gateway.refusing() && known(parts, name)) {
        const auto lines = parts.log_book.read(name, after, {}, longest_tail);
        if (!lines.empty()) {
            after = lines.back().sequence;
            const auto text = to_ndjson(lines);
            auto sent = co_await call.exchange.write(text);
            if (!sent) co_return sent;
            continue;
        }
        auto change = some_change(parts);
        auto gone = call.exchange.gone();
        const int first = co_await async::race(std::move(change), std::move(gone));
        if (first == 1) co_return Error(Fault::client_gone, "the client hung up");
    }
    co_return base::Status();
}

/// The lines there are; then, where asked, those to come.
AnswerTask logs(Call& call) {
    const auto name = call.words.at(0);
    const auto& parts = call.parts;
    if (!known(parts, name)) {
        co_return Error(Fault::not_found, "there is no function '" + name.substr(0, 80) + "'");
    }
    const auto tail = call.query.count("tail", usual_tail, longest_tail);
    const auto since = call.query.time("since", parts.clock.wall());
    const auto follows = call.query.flag("follow");
    if (!tail) co_return tail.error();
    if (!since) co_return since.error();
    if (!follows) co_return follows.error();

    const auto lines = parts.log_book.read(name, 0, *since, *tail);
    Answer answer;
    answer.type = "application/x-ndjson";
    answer.body = to_ndjson(lines);
    if (!*follows) co_return answer;

    // What was read last also stands for what `since` and `tail` left out before it.
    const auto all = parts.log_book.read(name, 0, {}, 1);
    const std::uint64_t after = all.empty() ? 0 : all.back().sequence;
    http::Response head;
    head.fields.push_back({"Content-Type", answer.type});
    head.fields.push_back({"Cache-Control", "no-store"});
    answer.sent = true;
    auto begun = co_await call.exchange.begin(std::move(head));
    if (!begun) co_return begun.error();
    auto sent = co_await call.exchange.write(answer.body);
    if (!sent) co_return sent.error();
    if (call.request().method != "HEAD") {
        auto followed = co_await follow(call, name, after);
        if (!followed) co_return followed.error();
    }
    co_await call.exchange.finish();
    co_return answer;
}

constexpr std::array<Endpoint, 1> table{{
    {"GET", "/v1/functions/{name}/logs", logs, Access::deploy, Takes::nothing, "follow since tail"},
}};

}  // namespace

std::span<const Endpoint> log_endpoints() { return table; }

}  // namespace shallop::api
