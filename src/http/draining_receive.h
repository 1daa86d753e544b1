// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/version.hpp>

namespace shallop::http {

/// A buffer whose async_receive() remembers that it has taken all there was, which is so when it was not filled: the next receive then waits for
/// the kernel's word and does not try first. A request saves two system calls by it (ADR 9).
///
/// What it cannot see is an end of stream that had come with the bytes: the kernel says nothing of that again. Who must know tries by hand.
class DrainingBuffer : public boost::asio::mutable_buffer {
public:
    using boost::asio::mutable_buffer::mutable_buffer;
};

}  // namespace shallop::http

// Another version has another operation; there every receive tries first, which only costs the call.
#if BOOST_VERSION / 100 == 1083
namespace boost::asio::detail {

/// Asio's own operation (1.83), but for what do_perform() returns for a buffer that was not filled.
template <>
class reactive_socket_recv_op_base<shallop::http::DrainingBuffer> : public reactor_op {
public:
    reactive_socket_recv_op_base(const boost::system::error_code& success, socket_type socket, socket_ops::state_type,
                                 const shallop::http::DrainingBuffer& buffer, socket_base::message_flags flags,
                                 func_type on_end)
        : reactor_op(success, &reactive_socket_recv_op_base::do_perform, on_end),
          socket_(socket),
          buffer_(buffer),
          flags_(flags) {}

    static status do_perform(reactor_op* base) {
        auto* self = static_cast<reactive_socket_recv_op_base*>(base);
        const bool ended = socket_ops::non_blocking_recv1(self->socket_, self->buffer_.data(), self->buffer_.size(),
                                                          self->flags_, true, self->ec_, self->bytes_transferred_);
        if (!ended) return not_done;
        return self->bytes_transferred_ < self->buffer_.size() ? done_and_exhausted : done;
    }

private:
    socket_type socket_;
    shallop::http::DrainingBuffer buffer_;
    socket_base::message_flags flags_;
};

}  // namespace boost::asio::detail
#endif
