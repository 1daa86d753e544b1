// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/contract/driver.h>

#include <memory>

namespace shallop::contract {

/// Runs a process by RFC 3875 for each event, several at once if need be.
///
/// What an event leaves behind: its process group is killed when its process exits; processes that have left the group
/// are killed when no event runs in the instance any more; files in /tmp stay until the instance ends.
class CgiDriver final : public Driver {
public:
    explicit CgiDriver(Surroundings around);
    ~CgiDriver() override;

    Task<base::Status> prepare(Instant deadline) override;
    Task<Result<function::Announced>> become(const function::Function& function, Instant deadline) override;
    Task<Result<Outcome>> exchange(Call& call) override;
    bool sound() const override;

private:
    struct Floor;
    class Running;
    static Task<void> finish(Running running, Task<void> work);

    Surroundings around_;
    std::shared_ptr<Floor> floor_;
};

}  // namespace shallop::contract
