// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fields.h>
#include <shallop/base/result.h>
#include <shallop/function/spec.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace shallop::function {

/// What the head of a request says of its signature: which they are, and what was signed besides the body.
struct Claim {
    std::string field;               ///< the name of the one that has the signatures, for people
    std::vector<std::string> given;  ///< signatures, in the spelling that ours have; one that matches is enough
    std::string algorithm = "sha256";
    bool base64 = false;               ///< how they are spelled; else in small hexadecimal digits
    bool token = false;                ///< not signatures: a password
    std::optional<std::int64_t> time;  ///< in seconds since 1970
    std::string before, after;         ///< what was signed around the body
};

/// Reads the fields that the scheme has. Faults: invalid, in words for the sender.
base::Result<Claim> read_claim(const Signature& signature, const base::Fields& fields);

/// Faults: invalid where its time is further from `now` than `tolerance`, to either side.
base::Status check_time(const Claim& claim, Duration tolerance, std::chrono::system_clock::time_point now);

}  // namespace shallop::function
