// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/system/result.hpp>

#include <string>
#include <string_view>

namespace shallop::cli {

/// Why a command did not do what was asked: two lines for the one who typed it.
struct Complaint {
    std::string what;      ///< what was wrong
    std::string todo;      ///< what to do about it; may be empty
    int status = 1;        ///< of the process: 1 refused or failed, 2 wrong usage
    bool passing = false;  ///< the same may go well later
};

template <typename T>
using Result = boost::system::result<T, Complaint>;
using Done = Result<void>;

/// Found by argument-dependent lookup from Boost's result: an unchecked complaint is a bug of ours.
[[noreturn]] void throw_exception_from_error(const Complaint& complaint, const boost::source_location& where);

/// A refusal of the daemon in words: `body` is a problem document, or whatever came instead.
Complaint complaint_from(long status, std::string_view body);

/// Both lines to stderr; returns the exit status.
int report(const Complaint& complaint);

}  // namespace shallop::cli
