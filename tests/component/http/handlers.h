// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/http/listener.h>

#include <atomic>

namespace shallop::test {

/// Does what the path names: see handlers.cpp.
class Scripted final : public http::Handler {
public:
    async::Task<void> handle(http::Exchange& exchange) override;

    std::atomic<int> handled{0};                                 ///< begun
    std::atomic<int> gone{0};                                    ///< cut short because the client hung up
    std::atomic<int> released{0};                                ///< "/held" answers once this is above 0
    std::atomic<base::Fault> last_fault{base::Fault::internal};  ///< of the last failed read or write

private:
    async::SteadyClock clock_;
};

}  // namespace shallop::test
