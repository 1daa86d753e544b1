// SPDX-License-Identifier: Apache-2.0
#include "docker/codec_container.h"
#include "docker/codec_engine.h"
#include "docker/transport.h"

#include <shallop/async/race.h>
#include <shallop/docker/reference.h>

#include <algorithm>

namespace shallop::docker {
namespace {

using base::Error;
using base::Fault;

Host checked(const std::string& text) {
    const auto host = parse_host(text);
    base::ensure(host.has_value(), "the Docker host has passed check_host()");
    return *host;
}

/// /containers/{id}, or invalid: nothing else may become a path.
Result<std::string> container_path(const std::string& id) {
    if (!container_id_valid(id))
        return Error(Fault::invalid, "\"" + log_safe(id, 80) + "\" is no id or name of a container");
    return "/containers/" + id;
}

/// The engine's short form; an id as it is.
Result<std::string> image_name(const std::string& reference) {
    if (is_image_id(reference)) return reference;
    const auto parsed = parse_reference(reference);
    if (!parsed) return parsed.error();
    return parsed->familiar();
}

bool word_valid(const std::string& word) {
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '+';
    };
    return !word.empty() && word.size() <= 32 && std::all_of(word.begin(), word.end(), plain);
}

}  // namespace

Status check_host(const std::string& host) {
    const auto parsed = parse_host(host);
    if (!parsed) return parsed.error();
    return {};
}

CurlEngine::CurlEngine(EngineSettings settings, async::Executor executor, async::Clock& clock, base::Log& log) {
    auto host = checked(settings.host);
    transport_ = std::make_unique<Transport>(std::move(settings), std::move(host), executor, clock, log);
}

CurlEngine::~CurlEngine() = default;

Task<Status> CurlEngine::ping(Instant deadline) {
    auto request = Request{"GET", "/_ping", "", ""};
    auto body = co_await transport_->call(Verb::ping, std::move(request), deadline);
    if (!body) co_return body.error();
    co_return Status();
}

Task<Result<Version>> CurlEngine::version(Instant deadline) {
    auto request = Request{"GET", "/version", "", ""};
    auto body = co_await transport_->call(Verb::version, std::move(request), deadline);
    if (!body) co_return body.error();
    auto version = decode_version(*body);
    if (!version) co_return nonsense(Verb::version);
    co_return std::move(*version);
}

Task<Result<Info>> CurlEngine::info(Instant deadline) {
    auto request = Request{"GET", "/info", "", ""};
    auto body = co_await transport_->call(Verb::info, std::move(request), deadline);
    if (!body) co_return body.error();
    auto info = decode_info(*body);
    if (!info) co_return nonsense(Verb::info);
    co_return std::move(*info);
}

Task<Result<Image>> CurlEngine::inspect_image(std::string reference, Instant deadline) {
    const auto image = image_name(reference);
    if (!image) co_return image.error();
    auto request = Request{"GET", "/images/" + percent_encode(*image, "/:@") + "/json", "", ""};
    auto body = co_await transport_->call(Verb::inspect_image, std::move(request), deadline);
    if (!body) co_return body.error();
    auto read = decode_image(*body);
    if (!read) co_return nonsense(Verb::inspect_image);
    co_return std::move(*read);
}

Task<Result<std::vector<std::string>>> CurlEngine::image_names(std::string pattern, Instant deadline) {
    auto request = Request{"GET", "/images/json?filters=" + percent_encode(reference_filter(pattern)), "", ""};
    auto body = co_await transport_->call(Verb::images, std::move(request), deadline);
    if (!body) co_return body.error();
    auto names = decode_image_names(*body);
    if (!names) co_return nonsense(Verb::images);
    co_return std::move(*names);
}

Task<Status> CurlEngine::remove_image(std::string reference, Instant deadline) {
    const auto image = image_name(reference);
    if (!image) co_return image.error();
    auto request = Request{"DELETE", "/images/" + percent_encode(*image, "/:@"), "", ""};
    auto body = co_await transport_->call(Verb::remove_image, std::move(request), deadline);
    if (!body && body.error().fault != Fault::not_found) co_return body.error();
    co_return Status();
}

Task<Result<std::string>> CurlEngine::create(ContainerSpec spec, std::string name, Instant deadline) {
    if (!container_id_valid(name))
        co_return Error(Fault::invalid, "\"" + log_safe(name, 80) + "\" is no name of a container");
    // The body depends on the version, which may have to be asked for first.
    const Instant began = transport_->clock().now();
    auto asking = transport_->api();
    auto api = co_await async::within(transport_->clock(), deadline, std::move(asking));
    if (!api) co_return transport_->ended(Verb::create, began, std::move(api)).error();
    auto encoded = encode_create(spec, *api);
    if (!encoded) co_return encoded.error();
    auto request = Request{"POST", "/containers/create?name=" + name, std::move(*encoded), ""};
    auto body = co_await transport_->call(Verb::create, std::move(request), deadline);
    if (!body) co_return body.error();
    auto id = decode_created(*body);
    if (!id || !container_id_valid(*id)) co_return nonsense(Verb::create);
    co_return std::move(*id);
}

Task<Status> CurlEngine::start(std::string id, Instant deadline) {
    const auto path = container_path(id);
    if (!path) co_return path.error();
    auto request = Request{"POST", *path + "/start", "", ""};
    auto body = co_await transport_->call(Verb::start, std::move(request), deadline);  // 304: it runs already
    if (!body) co_return body.error();
    co_return Status();
}

Task<Status> CurlEngine::kill(std::string id, std::string signal, Instant deadline) {
    const auto path = container_path(id);
    if (!path) co_return path.error();
    if (!word_valid(signal)) co_return Error(Fault::invalid, "\"" + log_safe(signal, 80) + "\" is no signal");
    auto request = Request{"POST", *path + "/kill?signal=" + percent_encode(signal), "", ""};
    auto body = co_await transport_->call(Verb::kill, std::move(request), deadline);
    if (!body) co_return body.error();
    co_return Status();
}

Task<Status> CurlEngine::remove(std::string id, Instant deadline) {
    const auto path = container_path(id);
    if (!path) co_return path.error();
    auto request = Request{"DELETE", *path + "?force=1&v=1", "", ""};
    auto body = co_await transport_->call(Verb::remove, std::move(request), deadline);
    if (body) co_return Status();
    const Error& no = body.error();
    const bool going = no.fault == Fault::conflict && no.detail.find("already in progress") != std::string::npos;
    if (going || no.fault == Fault::not_found) co_return Status();
    co_return no;
}

Task<Result<int>> CurlEngine::wait(std::string id, std::string condition, Instant deadline) {
    const auto path = container_path(id);
    if (!path) co_return path.error();
    if (!word_valid(condition))
        co_return Error(Fault::invalid, "\"" + log_safe(condition, 80) + "\" is no condition to wait for");
    auto request = Request{"POST", *path + "/wait?condition=" + percent_encode(condition), "", ""};
    auto body = co_await transport_->call(Verb::wait, std::move(request), deadline);
    if (!body) co_return body.error();
    auto code = decode_wait(*body);
    if (!code) co_return nonsense(Verb::wait);
    co_return std::move(*code);
}

Task<Result<ContainerState>> CurlEngine::inspect(std::string id, Instant deadline) {
    const auto path = container_path(id);
    if (!path) co_return path.error();
    auto request = Request{"GET", *path + "/json", "", ""};
    auto body = co_await transport_->call(Verb::inspect, std::move(request), deadline);
    if (!body) co_return body.error();
    auto state = decode_container(*body);
    if (!state) co_return nonsense(Verb::inspect);
    co_return std::move(*state);
}

Task<Result<std::vector<ContainerSummary>>> CurlEngine::list(std::vector<std::string> labels, Instant deadline) {
    auto request =
        Request{"GET", "/containers/json?all=1&filters=" + percent_encode(label_filter(labels, false)), "", ""};
    auto body = co_await transport_->call(Verb::list, std::move(request), deadline);
    if (!body) co_return body.error();
    auto all = decode_list(*body);
    if (!all) co_return nonsense(Verb::list);
    co_return std::move(*all);
}

}  // namespace shallop::docker
