// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/units.h>

namespace shallop::daemon {

/// Address space that is set aside for the moment when no memory can be had: it is given up then, so that what is under way can end, while new
/// requests are refused. Costs no memory before.
///
/// It is the program's new-handler, so there is one at most. Allocations of any thread may give it up; the rest belongs to the loop.
class MemoryReserve {
public:
    explicit MemoryReserve(base::Bytes size);
    MemoryReserve(const MemoryReserve&) = delete;
    MemoryReserve& operator=(const MemoryReserve&) = delete;
    ~MemoryReserve();

    bool given_up() const;

    /// Sets it aside again; false if that much cannot be had yet.
    bool restore();
};

}  // namespace shallop::daemon
