// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task.h>
#include <shallop/base/error.h>
#include <shallop/http/listener.h>

#include <string>

namespace shallop::api {

/// Who asked: the client of a function, who is told little, or an operator with the token.
enum class Side { gateway, admin };

/// A refusal as RFC 9457 writes it.
struct Problem {
    int status = 500;
    std::string fault;          ///< the word for programs: a base::Fault, or the reason of an HTTP rule
    std::string detail;         ///< what was wrong and what to do
    std::string pointer;        ///< into the caller's document, or empty
    std::string invocation_id;  ///< empty: no function was reached
    std::string allow;          ///< of a 405
    std::string challenge;      ///< of a 401 or 403 about a token: what WWW-Authenticate says beside the realm
    int retry_after = 0;        ///< seconds; 0 = not said
};

/// The only table from Fault to status.
Problem problem_from(const base::Error& error, Side side);

/// A refusal by an HTTP rule rather than by the domain.
Problem http_problem(int status, std::string detail);

/// The head to answer with, and the document.
http::Response write_problem(const Problem& problem, std::string& body);

/// Sends it, whole.
async::Task<void> send_problem(http::Exchange& exchange, Problem problem);

}  // namespace shallop::api
