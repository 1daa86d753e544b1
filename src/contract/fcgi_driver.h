// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "contract/cgi_environment.h"
#include "contract/http_request.h"
#include "contract/http_upstream.h"
#include "contract/image_server.h"

#include <shallop/contract/driver.h>

#include <memory>

namespace shallop::contract {

/// Speaks FastCGI with the image's own server (php-fpm, fcgiwrap), over connections that stay inside the container's namespaces and are used again
/// and again, each for one request at a time.
///
/// Such a server has as many workers as its configuration says, and a connection that is kept keeps one of them. So where somebody has waited on a
/// new connection for his first byte for a moment, connections are closed instead of kept: he may be waiting for one of those workers.
class FcgiDriver final : public Driver {
public:
    explicit FcgiDriver(Surroundings around);
    ~FcgiDriver() override;

    Task<base::Status> prepare(Instant deadline) override;
    Task<Result<function::Announced>> become(const function::Function& function, Instant deadline) override;
    Task<Result<Outcome>> exchange(Call& call) override;
    bool sound() const override;

private:
    struct Line;
    class Waiting;
    static Task<void> serve(std::shared_ptr<Line> line, async::Clock& clock);
    Result<std::vector<std::string>> parameters_of(const function::Event& event, const EnvironmentFacts& facts);
    Task<Result<Outcome>> run(Call& call, function::BodySource* body, const std::vector<std::string>& parameters);

    Surroundings around_;
    TraceIds traces_;
    bool becoming_ = false;                 ///< what comes next is code, and no event
    std::shared_ptr<BodyBuffers> buffers_;  ///< shared, as idle_ is, with the task that trims them
    std::shared_ptr<IdleUpstreams> idle_;
    std::shared_ptr<Line> line_;
    ImageServer server_;
    async::TaskGroup tasks_;  // last
};

}  // namespace shallop::contract
