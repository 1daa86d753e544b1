// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/error.h>
#include <shallop/base/result.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace shallop::base {
namespace {

struct Row {
    std::string_view name;
    bool retryable;
};

Row row(Fault fault) {
    switch (fault) {
        case Fault::invalid:
            return {"invalid", false};
        case Fault::not_found:
            return {"not_found", false};
        case Fault::conflict:
            return {"conflict", false};
        case Fault::too_large:
            return {"too_large", false};
        case Fault::overloaded:
            return {"overloaded", true};
        case Fault::timed_out:
            return {"timed_out", false};
        case Fault::launch_failed:
            return {"launch_failed", false};
        case Fault::start_timeout:
            return {"start_timeout", false};
        case Fault::function_failed:
            return {"function_failed", false};
        case Fault::out_of_memory:
            return {"out_of_memory", false};
        case Fault::engine_down:
            return {"engine_down", true};
        case Fault::engine_refused:
            return {"engine_refused", false};
        case Fault::client_gone:
            return {"client_gone", false};
        case Fault::shutting_down:
            return {"shutting_down", true};
        case Fault::storage:
            return {"storage", true};
        case Fault::internal:
            return {"internal", false};
    }
    return {"internal", false};
}

}  // namespace

std::string_view name(Fault fault) { return row(fault).name; }

bool retryable(Fault fault) { return row(fault).retryable; }

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
    throw std::logic_error("unchecked " + std::string(name(error.fault)) + ": " + error.detail + " at " +
                           where.to_string());
}

void ensure(bool claim, const char* what, const boost::source_location& where) {
    if (claim) return;
    std::fprintf(stderr, "level=fatal msg=\"broken invariant: %s\" at=%s:%u\n", what, where.file_name(),
                 static_cast<unsigned>(where.line()));
    std::abort();
}

}  // namespace shallop::base
