// SPDX-License-Identifier: Apache-2.0
#include <shallop/http/router.h>
#include <shallop/http/syntax.h>

#include <http/pattern.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>

namespace shallop::http {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

struct Entry {
    std::string owner;
    std::size_t index = 0;  ///< among its owner's
    std::string host;
    std::string text;  ///< the pattern, as its author wrote it
    Pattern pattern;
    std::vector<std::string> methods;
};

/// One segment deep: where the patterns that begin alike part.
struct Node {
    std::map<std::string, Node, std::less<>> literals;
    std::unique_ptr<Node> parameter;
    std::vector<Entry> exact;   ///< patterns that end here
    std::vector<Entry> prefix;  ///< patterns that take all that is left
};

/// A path cut at its slashes.
struct Piece {
    std::size_t begin;  ///< in the path, after the slash
    std::string_view raw;
    std::string decoded;  ///< empty where nothing was encoded

    std::string_view text() const { return decoded.empty() ? raw : std::string_view(decoded); }
};

struct Found {
    const Entry* entry = nullptr;
    std::size_t pieces = 0;  ///< used up, before the rest
};

bool has(const std::vector<std::string>& methods, std::string_view method) {
    return std::find(methods.begin(), methods.end(), method) != methods.end();
}

/// How well an entry suits a method: named, HEAD by way of GET, all; 0 = not at all.
int rank(const Entry& entry, std::string_view method) {
    if (has(entry.methods, method)) return 3;
    if (method == "HEAD" && has(entry.methods, "GET")) return 2;
    return entry.methods.empty() ? 1 : 0;
}

/// Finds the most specific entry for one path and method, trying the less specific ones after it. Visits each node at
/// most once.
class Search {
public:
    Search(std::string_view method, const std::vector<Piece>& pieces) : method_(method), pieces_(pieces) {}

    Found in(const Node& node, std::size_t used = 0) {
        if (used == pieces_.size()) {
            const auto found = pick(node.exact, used);
            return found.entry ? found : pick(node.prefix, used);
        }
        const auto text = pieces_[used].text();
        const auto literal = node.literals.find(text);
        if (literal != node.literals.end()) {
            const auto found = in(literal->second, used + 1);
            if (found.entry) return found;
        }
        if (node.parameter && !text.empty()) {
            const auto found = in(*node.parameter, used + 1);
            if (found.entry) return found;
        }
        return pick(node.prefix, used);
    }

    /// Methods of entries that matched the path only.
    const std::set<std::string>& others() const { return others_; }

private:
    Found pick(const std::vector<Entry>& entries, std::size_t used) {
        Found best;
        int best_rank = 0;
        for (const auto& entry : entries) {
            const int its = rank(entry, method_);
            if (its == 0) others_.insert(entry.methods.begin(), entry.methods.end());
            if (its > best_rank) best = {&entry, used};
            best_rank = std::max(best_rank, its);
        }
        return best;
    }

    std::string_view method_;
    const std::vector<Piece>& pieces_;
    std::set<std::string> others_;
};

/// Cuts no finer than the longest pattern needs: what lies deeper stays in the last piece, which no literal or
/// parameter can equal.
std::vector<Piece> cut(std::string_view path) {
    std::vector<Piece> pieces;
    pieces.reserve(8);
    std::size_t begin = 1;
    while (true) {
        const bool last = pieces.size() == Pattern::most_segments;
        const auto end = last ? path.size() : std::min(path.find('/', begin), path.size());
        const auto raw = path.substr(begin, end - begin);
        const bool encoded = raw.find('%') != raw.npos;
        pieces.push_back({begin, raw, encoded ? decode_path(raw).value() : std::string()});
        if (end == path.size()) return pieces;
        begin = end + 1;
    }
}

Match match_of(const Found& found, std::string_view path, const std::vector<Piece>& pieces) {
    const auto& pattern = found.entry->pattern;
    // Where the rest begins: at the slash before the first piece left over, or at the slash that ends the path.
    std::size_t rest = path.size();
    if (found.pieces < pieces.size()) {
        rest = pieces[found.pieces].begin - 1;
    } else if (path.ends_with('/')) {
        rest = path.size() - 1;
    }
    Match match{found.entry->owner,
                found.entry->text,
                found.entry->index,
                std::string(path.substr(0, rest)),
                std::string(path.substr(rest)),
                {}};
    for (std::size_t i = 0; i < pattern.segments.size(); ++i) {
        if (pattern.segments[i].parameter) match.parameters.emplace_back(pattern.segments[i].text, pieces[i].text());
    }
    if (!pattern.rest_name.empty()) {
        const auto raw = std::string_view(match.rest).substr(match.rest.empty() ? 0 : 1);
        match.parameters.emplace_back(pattern.rest_name, decode_path(raw).value());
    }
    return match;
}

std::string in_words(const Entry& entry) {
    std::string methods;
    for (const auto& method : entry.methods) methods += (methods.empty() ? "" : ",") + method;
    return "\"" + (methods.empty() ? "" : methods + " ") + entry.host + entry.text + "\" of \"" + entry.owner + "\"";
}

bool overlap(const Entry& a, const Entry& b) {
    if (a.methods.empty() || b.methods.empty()) return a.methods.empty() && b.methods.empty();
    return std::any_of(a.methods.begin(), a.methods.end(), [&](const auto& method) { return has(b.methods, method); });
}

Result<Entry> parse_entry(const RouteEntry& given, const std::string& pointer) {
    auto pattern = parse_pattern(given.path);
    if (!pattern) return Error(Fault::invalid, pattern.error().detail, pointer + "/path");
    auto host = parse_host_pattern(given.host);
    if (!host) return Error(Fault::invalid, host.error().detail, pointer + "/host");
    for (std::size_t i = 0; i < given.methods.size(); ++i) {
        if (is_token(given.methods[i]) && given.methods[i] != "CONNECT") continue;
        return Error(Fault::invalid, "a method is a word such as GET; CONNECT is not served",
                     pointer + "/methods/" + std::to_string(i));
    }
    return Entry{given.owner, 0, std::move(*host), given.path, std::move(*pattern), given.methods};
}

Status insert(Node& root, Entry entry, const std::string& pointer) {
    Node* node = &root;
    for (const auto& segment : entry.pattern.segments) {
        if (!segment.parameter) {
            node = &node->literals[segment.text];
            continue;
        }
        if (!node->parameter) node->parameter = std::make_unique<Node>();
        node = node->parameter.get();
    }
    auto& entries = entry.pattern.prefix ? node->prefix : node->exact;
    for (const auto& other : entries) {
        if (!overlap(other, entry)) continue;
        return Error(Fault::conflict,
                     "the routes " + in_words(entry) + " and " + in_words(other) + " would answer the same requests",
                     pointer + "/path");
    }
    entries.push_back(std::move(entry));
    return {};
}

}  // namespace

/// A tree for each host; "" for any.
struct Router::Table {
    std::map<std::string, Node, std::less<>> hosts;

    /// The trees that may have the answer, the most specific first.
    std::vector<const Node*> trees(std::string_view host) const {
        std::vector<const Node*> found;
        const auto add = [&](std::string_view name) {
            const auto at = hosts.find(name);
            if (at != hosts.end()) found.push_back(&at->second);
        };
        auto name = lower(host);
        if (name.ends_with('.')) name.pop_back();
        if (!name.empty()) add(name);
        const auto dot = name.find('.');
        if (dot != name.npos && dot > 0) add("*" + name.substr(dot));
        add("");
        return found;
    }
};

Router::Router() : table_(std::make_unique<Table>()) {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

Result<Router> Router::build(const std::vector<RouteEntry>& entries) {
    Router router;
    std::map<std::string_view, std::size_t> count_of;  // entries so far, for the pointer into the owner's document
    for (const auto& given : entries) {
        const auto index = count_of[given.owner]++;
        const auto pointer = "/routes/" + std::to_string(index);
        auto entry = parse_entry(given, pointer);
        if (!entry) return entry.error();
        entry->index = index;
        auto& tree = router.table_->hosts[entry->host];
        const auto inserted = insert(tree, std::move(*entry), pointer);
        if (!inserted) return inserted.error();
    }
    return router;
}

Result<Match> Router::find(std::string_view host, std::string_view method, std::string_view path,
                           std::string& allow) const {
    const auto sound = check_path(path);
    if (!sound) return sound.error();
    const auto pieces = cut(path);
    Search search(method, pieces);
    for (const Node* tree : table_->trees(host)) {
        const auto found = search.in(*tree);
        if (found.entry) return match_of(found, path, pieces);
    }
    if (search.others().empty()) return Error(Fault::not_found, "No route leads from here to a function.");
    auto methods = search.others();
    if (methods.contains("GET")) methods.insert("HEAD");
    allow.clear();
    for (const auto& allowed : methods) allow += (allow.empty() ? "" : ", ") + allowed;
    return Error(Fault::conflict,
                 "The method " + std::string(method) + " is not allowed here; these are: " + allow + ".");
}

}  // namespace shallop::http
