// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shallop::http {

/// Where a request may lead: a host (empty = any, "*.example.org" = one more label), methods (empty = all) and a path
/// pattern: "/a/b" exact, "/a/{id}" one segment, "/a/{rest...}" or "/a/*" everything below and "/a" itself.
struct RouteEntry {
    std::string owner;  ///< whose it is: opaque here
    std::string path;
    std::vector<std::string> methods;
    std::string host;
};

/// A route found.
struct Match {
    std::string owner;
    std::string pattern;
    std::size_t index = 0;  ///< which of its owner's entries it is, in the order in which build() got them
    std::string prefix;     ///< the matched part of the path, still encoded, without trailing slash
    std::string rest;  ///< what is left of the path, still encoded: empty or starts with '/'; prefix + rest is the path
    std::vector<std::pair<std::string, std::string>> parameters;  ///< decoded
};

/// An immutable table. Of the entries that match host, path and method the most specific one wins: exact host, then
/// wildcard host, then any; then segment by segment literal, parameter, prefix; then an entry that names the method
/// before one for all. HEAD leads where GET does.
///
/// A path is matched as it is: "/a/" is not "/a" (but a prefix pattern matches both), "//" is an empty segment, which
/// no literal or parameter matches, and case counts. Percent-encoded letters match what they stand for.
class Router {
public:
    Router();
    Router(Router&&) noexcept;
    Router& operator=(Router&&) noexcept;
    ~Router();

    /// Faults: invalid (pattern; the pointer is "/routes/N/path" of that owner), conflict (two entries would answer
    /// the same requests; the detail names both owners and patterns).
    static base::Result<Router> build(const std::vector<RouteEntry>& entries);

    /// `path` is raw, as received. Faults: invalid (bad percent-encoding, encoded slash or NUL, dot segments),
    /// not_found, and `conflict` for "path known, method not": `allow` is then the value of the Allow field.
    base::Result<Match> find(std::string_view host, std::string_view method, std::string_view path,
                             std::string& allow) const;

private:
    struct Table;
    std::unique_ptr<Table> table_;
};

/// Checks one pattern by itself. Faults: invalid, in words for its author.
base::Status check_pattern(std::string_view pattern);

/// Decodes %XX. Faults: invalid for bad hex, %00 and %2F.
base::Result<std::string> decode_path(std::string_view raw);

}  // namespace shallop::http
