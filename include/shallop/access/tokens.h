// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/access/scope.h>
#include <shallop/async/clock.h>
#include <shallop/async/semaphore.h>
#include <shallop/base/id.h>
#include <shallop/store/tokens.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::access {

using async::Task;
using base::Result;
using base::Status;
using Seconds = std::chrono::sys_seconds;

/// Who a request is from: its token's name and scope.
struct Caller {
    std::string name;
    Scope scope = Scope::metrics;
};

/// What a secret turned out to be.
struct Checked {
    std::optional<Caller> caller;  ///< nothing: it opens nothing
    bool expired = false;          ///< it did once
};

/// Where a token comes from, which is where it is changed.
enum class Origin { api, file, setting };

/// A token as it may be shown.
struct TokenView {
    std::string name;
    Scope scope = Scope::metrics;
    std::string hint;  ///< the secret's first characters; "" where they are not known, or would tell too much
    std::optional<Seconds> created, expires;
    std::optional<Seconds> last_used;  ///< to the hour, since the daemon's start
    Origin origin = Origin::api;
};

/// A new secret, which nobody can be shown again.
struct Issued {
    TokenView token;
    std::string secret;
};

/// What a token is to be.
struct Wanted {
    std::string name;
    Scope scope = Scope::metrics;
    std::optional<Seconds> expires;
};

/// The token that there is before anybody has made one: "admin", with that scope, without an end.
struct FirstToken {
    std::string secret;                                      ///< "": nobody is asked for a token (--admin-auth none)
    std::optional<Seconds> created;                          ///< where it is known
    std::function<Task<Status>(std::string secret)> keep{};  ///< writes a new one to its file; empty: it is a setting
};

/// The tokens of the admin API: who has them, what they open, until when.
///
/// All of them are in memory, so that a request asks no database; each change is on the disk before it holds. Belongs to one loop.
class Tokens {
public:
    static constexpr std::size_t most = 100;
    static constexpr const char* first_name = "admin";

    Tokens(FirstToken first, store::Tokens& stored, base::IdSource& ids, async::Clock& clock, async::Executor loop);

    /// What was made before. Before any other call. Faults: storage.
    Task<Status> load();

    /// Nobody is asked for a token: everybody is an administrator.
    bool open() const { return first_.secret.empty(); }

    /// Whose secret this is, in a time that tells nothing of any token; notes that it was used.
    Checked check(std::string_view secret);

    /// By name.
    std::vector<TokenView> list() const;

    /// Faults: invalid (the name), conflict (the name is in use, or there are too many), storage.
    Task<Result<Issued>> create(Wanted wanted);

    /// A new secret for as long as the old one was made for; the old one opens nothing any more. Faults: not_found, conflict (it is a setting), storage.
    Task<Result<Issued>> rotate(std::string name);

    /// It opens nothing any more. Faults: not_found, conflict (the first one stays), storage.
    Task<Status> remove(std::string name);

private:
    struct Entry {
        TokenView token;
        std::string hash;
    };

    Seconds now() const;
    Entry make_entry(TokenView token, const std::string& secret) const;
    Task<Result<Issued>> rotate_first();
    Task<Result<Issued>> issue(TokenView token);

    FirstToken first_;
    store::Tokens& stored_;
    base::IdSource& ids_;
    async::Clock& clock_;
    async::Semaphore writer_;  ///< one change at a time: each is made on what the one before left
    std::map<std::string, Entry, std::less<>> entries_;
};

/// "shallop_" and 256 bits from the kernel in hexadecimal: whoever finds it in a text knows what it is.
std::string new_secret(base::IdSource& ids);

/// The part of a secret that may be shown; "" where it is not one that new_secret() made.
std::string hint_of(std::string_view secret);

/// `text` with what looks like a secret masked.
std::string masked(std::string text);

/// Faults: invalid, with what a name may be.
Status check_token_name(std::string_view name);

}  // namespace shallop::access
