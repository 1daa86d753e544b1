// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/access/scope.h>
#include <shallop/api/admin.h>

#include "api/query.h"

#include <nlohmann/json.hpp>

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::api {

using base::Result;
using Json = nlohmann::ordered_json;

/// One call of the admin API, checked and taken apart, for the function that answers it.
struct Call {
    const DaemonFacts& facts;
    const Admin::Parts& parts;
    http::Exchange& exchange;
    const access::Caller& caller;
    std::vector<std::string> words;  ///< what stood for the {…} of the pattern, decoded, in their order
    Query query;
    std::string body;

    const http::Request& request() const { return exchange.request(); }
    const std::string* field(std::string_view name) const { return base::find_field(request().fields, name); }
};

/// What a call is answered with. `sent`: the endpoint has already written it.
struct Answer {
    int status = 200;
    std::string body;
    std::string type = "application/json";
    base::Fields fields;
    bool sent = false;
};

/// Who may call: whoever has a token of this scope, or of one that has it in itself.
enum class Access { anyone, metrics, invoke, deploy, admin };

/// Nothing: no token is needed.
std::optional<access::Scope> scope_of(Access access);

/// What a call carries.
enum class Takes { nothing, json, merge_patch, upload };  ///< an upload the endpoint reads itself

using AnswerTask = Task<Result<Answer>>;

/// One row of the API. An endpoint's function lives in the file of its resource.
struct Endpoint {
    /// Who may call has no default: an endpoint that does not say it does not compile.
    constexpr Endpoint(std::string_view method_, std::string_view pattern_, AnswerTask (*answer_)(Call& call),
                       Access access_, Takes takes_ = Takes::nothing, std::string_view query_ = "")
        : method(method_), pattern(pattern_), answer(answer_), access(access_), takes(takes_), query(query_) {}

    std::string_view method;
    std::string_view pattern;  ///< "/v1/functions/{name}"
    AnswerTask (*answer)(Call& call);
    Access access;
    Takes takes;
    std::string_view query;  ///< the parameters it knows, separated by blanks
};

std::span<const Endpoint> function_endpoints();
std::span<const Endpoint> source_endpoints();
std::span<const Endpoint> instance_endpoints();
std::span<const Endpoint> invocation_endpoints();
std::span<const Endpoint> job_endpoints();
std::span<const Endpoint> log_endpoints();
std::span<const Endpoint> schedule_endpoints();
std::span<const Endpoint> secret_endpoints();
std::span<const Endpoint> trigger_endpoints();
std::span<const Endpoint> token_endpoints();
std::span<const Endpoint> daemon_endpoints();

/// The tables above.
std::span<const std::span<const Endpoint>> all_endpoints();

/// The endpoint for a method and path, with the words of its pattern. Faults: not_found; conflict where the path is known and the method is
/// not: `allow` names those that are.
Result<const Endpoint*> find_endpoint(std::string_view method, std::string_view path, std::vector<std::string>& words,
                                      std::string& allow);

Answer json_answer(const Json& document, int status = 200);
Answer text_answer(std::string text);

/// Which part of a list is asked for, by ?limit= and ?cursor=.
struct Page {
    std::size_t limit = 0;
    std::string cursor;  ///< the list goes on after it; "" = from the start

    /// One more than asked for tells whether there is another page.
    std::size_t to_fetch() const { return limit + 1; }
};

/// At most 1,000 elements; `usual` where the call does not say. Faults: invalid.
Result<Page> page_of(const Query& query, std::size_t usual);

/// {"KEY": [...], "next_cursor": "..."} of up to page.to_fetch() items, each with its cursor in the member `cursor`. The last page has no
/// next_cursor.
Answer page_answer(const char* key, Json items, const Page& page, const char* cursor);

/// The function whose name is the call's first word. Faults: not_found.
Result<function::FunctionPtr> find_function(const Call& call);

}  // namespace shallop::api
