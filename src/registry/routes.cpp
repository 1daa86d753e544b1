// SPDX-License-Identifier: Apache-2.0
#include "registry/routes.h"

namespace shallop::registry {
namespace {

using base::Error;
using base::Fault;

/// The first segment of a path or pattern, decoded.
std::string first_segment(const std::string& path) {
    const auto raw = path.substr(1, path.find('/', 1) - 1);
    auto decoded = http::decode_path(raw);
    return decoded ? std::move(*decoded) : raw;
}

}  // namespace

Status check_routes(const function::Spec& spec) {
    for (std::size_t at = 0; at < spec.routes.size(); ++at) {
        const auto& path = spec.routes[at].path;
        const auto pointer = "/routes/" + std::to_string(at) + "/path";
        if (const auto fine = http::check_pattern(path); !fine)
            return Error(Fault::invalid, fine.error().detail, pointer);
        const auto first = first_segment(path);
        if (first == "function" || first == "async-function") {
            return Error(Fault::invalid, "paths below /" + first + "/ are the gateway's own: choose another path",
                         pointer);
        }
    }
    return {};
}

Result<http::Router> build_routes(const Functions& functions) {
    std::vector<http::RouteEntry> entries;
    for (const auto& [name, function] : functions) {
        for (const auto& route : function->spec.routes)
            entries.push_back({name, route.path, route.methods, route.host});
    }
    auto router = http::Router::build(entries);
    if (router) return router;
    auto error = router.error();
    if (error.pointer.empty()) error.pointer = "/routes";
    return error;
}

Status check_routes_beside(Functions functions, const function::Spec& spec) {
    function::Function one;
    one.spec = spec;
    functions[spec.name] = std::make_shared<const function::Function>(std::move(one));
    const auto routes = build_routes(functions);
    if (!routes) return routes.error();
    return {};
}

http::Router routes_without_conflicts(const Functions& functions, base::Log& log) {
    auto all = build_routes(functions);
    if (all) return std::move(*all);
    Functions kept;
    http::Router table;
    for (const auto& [name, function] : functions) {
        if (function->spec.routes.empty()) continue;
        kept.emplace(name, function);
        auto more = build_routes(kept);
        if (more) {
            table = std::move(*more);
            continue;
        }
        log.error("the routes of a stored function cannot be used; deploy it again",
                  {{"function", name}, {"reason", more.error().detail}});
        kept.erase(name);
    }
    return table;
}

}  // namespace shallop::registry
