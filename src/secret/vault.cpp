// SPDX-License-Identifier: Apache-2.0
#include <shallop/secret/vault.h>

#include <shallop/base/units.h>

#include <algorithm>
#include <utility>

#include "secret/key.h"
#include "secret/seal.h"

namespace shallop::secret {
namespace {

using base::Error;
using base::Fault;
using store::StoredSecret;

Error unknown(std::string_view name) {
    return {Fault::not_found, "there is no secret '" + std::string(name.substr(0, 63)) + "'"};
}

std::string join(const std::vector<std::string>& names) {
    constexpr std::size_t told = 10;
    std::string list;
    for (std::size_t at = 0; at < std::min(names.size(), told); ++at) list += (at == 0 ? "" : ", ") + names[at];
    return names.size() > told ? list + " and " + std::to_string(names.size() - told) + " more" : list;
}

}  // namespace

Vault::Vault(Settings settings, Parts parts, async::Executor executor)
    : settings_(std::move(settings)), parts_(std::move(parts)), writer_(executor, 1) {}

const std::string& Vault::key_file() const {
    return settings_.given_key.empty() ? settings_.own_key : settings_.given_key;
}

Task<Status> Vault::load() {
    auto rows = co_await parts_.rows.load();
    if (!rows) co_return rows.error();
    for (auto& row : *rows) {
        auto name = row.name;
        secrets_.emplace(std::move(name), std::move(row));
    }
    auto key = read_key(key_file(), parts_.log);
    const bool none_needed = settings_.given_key.empty() && secrets_.empty();
    if (!key && key.error().fault == Fault::not_found && none_needed) co_return Status();
    if (!key && key.error().fault == Fault::not_found && !secrets_.empty()) {
        co_return Error(Fault::invalid, "there are " + std::to_string(secrets_.size()) +
                                            " secrets, and the key that they are sealed with is not there (" +
                                            key.error().detail +
                                            "): put it back from the backup, or name its file in --secret-key-file");
    }
    if (!key && !settings_.given_key.empty())
        co_return Error(Fault::invalid, "--secret-key-file: " + key.error().detail);
    if (!key) co_return key.error();
    key_ = std::move(*key);
    co_return check_key();
}

/// A key that opens none is another one; one that opens some leaves the others damaged.
Status Vault::check_key() const {
    std::size_t opened = 0;
    std::vector<std::string> damaged;
    for (const auto& [name, row] : secrets_) {
        if (unseal(key_, name, row.version, row.sealed)) {
            ++opened;
        } else {
            damaged.push_back(name);
        }
    }
    if (damaged.empty()) return {};
    if (opened == 0) {
        return Error(Fault::invalid,
                     "the key in " + key_file() + " is not the one that the " + std::to_string(damaged.size()) +
                         " secrets are sealed with: put that one back, or name its file in --secret-key-file; where it "
                         "is lost, so "
                         "are their values: delete the rows of the table secrets in shallop.db (sqlite3), and set "
                         "them again");
    }
    parts_.log.error("secrets cannot be opened: set them again", {{"secrets", join(damaged)}});
    return {};
}

Task<Status> Vault::ensure_key() {
    if (key_.size() > 0) co_return Status();
    auto work = [this] { return make_key(settings_.own_key); };
    auto made = co_await parts_.blocking.run(work);
    if (!made) co_return made.error();
    key_ = std::move(*made);
    parts_.log.info("a key for the secrets was made: back it up, apart from the database",
                    {{"path", settings_.own_key}});
    co_return Status();
}

Task<Result<Put>> Vault::put(std::string name, base::SecretBytes value) {
    const auto writing = co_await writer_.acquire();
    const bool is_new = !has(name);
    if (is_new && secrets_.size() >= settings_.secrets) {
        co_return Error(Fault::conflict,
                        "there are " + std::to_string(settings_.secrets) + " secrets, which is the limit: remove one");
    }
    const auto ready = co_await ensure_key();
    if (!ready) co_return ready.error();
    StoredSecret row;
    row.name = name;
    row.updated = base::format_time(parts_.clock.wall());
    row.created = is_new ? row.updated : secrets_.at(name).created;
    row.version = is_new ? 1 : secrets_.at(name).version + 1;
    row.sealed = seal(key_, name, row.version, value);
    auto kept = row;
    const auto done = co_await parts_.rows.put(std::move(kept));
    if (!done) co_return done.error();
    const auto version = row.version;
    secrets_[name] = std::move(row);
    parts_.log.info("secret set", {{"secret", name}, {"version", version}});
    co_await parts_.renewed(name);
    co_return Put{view(secrets_.at(name)), is_new};
}

Task<Status> Vault::remove(std::string name) {
    const auto writing = co_await writer_.acquire();
    const auto held = co_await parts_.hold_functions();
    if (!has(name)) co_return unknown(name);
    if (const auto users = parts_.users(name); !users.empty()) {
        co_return Error(Fault::conflict, "secret '" + name + "' is in use by " + join(users) +
                                             ": take it out of there, or remove that, first");
    }
    const auto done = co_await parts_.rows.remove(name);
    if (!done) co_return done.error();
    secrets_.erase(name);
    parts_.log.info("secret removed", {{"secret", name}});
    co_return Status();
}

View Vault::view(const StoredSecret& secret) const {
    return {secret.name,
            secret.version,
            secret.created,
            secret.updated,
            secret.sealed.size() - std::min(secret.sealed.size(), seal_bytes),
            parts_.users(secret.name)};
}

std::vector<View> Vault::list(std::string_view after, std::size_t limit) const {
    std::vector<View> views;
    for (auto at = secrets_.upper_bound(after); at != secrets_.end() && views.size() < limit; ++at)
        views.push_back(view(at->second));
    return views;
}

Result<View> Vault::show(std::string_view name) const {
    const auto at = secrets_.find(name);
    if (at == secrets_.end()) return unknown(name);
    return view(at->second);
}

Result<base::SecretBytes> Vault::open(const std::string& name) const {
    const auto at = secrets_.find(name);
    if (at == secrets_.end()) return unknown(name);
    auto value = unseal(key_, name, at->second.version, at->second.sealed);
    if (!value) return Error(Fault::storage, "secret '" + name + "' cannot be opened: set it again");
    return std::move(*value);
}

}  // namespace shallop::secret
