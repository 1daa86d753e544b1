// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/log.h>
#include <shallop/docker/engine.h>

#include <memory>

namespace shallop::docker {

class Transport;

struct EngineSettings {
    std::string host = "unix:///var/run/docker.sock";  ///< unix:///path or tcp://host:port (http, no TLS)
    std::string config_file;  ///< registry credentials; "" = $DOCKER_CONFIG/config.json or ~/.docker/config.json
    std::size_t kept_connections = 16;
    std::size_t calls_in_flight = 32;      ///< further ones wait; they hold the engine for a moment each
    std::size_t streams_in_flight = 1024;  ///< wait, pull, build, logs, events: they hold a connection for long
    Bytes reply_limit = 8 * 1024 * 1024;
    Bytes list_limit = 32 * 1024 * 1024;  ///< about 20,000 containers
    Bytes logs_limit = 1024 * 1024;
    base::Duration retry_first = std::chrono::milliseconds(100);  ///< of the event stream, doubled up to retry_most
    base::Duration retry_most = std::chrono::seconds(5);
    base::Duration connect_limit = std::chrono::seconds(10);  ///< of the event stream: until its head is there

    /// Told of each call that ended other than by cancellation; `verb` is a word of ours. May be empty.
    std::function<void(const char* verb, bool failed, base::Duration took)> on_call;
};

/// Engine over libcurl's multi interface, driven by the loop: kept-alive connections, reused handles, the API version negotiated at the
/// first call and again after the engine was away (1.40 up to 1.47, within what the engine accepts). Logs one line when the engine is
/// lost and one when it is back, none per call.
///
/// Belongs to one loop. `settings.host` has passed check_host(). Outlives its calls.
class CurlEngine final : public Engine {
public:
    CurlEngine(EngineSettings settings, async::Executor executor, async::Clock& clock, base::Log& log);
    ~CurlEngine() override;

    Task<Status> ping(Instant deadline) override;
    Task<Result<Version>> version(Instant deadline) override;
    Task<Result<Info>> info(Instant deadline) override;
    Task<Result<Image>> inspect_image(std::string reference, Instant deadline) override;
    Task<Status> pull(std::string reference, std::function<void(const PullProgress&)> progress,
                      Instant deadline) override;
    Task<Status> build(std::string context, std::string tag, std::map<std::string, std::string> labels,
                       std::function<void(std::string line)> line, Instant deadline) override;
    Task<Result<std::vector<std::string>>> image_names(std::string pattern, Instant deadline) override;
    Task<Status> remove_image(std::string reference, Instant deadline) override;
    Task<Result<std::string>> create(ContainerSpec spec, std::string name, Instant deadline) override;
    Task<Status> start(std::string id, Instant deadline) override;
    Task<Status> kill(std::string id, std::string signal, Instant deadline) override;
    Task<Status> remove(std::string id, Instant deadline) override;
    Task<Result<int>> wait(std::string id, std::string condition, Instant deadline) override;
    Task<Result<ContainerState>> inspect(std::string id, Instant deadline) override;
    Task<Result<std::vector<ContainerSummary>>> list(std::vector<std::string> labels, Instant deadline) override;
    Task<Result<std::string>> logs(std::string id, int tail, Instant deadline) override;
    Task<void> events(std::vector<std::string> labels, std::function<void(const EngineEvent&)> event,
                      std::function<void()> connected) override;
    Task<void> follow(std::int64_t since_nano, std::function<void(const EngineEvent&)> event,
                      std::function<void()> connected) override;

private:
    std::unique_ptr<Transport> transport_;
};

/// Checks a --docker-host value. Faults: invalid, saying which forms exist.
Status check_host(const std::string& host);

}  // namespace shallop::docker
