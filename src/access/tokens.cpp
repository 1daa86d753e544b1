// SPDX-License-Identifier: Apache-2.0
#include <shallop/access/tokens.h>
#include <shallop/base/digest.h>
#include <shallop/base/encoding.h>

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

namespace shallop::access {
namespace {

using base::Error;
using base::Fault;

constexpr std::string_view prefix = "shallop_";
constexpr int secret_bytes = 32;
constexpr std::size_t hint_length = prefix.size() + 4;
constexpr std::size_t longest_name = 63;
/// These stand in the audit log for who has no token.
constexpr std::array<std::string_view, 4> reserved{Tokens::first_name, "anyone", "daemon", "folder"};

/// Plain SHA-256 is right here, where for passwords it would be wrong: 256 random bits can neither be guessed nor be in anybody's table, so that salt
/// and slowness would gain nothing, and every request pays for the check.
std::string hash_of(std::string_view secret) { return base::to_hex(base::sha256(secret)); }

bool same(const std::string& one, const std::string& other) {
    return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

bool is_name_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

std::int64_t number(const std::optional<Seconds>& time) { return time ? time->time_since_epoch().count() : 0; }

std::optional<Seconds> time_of(std::int64_t number) {
    return number == 0 ? std::nullopt : std::optional(Seconds(std::chrono::seconds(number)));
}

bool has_expired(const TokenView& token, Seconds now) { return token.expires && *token.expires <= now; }

Error unknown(const std::string& name) {
    // Only what can be a name is said again: it may be a secret in the wrong place.
    const auto which = check_token_name(name) ? "there is no token '" + name + "'" : "there is no such token";
    return {Fault::not_found, which + "; GET /v1/tokens lists those there are"};
}

}  // namespace

std::string new_secret(base::IdSource& ids) { return std::string(prefix) + ids.secret(secret_bytes); }

std::string hint_of(std::string_view secret) {
    const bool ours = secret.starts_with(prefix) && secret.size() == prefix.size() + 2 * secret_bytes;
    return ours ? std::string(secret.substr(0, hint_length)) : std::string();
}

std::string masked(std::string text) {
    for (auto at = text.find(prefix); at != text.npos; at = text.find(prefix, at + hint_length)) {
        const auto from = std::min(at + hint_length, text.size());
        auto end = from;
        while (end < text.size() && is_alphanumeric(text[end])) ++end;
        if (end > from) text.replace(from, end - from, "...");
    }
    return text;
}

Status check_token_name(std::string_view name) {
    const bool legal = !name.empty() && name.size() <= longest_name && is_alphanumeric(name.front()) &&
                       std::all_of(name.begin(), name.end(), is_name_byte);
    if (legal) return {};
    return Error(Fault::invalid,
                 "a token's name has up to 63 small letters, digits, '-', '_' and '.', and begins with one of the "
                 "first two",
                 "/name");
}

Tokens::Tokens(FirstToken first, store::Tokens& stored, base::IdSource& ids, async::Clock& clock, async::Executor loop)
    : first_(std::move(first)), stored_(stored), ids_(ids), clock_(clock), writer_(loop, 1) {
    if (open()) return;
    TokenView token;
    token.name = first_name;
    token.scope = Scope::admin;
    token.created = first_.created;
    token.origin = first_.keep ? Origin::file : Origin::setting;
    entries_.emplace(first_name, make_entry(std::move(token), first_.secret));
}

Task<Status> Tokens::load() {
    const auto all = co_await stored_.load();
    if (!all) co_return all.error();
    for (const auto& stored : *all) {
        const auto scope = parse_scope(stored.scope);
        if (!scope) continue;  // nobody we know writes such a one: it opens nothing
        TokenView token;
        token.name = stored.name;
        token.scope = *scope;
        token.hint = stored.hint;
        token.created = time_of(stored.created);
        token.expires = time_of(stored.expires);
        entries_.emplace(stored.name, Entry{std::move(token), stored.hash});
    }
    co_return Status();
}

Checked Tokens::check(std::string_view secret) {
    const auto hash = hash_of(secret);
    Entry* found = nullptr;
    for (auto& [name, entry] : entries_) {  // all of them, always: the time is the same whichever it is
        if (same(entry.hash, hash)) found = &entry;
    }
    if (found == nullptr) return {};
    if (has_expired(found->token, now())) return {std::nullopt, true};
    found->token.last_used = std::chrono::floor<std::chrono::hours>(now());
    return {Caller{found->token.name, found->token.scope}, false};
}

std::vector<TokenView> Tokens::list() const {
    std::vector<TokenView> all;
    for (const auto& [name, entry] : entries_) all.push_back(entry.token);
    return all;
}

Task<Result<Issued>> Tokens::create(Wanted wanted) {
    const auto writing = co_await writer_.acquire();
    if (const auto legal = check_token_name(wanted.name); !legal) co_return legal.error();
    if (std::find(reserved.begin(), reserved.end(), wanted.name) != reserved.end())
        co_return Error(Fault::invalid, "'" + wanted.name + "' is a name of the daemon's own: take another", "/name");
    if (entries_.contains(wanted.name)) {
        co_return Error(Fault::conflict,
                        "there is a token '" + wanted.name + "' already: rotate it, remove it, or take another name");
    }
    if (entries_.size() >= most)
        co_return Error(Fault::conflict, "there are " + std::to_string(most) + " tokens already: remove one first");
    TokenView token;
    token.name = std::move(wanted.name);
    token.scope = wanted.scope;
    token.expires = wanted.expires;
    token.created = now();
    co_return co_await issue(std::move(token));
}

Task<Result<Issued>> Tokens::rotate(std::string name) {
    const auto writing = co_await writer_.acquire();
    const auto found = entries_.find(name);
    if (found == entries_.end()) co_return unknown(name);
    if (found->second.token.origin != Origin::api) co_return co_await rotate_first();
    auto token = found->second.token;
    if (token.expires && token.created) token.expires = now() + (*token.expires - *token.created);
    token.created = now();
    co_return co_await issue(std::move(token));
}

Task<Status> Tokens::remove(std::string name) {
    const auto writing = co_await writer_.acquire();
    const auto found = entries_.find(name);
    if (found == entries_.end()) co_return unknown(name);
    if (found->second.token.origin != Origin::api)
        co_return Error(Fault::conflict, "the daemon's first token cannot be removed; it can be rotated");
    auto stored = name;
    const auto removed = co_await stored_.remove(std::move(stored));
    if (!removed) co_return removed.error();
    entries_.erase(name);
    co_return Status();
}

Seconds Tokens::now() const { return std::chrono::floor<std::chrono::seconds>(clock_.wall()); }

Tokens::Entry Tokens::make_entry(TokenView token, const std::string& secret) const {
    token.hint = hint_of(secret);
    token.last_used.reset();
    return {std::move(token), hash_of(secret)};
}

Task<Result<Issued>> Tokens::rotate_first() {
    if (!first_.keep) {
        co_return Error(
            Fault::conflict,
            "this token is a setting of the daemon (--admin-token, SHALLOP_ADMIN_TOKEN or its file): change "
            "it there, and start the daemon again");
    }
    Issued issued;
    issued.secret = new_secret(ids_);
    auto kept = issued.secret;
    const auto done = co_await first_.keep(std::move(kept));
    if (!done) co_return done.error();
    auto& first = entries_.find(first_name)->second;
    first.token.created = now();
    first = make_entry(std::move(first.token), issued.secret);
    issued.token = first.token;
    co_return issued;
}

/// With a new secret, in the place of the token of that name if there is one.
Task<Result<Issued>> Tokens::issue(TokenView token) {
    Issued issued;
    issued.secret = new_secret(ids_);
    auto entry = make_entry(std::move(token), issued.secret);
    issued.token = entry.token;
    store::StoredToken stored;
    stored.name = issued.token.name;
    stored.scope = name(issued.token.scope);
    stored.hash = entry.hash;
    stored.hint = issued.token.hint;
    stored.created = number(issued.token.created);
    stored.expires = number(issued.token.expires);
    const auto put = co_await stored_.put(std::move(stored));
    if (!put) co_return put.error();
    entries_.insert_or_assign(issued.token.name, std::move(entry));
    co_return issued;
}

}  // namespace shallop::access
