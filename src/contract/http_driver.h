// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "contract/http_relay.h"
#include "contract/http_server.h"

#include <shallop/contract/driver.h>

#include <memory>

namespace shallop::contract {

/// Speaks HTTP/1.1 with the image's own server, over connections that stay inside the container's namespaces and are
/// used again and again.
class HttpDriver final : public Driver {
public:
    explicit HttpDriver(Surroundings around);

    Task<base::Status> prepare(Instant deadline) override;
    Task<base::Status> become(const function::Function& function, Instant deadline) override;
    Task<Result<Outcome>> exchange(Call& call) override;
    bool sound() const override;

private:
    class Use;
    Task<base::Status> listening(Instant deadline);
    Task<base::Status> ready(Instant deadline);
    Task<Result<int>> probe(Instant deadline);
    Task<Result<Outcome>> run(Call& call, bool is_event);
    Task<base::Status> connect(Use& use, Instant deadline);
    Task<void> explain(Trouble trouble, Result<Outcome>& outcome);
    base::Error never_listened(std::string detail) const;
    static Task<void> trim(std::weak_ptr<IdleUpstreams> idle, std::weak_ptr<BodyBuffers> buffers, async::Clock& clock);

    Surroundings around_;
    TraceIds traces_;
    std::shared_ptr<BodyBuffers> buffers_;  ///< shared, as idle_ is, with the task that trims them
    std::shared_ptr<IdleUpstreams> idle_;
    bool timed_out_ = false;
    bool refused_ = false;  ///< a connection, after it had listened
    int garbage_ = 0;       ///< replies that were none
    HttpServer server_;
    async::TaskGroup tasks_;  // last
};

}  // namespace shallop::contract
