// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

/// The only owner of concurrency tricks. One loop thread runs every Task; cancelling one unwinds it (L4) by throwing
/// `boost::system::system_error(operation_aborted)` out of its current `co_await`.
namespace shallop::async {

using Executor = boost::asio::io_context::executor_type;

/// A lazy coroutine on the loop: starts when awaited or spawned into a TaskGroup.
template <typename T>
using Task = boost::asio::awaitable<T, Executor>;

/// Completion token for Asio operations: `co_await socket.async_read_some(buffer, use_task)`.
inline constexpr boost::asio::use_awaitable_t<Executor> use_task;

}  // namespace shallop::async
