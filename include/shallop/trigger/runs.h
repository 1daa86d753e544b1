// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task.h>
#include <shallop/base/result.h>
#include <shallop/function/event.h>

#include <string>

namespace shallop::trigger {

/// An event that a trigger wants to be run.
struct Order {
    function::Event event;
    std::string body;
    std::string origin;           ///< "schedule:ID"
    std::string idempotency_key;  ///< "": none. An order with the key of an earlier one is that one
    std::string ordering_key;     ///< "": none. Those of one key run one after the other
};

/// What became of an Order.
struct Accepted {
    std::string id;         ///< the invocation's
    bool repeated = false;  ///< it is that of an earlier order with its key
};

/// What triggers need of whoever runs events later. Belongs to one loop.
class Runs {
public:
    virtual ~Runs() = default;

    /// Durable when it returns. Faults: not_found (no such function), overloaded, too_large, storage, shutting_down.
    virtual async::Task<base::Result<Accepted>> put(Order order) = 0;

    /// queued, running, succeeded, failed or cancelled; "" where it is not known any more. Faults: storage.
    virtual async::Task<base::Result<std::string>> state(std::string invocation) = 0;

    /// Has it end, if it has not. Faults: storage, not_found.
    virtual async::Task<base::Status> cancel(std::string invocation) = 0;
};

}  // namespace shallop::trigger
