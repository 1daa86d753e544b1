// SPDX-License-Identifier: Apache-2.0
#include "contract/verdict.h"

namespace shallop::contract {

using base::Error;
using base::Fault;

namespace {

constexpr const char* slow_body = "body";  // whose fault a timeout is: the client's

}  // namespace

Result<Outcome> Verdict::take() {
    if (error_) return std::move(*error_);
    return std::move(outcome_);
}

bool Verdict::fail(Trouble trouble, Fault fault, std::string detail) {
    trouble_ = trouble;
    if (call_.reply.begun()) {
        outcome_.reply_incomplete = true;
        outcome_.incomplete_reason = std::move(detail);
    } else {
        error_.emplace(fault, std::move(detail));
    }
    return false;
}

bool Verdict::fail_receive(const Result<std::size_t>& received, bool for_client, bool silent) {
    const bool late = !received && received.error().fault == Fault::timed_out;
    const auto timeout = base::format_duration(around_.function->spec.limits.timeout) + " (limits.timeout)";
    if (late && for_client) {
        fail(Trouble::other, Fault::timed_out, "the request's body did not arrive within " + timeout);
        if (error_) error_->pointer = slow_body;
        return false;
    }
    if (late) return fail(Trouble::late, Fault::timed_out, "the function did not answer within " + timeout);
    if (!call_.reply.begun())
        return fail(Trouble::closed, Fault::function_failed,
                    silent ? "the function closed the connection without a reply"
                           : "the function closed the connection in the middle of its reply's head");
    return fail(Trouble::closed, Fault::function_failed,
                "the function broke the connection in the middle of its reply");
}

bool Verdict::fail_client(const Error& error) {
    if (error.fault != Fault::client_gone && call_.reply.begun())
        return fail(Trouble::other, error.fault, error.detail);
    trouble_ = Trouble::other;
    error_ = error;
    return false;
}

}  // namespace shallop::contract
