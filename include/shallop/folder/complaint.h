// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/system/result.hpp>

#include <string>

/// A folder of files that are functions: which they are and at which routes, what their code and their settings are, and when they
/// change. For the client, which deploys them, and for the daemon, which serves a folder by itself. All of it blocks on the disk.
namespace shallop::folder {

/// Why something was not done: two lines for the one who wrote the files or typed the command.
struct Complaint {
    std::string what;      ///< what was wrong
    std::string todo;      ///< what to do about it; may be empty
    int status = 1;        ///< of the client's process: 1 refused or failed, 2 wrong usage
    bool passing = false;  ///< the same may go well later
};

template <typename T>
using Result = boost::system::result<T, Complaint>;
using Done = Result<void>;

/// Found by argument-dependent lookup from Boost's result: an unchecked complaint is a bug of ours.
[[noreturn]] void throw_exception_from_error(const Complaint& complaint, const boost::source_location& where);

}  // namespace shallop::folder
