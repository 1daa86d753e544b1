// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fd.h>
#include <shallop/base/secret_bytes.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

/// Packets with descriptors over a nonblocking SOCK_SEQPACKET socket, and nothing about what they mean.
namespace shallop::shim {

/// A frame on its way out. The descriptors are closed when it has been sent or given up.
struct Packet {
    std::string bytes;
    std::array<base::Fd, 3> fds;
    base::SecretBytes secret{};  ///< more bytes of the same packet
};

/// Sends without waiting. 0, or the errno: EAGAIN when the other end has to read first.
int send_packet(int socket, const Packet& packet);

/// What one receive came to.
struct Arrival {
    int error = 0;           ///< errno; EAGAIN when nothing waits
    std::size_t size = 0;    ///< 0 without an error: the other end has closed
    bool truncated = false;  ///< the packet was larger than `into`, or more descriptors came than we take
    std::vector<base::Fd> fds;
};

/// Receives without waiting. Descriptors are CLOEXEC; at most four are taken, the kernel closes the others.
Arrival receive_packet(int socket, std::span<unsigned char> into);

/// Whether `fd` is a connected stream socket of a family that shims connect; makes it nonblocking, and its closing too.
bool settle_stream_socket(int fd);

}  // namespace shallop::shim
