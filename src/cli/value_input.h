// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/secret_bytes.h>

#include <string>

#include "cli/complaint.h"

namespace shallop::cli {

/// The value of a secret: the bytes of `file`, or where that is "" those of standard input; at a terminal a line that is asked for there and not
/// shown, without its end. At most 64 KiB.
Result<base::SecretBytes> read_value(const std::string& file);

}  // namespace shallop::cli
