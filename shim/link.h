// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "protocol.h"

namespace shallop::shim {

/// The one connection to the daemon. Receiving never waits; sending does, and ends the shim when the daemon is gone.

/// A request with what came beside it. `body` is followed by a zero byte that is not part of it.
struct Request {
    wire::Header header;
    char* body;
    int fds[3];
    int fd_count;

    void close_fds();
};

/// Connects, or dies with a line on stderr.
void connect_to_daemon();

int daemon_fd();

/// False when nothing is waiting. Ends the shim on the end of the connection and on anything that is no frame.
bool receive(Request& request);

/// Sends one frame; the caller keeps `fd`. Returns 0, or the errno of a descriptor the kernel did not pass.
int send(wire::Type type, uint32_t id, const unsigned char* body, size_t size, int fd = -1);

void send_failed(uint32_t id, wire::Step step, int error, const char* what = "", const char* where = "");

/// Kills every process of the container and exits.
[[noreturn]] void end();

/// As end(), for a shim that could not start or was spoken to wrongly: says why on stderr.
[[noreturn]] void die(const char* why);

}  // namespace shallop::shim
