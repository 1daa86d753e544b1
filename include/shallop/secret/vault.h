// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/blocking_pool.h>
#include <shallop/async/clock.h>
#include <shallop/async/semaphore.h>
#include <shallop/base/log.h>
#include <shallop/base/secret_bytes.h>
#include <shallop/store/secrets.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// Values that functions get as files and that sign webhooks: sealed wherever they rest, in clear only while one is used.
namespace shallop::secret {

using async::Task;
using base::Result;
using base::Status;

struct Settings {
    std::string given_key;        ///< the file with the key, where an operator keeps it; "": ours
    std::string own_key;          ///< ours, made at first use (0600)
    std::size_t secrets = 1'000;  ///< each of which has 64 KiB at most
};

/// What is told of a secret: never its value, nor anything made of that.
struct View {
    std::string name;
    std::int64_t version = 1;  ///< counts up with each value that it is given
    std::string created, updated;
    std::size_t bytes = 0;
    std::vector<std::string> used_by;  ///< functions and jobs that name it
};

struct Put {
    View secret;
    bool created = false;
};

/// The secrets of a server, by name. Their sealed values are in memory; opening one asks neither disk nor engine.
///
/// One change at a time; each is durable before it is answered. Belongs to one loop; outlives its calls.
class Vault {
public:
    struct Parts {
        store::Secrets rows;
        async::BlockingPool& blocking;
        async::Clock& clock;
        base::Log& log;
        /// Who names it.
        std::function<std::vector<std::string>(std::string_view name)> users;
        /// While what it gives is kept no function begins to name one.
        std::function<Task<async::Semaphore::Permit>()> hold_functions;
        /// Gives a new value to whoever runs with the old one.
        std::function<Task<void>(std::string name)> renewed;
    };

    Vault(Settings settings, Parts parts, async::Executor executor);

    /// Once, before the other calls; reads the key where there is use for it, and blocks for that.
    /// Faults: invalid (the key's file is missing, is none, or is not the one that the secrets are sealed with; says what to do), storage.
    Task<Status> load();

    /// Gives a secret its value, and returns when every running instance that has it has the new one. The same value again counts as a new one,
    /// so that nobody finds out by trying. Faults: conflict (there are as many as there may be), storage, invalid (no key can be had).
    Task<Result<Put>> put(std::string name, base::SecretBytes value);

    /// Faults: not_found; conflict where somebody names it, storage.
    Task<Status> remove(std::string name);

    /// Up to `limit` of them, by name, after the name `after`.
    std::vector<View> list(std::string_view after, std::size_t limit) const;
    /// Faults: not_found.
    Result<View> show(std::string_view name) const;

    bool has(std::string_view name) const { return secrets_.contains(name); }

    /// The value. Faults: not_found, storage (it cannot be opened: what is kept was changed).
    Result<base::SecretBytes> open(const std::string& name) const;

private:
    using Rows = std::map<std::string, store::StoredSecret, std::less<>>;

    View view(const store::StoredSecret& secret) const;
    const std::string& key_file() const;
    Status check_key() const;
    Task<Status> ensure_key();

    Settings settings_;
    Parts parts_;
    async::Semaphore writer_;
    base::SecretBytes key_;  ///< empty: there is none yet
    Rows secrets_;
};

}  // namespace shallop::secret
