// SPDX-License-Identifier: Apache-2.0
#include <shallop/http/router.h>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <random>

using namespace shallop;
using http::RouteEntry;
using http::Router;

namespace {

std::vector<std::string> split(const std::string& path) {
    std::vector<std::string> segments;
    std::size_t at = 1;
    while (true) {
        const auto slash = path.find('/', at);
        segments.push_back(path.substr(at, slash - at));
        if (slash == path.npos) return segments;
        at = slash + 1;
    }
}

/// How specific an entry is for a request, the slow and plain way: a word that sorts higher the better it suits; "" =
/// it does not match.
std::string score(const RouteEntry& entry, const std::string& host, const std::string& method,
                  const std::string& path) {
    std::string word;
    if (entry.host.empty()) {
        word += '0';
    } else if (entry.host == host) {
        word += '2';
    } else if (entry.host.starts_with("*.") && host.find('.') != host.npos &&
               host.substr(host.find('.')) == entry.host.substr(1)) {
        word += '1';
    } else {
        return "";
    }
    auto pattern = split(entry.path);
    const auto segments = split(path);
    const bool prefix = pattern.back() == "*";
    if (prefix) pattern.pop_back();
    if (segments.size() < pattern.size() || (!prefix && segments.size() > pattern.size())) return "";
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const bool parameter = pattern[i].starts_with('{');
        if (parameter ? segments[i].empty() : segments[i] != pattern[i]) return "";
        word += parameter ? '2' : '3';
    }
    word += prefix ? '1' : '4';  // an end beats a prefix; both come after a longer literal or parameter (2, 3)
    const bool named = std::count(entry.methods.begin(), entry.methods.end(), method) > 0;
    const bool by_get = method == "HEAD" && std::count(entry.methods.begin(), entry.methods.end(), "GET") > 0;
    if (!named && !by_get && !entry.methods.empty()) return "";
    word += named ? '3' : by_get ? '2' : '1';
    return word;
}

template <typename T>
T pick(std::mt19937& random, const std::vector<T>& from) {
    return from[random() % from.size()];
}

std::string random_path(std::mt19937& random, bool pattern) {
    std::string path;
    for (auto depth = 1 + random() % 4; depth > 0; --depth) {
        path += "/" + (pattern && random() % 3 == 0 ? pick<std::string>(random, {"{p}", "{q}"}) + ""
                                                    : pick<std::string>(random, {"a", "b", "c"}));
    }
    if (path.find("{p}") != path.rfind("{p}") || path.find("{q}") != path.rfind("{q}")) path = "/{p}/{q}";
    if (random() % 5 == 0) path += "/";
    if (pattern && random() % 4 == 0) path += path.ends_with('/') ? "*" : "/*";
    if (random() % 12 == 0) path = pattern ? "/*" : "/";
    return path;
}

}  // namespace

TEST_CASE("the router agrees with trying every entry", "[http]") {
    const auto seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const std::vector<std::string> hosts{"", "x.org", "*.org", "a.x.org"};
    const std::vector<std::vector<std::string>> methods{{}, {}, {"GET"}, {"POST"}, {"GET", "HEAD"}, {"HEAD"}};
    int found = 0;
    for (int round = 0; round < 300; ++round) {
        std::vector<RouteEntry> entries;
        for (auto count = 1 + random() % 20; count > 0; --count) {
            auto trial = entries;
            trial.push_back(
                {std::to_string(count), random_path(random, true), pick(random, methods), pick(random, hosts)});
            if (Router::build(trial)) entries = std::move(trial);
        }
        const auto router = Router::build(entries);
        REQUIRE(router.has_value());
        for (int i = 0; i < 100; ++i) {
            const auto path = random_path(random, false);
            const auto method = pick<std::string>(random, {"GET", "HEAD", "POST", "PUT"});
            const auto host = pick<std::string>(random, {"x.org", "y.org", "a.x.org", ""});
            std::string best;
            std::string owner;
            for (const auto& entry : entries) {
                const auto word = score(entry, host, method, path);
                if (word > best) owner = entry.owner;
                best = std::max(best, word);
            }
            std::string allow;
            const auto match = router->find(host, method, path, allow);
            INFO(host << " " << method << " " << path);
            REQUIRE(match.has_value() == !owner.empty());
            if (match) REQUIRE(match->owner == owner);
            if (match) REQUIRE(match->prefix + match->rest == path);
            found += match ? 1 : 0;
        }
    }
    CHECK(found > 1000);
}
