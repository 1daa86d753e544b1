// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/docker/engine.h>
#include <shallop/base/log.h>

#include <memory>

namespace shallop::docker {

struct EngineSettings {
    std::string host = "unix:///var/run/docker.sock";  ///< unix:///path or tcp://host:port (http, no TLS)
    std::string config_file;   ///< registry credentials; "" = $DOCKER_CONFIG/config.json or ~/.docker/config.json
    std::size_t kept_connections = 16;
};

/// Engine over libcurl's multi interface, driven by the loop: kept-alive connections, reused handles, the API version negotiated at the
/// first call and again after the engine was away (1.40 up to 1.47, within what the engine accepts).
class CurlEngine final : public Engine {
public:
    CurlEngine(EngineSettings settings, async::Executor executor, async::Clock& clock, base::Log& log);
    ~CurlEngine() override;

    Task<Status> ping(Instant deadline) override;
    Task<Result<Version>> version(Instant deadline) override;
    Task<Result<Info>> info(Instant deadline) override;
    Task<Result<Image>> inspect_image(std::string reference, Instant deadline) override;
    Task<Status> pull(std::string reference, std::function<void(const PullProgress&)> progress, Instant deadline) override;
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

private:
    class Transport;
    std::unique_ptr<Transport> transport_;
};

/// Checks a --docker-host value. Faults: invalid, saying which forms exist.
Status check_host(const std::string& host);

}  // namespace shallop::docker
