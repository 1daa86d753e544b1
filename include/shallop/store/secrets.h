// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/store/store.h>

#include <cstdint>
#include <string>
#include <vector>

namespace shallop::store {

/// A secret as it is kept: its value is sealed, by somebody who has a key.
struct StoredSecret {
    std::string name;
    std::int64_t version = 1;
    std::string sealed;
    std::string created, updated;
};

/// The secrets. Belongs to one loop; the Store outlives it.
class Secrets {
public:
    explicit Secrets(Store& store) : store_(store) {}

    /// By name.
    Task<Result<std::vector<StoredSecret>>> load();
    /// Inserts or replaces; durable when it returns.
    Task<Status> put(StoredSecret secret);
    Task<Status> remove(std::string name);

private:
    Store& store_;
};

}  // namespace shallop::store
