// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "contract/http_relay.h"
#include "contract/image_server.h"

#include <shallop/contract/driver.h>

#include <memory>

namespace shallop::contract {

/// Speaks HTTP/1.1 with the image's own server, over connections that stay inside the container's namespaces and are
/// used again and again.
class HttpDriver final : public Driver {
public:
    explicit HttpDriver(Surroundings around);

    Task<base::Status> prepare(Instant deadline) override;
    Task<Result<function::Announced>> become(const function::Function& function, Instant deadline) override;
    Task<Result<Outcome>> exchange(Call& call) override;
    bool sound() const override;

private:
    Task<base::Status> ready(Instant deadline);
    Task<Result<int>> probe(Instant deadline);
    Task<Result<Outcome>> run(Call& call, bool is_event);

    Surroundings around_;
    TraceIds traces_;
    std::shared_ptr<BodyBuffers> buffers_;  ///< shared, as idle_ is, with the task that trims them
    std::shared_ptr<IdleUpstreams> idle_;
    ImageServer server_;
    async::TaskGroup tasks_;  // last
};

}  // namespace shallop::contract
