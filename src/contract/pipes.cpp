// SPDX-License-Identifier: Apache-2.0
#include "contract/pipes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstring>

namespace shallop::contract {

namespace asio = boost::asio;

namespace {

base::Error no_pipe() {
    return {base::Fault::overloaded, std::string("no pipe to a function could be opened: ") + std::strerror(errno),
            "waited"};
}

struct Ends {
    base::Fd read, write;
};

base::Result<Ends> open_pipe() {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0) return no_pipe();
    // A process that is not root may open /dev/stdin or /dev/stdout again, as it may with `docker run`.
    ::fchmod(fds[0], 0666);
    return Ends{base::Fd(fds[0]), base::Fd(fds[1])};
}

/// Ours is nonblocking; the other end has flags of its own.
PipeEnd on_loop(async::Executor executor, base::Fd fd) {
    PipeEnd end(executor, fd.release());
    end.non_blocking(true);
    return end;
}

/// An operation that ended because the Task is cancelled goes on unwinding it.
async::Task<void> unwind_if_cancelled() {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
        throw boost::system::system_error(asio::error::operation_aborted);
    }
}

}  // namespace

base::Fd empty_input() {
    base::Fd file(::memfd_create("no-input", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    constexpr int seals = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_SEAL;
    if (file && ::fcntl(file.get(), F_ADD_SEALS, seals) != 0) file.reset();
    return file;
}

base::Result<Pipes> open_pipes(async::Executor executor, std::optional<base::Fd> input) {
    Pipes pipes;
    auto out = open_pipe();
    auto err = open_pipe();
    if (!out) return out.error();
    if (!err) return err.error();
    pipes.out = std::move(out->write);
    pipes.err = std::move(err->write);
    if (input) {
        pipes.in = std::move(*input);
        if (!pipes.in) return no_pipe();
    } else {
        auto in = open_pipe();
        if (!in) return in.error();
        pipes.in = std::move(in->read);
        pipes.to_in.emplace(on_loop(executor, std::move(in->write)));
    }
    pipes.from_out.emplace(on_loop(executor, std::move(out->read)));
    pipes.from_err.emplace(on_loop(executor, std::move(err->read)));
    return pipes;
}

async::Task<std::size_t> read_some(PipeEnd& end, std::span<char> into) {
    boost::system::error_code error;
    auto token = asio::redirect_error(async::use_task, error);
    const asio::mutable_buffer buffer(into.data(), into.size());
    const auto size = co_await end.async_read_some(buffer, token);
    if (error == asio::error::operation_aborted) co_await unwind_if_cancelled();
    co_return error ? 0 : size;
}

async::Task<bool> write_all(PipeEnd& end, std::span<const char> bytes) {
    while (!bytes.empty()) {
        boost::system::error_code error;
        auto token = asio::redirect_error(async::use_task, error);
        const asio::const_buffer buffer(bytes.data(), bytes.size());
        const auto size = co_await end.async_write_some(buffer, token);
        if (error == asio::error::operation_aborted) co_await unwind_if_cancelled();
        if (error) co_return false;
        bytes = bytes.subspan(size);
    }
    co_return true;
}

std::size_t read_now(PipeEnd& end, std::span<char> into) {
    const auto size = ::read(end.native_handle(), into.data(), into.size());
    return size > 0 ? static_cast<std::size_t>(size) : 0;
}

}  // namespace shallop::contract
