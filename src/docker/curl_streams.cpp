// SPDX-License-Identifier: Apache-2.0
#include "docker/codec_container.h"
#include "docker/codec_engine.h"
#include "docker/credentials.h"
#include "docker/event_cursor.h"
#include "docker/streams.h"
#include "docker/transport.h"

#include <shallop/async/race.h>
#include <shallop/docker/reference.h>

#include <algorithm>

namespace shallop::docker {
namespace {

using base::Error;
using base::Fault;
using Progress = std::function<void(const PullProgress&)>;

constexpr std::size_t longest_line = 1024 * 1024;
constexpr Bytes most_log_bytes = 64 * 1024 * 1024;  ///< read from the engine for one `logs`

Error line_too_long(Verb verb) {
    return {Fault::engine_refused,
            std::string("a line of the engine's ") + name(verb) + " stream is longer than 1 MiB"};
}

/// Reads a stream of messages, one a line, to its end; `take` says what is wrong with one. The outcome is in the last ones: the status was
/// 200 before it began.
Task<Status> read_messages(Transport& transport, Verb verb, Request request,
                           const std::function<Status(const std::string&)>& take) {
    auto stream = co_await transport.open(verb, std::move(request));
    if (!stream) co_return stream.error();
    Lines lines(longest_line);
    std::string chunk;
    for (;;) {
        auto more = co_await stream->transfer->read(chunk);
        if (!more) {
            transport.lost(more.error());
            co_return more.error();
        }
        if (!*more) break;
        if (!lines.feed(chunk)) co_return line_too_long(verb);
        while (const auto text = lines.next()) {
            if (const auto taken = take(*text); !taken) co_return taken;
        }
    }
    if (lines.inside()) co_return nonsense(verb);
    co_return Status();
}

Status take_pull(const std::string& text, const Progress& progress) {
    const auto line = decode_pull_line(text);
    if (!line) return nonsense(Verb::pull);
    if (!line->error.empty()) return pull_refusal(line->error);
    if (progress) progress(line->progress);
    return {};
}

/// The engine writes what went to stderr in red (ECMA-48, SGR).
std::string without_colours(std::string_view line) {
    std::string plain;
    while (!line.empty()) {
        const auto at = line.find("\033[");
        plain += line.substr(0, at);
        if (at == line.npos) break;
        line.remove_prefix(at + 2);
        const auto end = line.find_first_not_of("0123456789;");
        line.remove_prefix(end == line.npos ? line.size() : end + 1);
    }
    return plain;
}

/// What a build writes, put together into lines that are safe to log.
class BuildOutput {
public:
    explicit BuildOutput(std::function<void(std::string)> line) : line_(std::move(line)) {}

    Status take(const std::string& text) {
        const auto message = decode_build_message(text);
        if (!message) return nonsense(Verb::build);
        if (!message->error.empty()) return build_refusal(message->error);
        if (!lines_.feed(message->text)) return line_too_long(Verb::build);
        while (const auto line = lines_.next()) {
            const auto plain = without_colours(*line);
            if (line_ && !plain.empty()) line_(log_safe(plain));
        }
        return {};
    }

private:
    std::function<void(std::string)> line_;
    Lines lines_{longest_line};
};

Task<Result<std::string>> read_logs(Transport& transport, Request request) {
    auto stream = co_await transport.open(Verb::logs, std::move(request));
    if (!stream) co_return stream.error();
    LogFrames frames(transport.settings().logs_limit);
    std::string chunk;
    Bytes taken = 0;
    for (;;) {
        auto more = co_await stream->transfer->read(chunk);
        if (!more) {
            transport.lost(more.error());
            co_return more.error();
        }
        taken += chunk.size();
        if (!*more || taken > most_log_bytes) co_return frames.take();
        if (!frames.feed(chunk)) co_return nonsense(Verb::logs);
    }
}

/// Reads events until the stream ends, which is what the Status is about.
Task<Status> read_events(Transport& transport, Transfer& transfer, EventCursor& cursor,
                         const std::function<void(const EngineEvent&)>& event) {
    Lines lines(longest_line);
    std::string chunk;
    for (;;) {
        auto more = co_await transfer.read(chunk);
        if (!more) co_return more.error();
        if (!*more) co_return Error(Fault::engine_down, "the engine closed the event stream");
        if (!lines.feed(chunk)) co_return line_too_long(Verb::events);
        while (const auto text = lines.next()) {
            const auto read = decode_event(*text);
            if (!read) {
                transport.log().warn("engine event makes no sense", {{"line", log_safe(*text, 200)}});
            } else if (cursor.fresh(*read) && event) {
                event(*read);
            }
        }
    }
}

std::int64_t wall_nano(async::Clock& clock) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(clock.wall().time_since_epoch()).count();
}

Request pull_request(const Reference& image, Transport& transport) {
    const auto credentials = find_credentials(read_config(config_path(transport.settings().config_file)), image.domain);
    if (!credentials.unsupported.empty()) {
        transport.log().warn("no registry credentials", {{"registry", image.domain}, {"why", credentials.unsupported}});
    }
    const std::string& version = image.digest.empty() ? image.tag : image.digest;
    return {"POST",
            "/images/create?fromImage=" + percent_encode(image.familiar_name()) + "&tag=" + percent_encode(version), "",
            credentials.header};
}

/// One stream after the other, until cancelled.
Task<void> read_all_events(Transport& transport, const std::string& filters, EventCursor& cursor,
                           const std::function<void(const EngineEvent&)>& event,
                           const std::function<void()>& connected) {
    auto pause = transport.settings().retry_first;
    for (;;) {
        const std::string since = cursor.since();
        auto request = Request{
            "GET", "/events?filters=" + percent_encode(filters) + (since.empty() ? "" : "&since=" + since), "", ""};
        const Instant began = transport.clock().now();
        const Instant limit = began + transport.settings().connect_limit;
        auto opening = transport.open(Verb::events, std::move(request));
        auto opened = co_await async::within(transport.clock(), limit, std::move(opening));
        auto stream = transport.ended(Verb::events, began, std::move(opened));
        if (stream) {
            pause = transport.settings().retry_first;
            cursor.connected(wall_nano(transport.clock()));
            if (connected) connected();
            auto why = co_await read_events(transport, *stream->transfer, cursor, event);
            if (!why && why.error().fault == Fault::engine_down) transport.lost(why.error());
            stream->transfer.reset();
        }
        co_await transport.clock().sleep_for(pause);
        pause = std::min(pause * 2, transport.settings().retry_most);
    }
}

}  // namespace

Task<Status> CurlEngine::pull(std::string reference, std::function<void(const PullProgress&)> progress,
                              Instant deadline) {
    const auto image = parse_reference(reference);
    if (!image) co_return image.error();
    const Instant began = transport_->clock().now();
    auto request = pull_request(*image, *transport_);
    const std::function<Status(const std::string&)> take = [&](const std::string& text) {
        return take_pull(text, progress);
    };
    auto work = read_messages(*transport_, Verb::pull, std::move(request), take);
    auto done = co_await async::within(transport_->clock(), deadline, std::move(work));
    co_return transport_->ended(Verb::pull, began, std::move(done));
}

Task<Status> CurlEngine::build(std::string context, std::string tag, std::map<std::string, std::string> labels,
                               std::function<void(std::string line)> line, Instant deadline) {
    const auto image = parse_reference(tag);
    if (!image) co_return image.error();
    const Instant began = transport_->clock().now();
    Request request;
    request.method = "POST";
    request.target = "/build?rm=1&forcerm=1&t=" + percent_encode(image->familiar()) +
                     "&labels=" + percent_encode(encode_labels(labels));
    request.body = std::move(context);
    request.type = "application/x-tar";
    BuildOutput output(std::move(line));
    const std::function<Status(const std::string&)> take = [&](const std::string& text) { return output.take(text); };
    auto work = read_messages(*transport_, Verb::build, std::move(request), take);
    auto done = co_await async::within(transport_->clock(), deadline, std::move(work));
    co_return transport_->ended(Verb::build, began, std::move(done));
}

Task<Result<std::string>> CurlEngine::logs(std::string id, int tail, Instant deadline) {
    if (!container_id_valid(id))
        co_return Error(Fault::invalid, "\"" + log_safe(id, 80) + "\" is no id or name of a container");
    const Instant began = transport_->clock().now();
    auto request = Request{
        "GET", "/containers/" + id + "/logs?stdout=1&stderr=1&tail=" + std::to_string(std::max(0, tail)), "", ""};
    auto work = read_logs(*transport_, std::move(request));
    auto text = co_await async::within(transport_->clock(), deadline, std::move(work));
    co_return transport_->ended(Verb::logs, began, std::move(text));
}

Task<void> CurlEngine::events(std::vector<std::string> labels, std::function<void(const EngineEvent&)> event,
                              std::function<void()> connected) {
    const std::string filters = label_filter(labels, true);
    EventCursor cursor;
    co_await read_all_events(*transport_, filters, cursor, event, connected);
}

Task<void> CurlEngine::follow(std::int64_t since_nano, std::function<void(const EngineEvent&)> event,
                              std::function<void()> connected) {
    const std::string filters = label_filter({}, false);
    EventCursor cursor(since_nano);
    co_await read_all_events(*transport_, filters, cursor, event, connected);
}

}  // namespace shallop::docker
