// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "protocol.h"

namespace shallop::shim {

/// What an exec asks for, as execve takes it. Points into the frame, into the container's own words, and into one static array.
struct Command {
    char** argv;
    char** environment;
    const char* cwd;
    uint32_t flags;
    uint32_t files;
    const int* fds;
};

/// The arguments and environment of process 1 are the container's own command and environment.
void remember_own_command(int argc, char** argv, char** environment);

/// The number of words of the container's own command.
uint32_t command_words();

/// Reads the body of an exec. False: malformed, or more words than fit.
bool read_exec(char* body, size_t length, Command& command);

/// The PATH in which `docker run` would look for a program with this environment.
const char* path_of(char** environment);

}  // namespace shallop::shim
