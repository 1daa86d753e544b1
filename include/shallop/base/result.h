// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/error.h>

#include <boost/system/result.hpp>

namespace shallop::base {

/// A value, or the expected reason why there is none. `value()` on an error is a bug and throws.
template <typename T>
using Result = boost::system::result<T, Error>;

using Status = Result<void>;

/// Found by argument-dependent lookup from Boost's result: an unchecked error is a bug of ours.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

/// Stops the process with a log line when `claim` is false: an invariant, also kept in release builds.
void ensure(bool claim, const char* what, const boost::source_location& where = BOOST_CURRENT_LOCATION);

}  // namespace shallop::base
