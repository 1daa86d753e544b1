// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task.h>
#include <shallop/base/fd.h>
#include <shallop/base/result.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <optional>
#include <span>

namespace shallop::contract {

/// Our end of a pipe, on the loop.
using PipeEnd = boost::asio::posix::basic_stream_descriptor<async::Executor>;

/// What a process gets as 0, 1 and 2, and our ends of it.
struct Pipes {
    base::Fd in, out, err;         ///< the process's ends
    std::optional<PipeEnd> to_in;  ///< nothing where its input is an empty file
    std::optional<PipeEnd> from_out, from_err;
};

/// A file that is empty and stays so, for one instance alone. It is no /dev/null of ours: that is a file of the host, and a function whose uid
/// owns it could change its mode. None where no descriptors are left.
base::Fd empty_input();

/// The process reads `input`, or, where that is nullopt, a pipe. Faults: overloaded (no descriptors left, `input` being none among them).
base::Result<Pipes> open_pipes(async::Executor executor, std::optional<base::Fd> input);

/// Reads at least one byte. 0 = the end, or `end` was cancelled.
async::Task<std::size_t> read_some(PipeEnd& end, std::span<char> into);

/// Writes all of it. False when nobody reads the other end any more.
async::Task<bool> write_all(PipeEnd& end, std::span<const char> bytes);

/// Reads what is there, without waiting. 0 = nothing.
std::size_t read_now(PipeEnd& end, std::span<char> into);

}  // namespace shallop::contract
