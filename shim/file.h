// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "link.h"

#include <sys/types.h>

namespace shallop::shim {

/// What a `file` asks for. Points into the frame.
struct NewFile {
    const char* name;
    const char* bytes;
    size_t size;
    mode_t mode;
};

/// Reads the body of a `file`. False: malformed, or a name that is no plain one.
bool read_file(const char* body, size_t length, NewFile& file);

/// Writes it beside and renames, so that whoever reads the name finds the old bytes or the new ones; forgets the bytes.
void write_file(Request& request);

}  // namespace shallop::shim
