// SPDX-License-Identifier: Apache-2.0
// Where a path leads, with a catalog in which one function claims every route.
#include <cstdlib>

#include "api/endpoint.h"
#include "api/routing.h"

namespace {

using namespace shallop;

const registry::Catalog& catalog() {
    static const auto made = [] {
        registry::Catalog result;
        for (const auto* name : {"hello", "greedy"}) {
            auto function = std::make_shared<function::Function>();
            function->spec.name = name;
            result.functions.emplace(name, function);
        }
        result.routes = *http::Router::build({{"greedy", "/{rest...}", {}, ""}});
        return result;
    }();
    return made;
}

void must(bool claim) {
    if (!claim) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    http::Request request;
    request.method = "GET";
    request.path = "/" + text;
    std::string allow;
    const auto found = api::find_destination(catalog(), api::Scope::everything, request, allow);
    if (found) {
        // No route takes what belongs to a function's own path, and the split rebuilds the path.
        const auto decoded = http::decode_path(request.path);
        must(decoded.has_value());
        const std::string first = found->later ? "/async-function" : "/function";
        const bool named = api::is_function_path(*decoded);
        const auto& name = found->function->spec.name;
        must(named == found->by_name);
        must(named ? decoded->starts_with(first + "/" + name) : name == "greedy" && !found->later);
        if (named) must(found->script_name + found->path_info == request.path);
    }
    if (const auto next = api::redirected(request, text)) {
        must(next->target.starts_with('/') && next->target.find_first_of(" \r\n") == std::string::npos);
    }
    std::vector<std::string> words;
    (void)api::find_endpoint("GET", request.path, words, allow);
    return 0;
}
