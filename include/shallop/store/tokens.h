// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/store/store.h>

#include <cstdint>
#include <string>
#include <vector>

namespace shallop::store {

/// A token of the admin API as it is kept: what it is checked by, never the secret itself. Times are seconds since 1970.
struct StoredToken {
    std::string name, scope;
    std::string hash;  ///< of the secret, in hexadecimal
    std::string hint;  ///< the first characters of the secret
    std::int64_t created = 0;
    std::int64_t expires = 0;  ///< 0: never
};

/// The tokens of the admin API. Belongs to one loop; the Store outlives it.
class Tokens {
public:
    explicit Tokens(Store& store) : store_(store) {}

    Task<Result<std::vector<StoredToken>>> load();
    /// Inserts or replaces; durable when it returns.
    Task<Status> put(StoredToken token);
    Task<Status> remove(std::string name);

private:
    Store& store_;
};

}  // namespace shallop::store
