// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/api/gateway.h>

#include <string>
#include <utility>
#include <vector>

namespace shallop::api {

/// Where a request leads, and how its path splits into SCRIPT_NAME and PATH_INFO.
struct Destination {
    function::FunctionPtr function;
    std::string script_name, path_info;  ///< both still encoded
    bool by_name = false;                ///< by /function/NAME or /async-function/NAME
    bool later = false;                  ///< by /async-function/NAME: it is to be queued
    std::size_t route = 0;               ///< else by this one of its routes
    std::vector<std::pair<std::string, std::string>> parameters;
};

/// Whether a path's first segment is "function" or "async-function"; `decoded` is without percent-encoding.
bool is_function_path(std::string_view decoded);

/// Whether the client would rather not wait: "Prefer: respond-async" (RFC 7240).
bool prefers_async(const base::Fields& fields);

/// A path whose first segment is "function" or "async-function", however it is spelled, is /function/NAME and nothing else: no route can take it.
/// Faults: as http::Router::find; `allow` is set for a conflict.
base::Result<Destination> find_destination(const registry::Catalog& catalog, Scope scope, const http::Request& request,
                                           std::string& allow);

/// Makes `event` that of `request`, but for its id. Both keep memory, each the other's, for the next request. What only the platform may say (X-Shallop-*, in any spelling that a CGI
/// variable could not tell apart) is dropped; `keep_authorization` is false where that field was meant for us.
void make_event(function::Event& event, http::Request& request, Destination&& destination, const std::string& function,
                bool keep_authorization);

/// `request` as a GET of `location` ("/path?query"), without a body (RFC 3875 6.2.2). Faults: function_failed where it is no origin-form.
base::Result<http::Request> redirected(const http::Request& request, const std::string& location);

}  // namespace shallop::api
