// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/log.h>
#include <shallop/base/result.h>
#include <shallop/base/secret_bytes.h>

#include <string>

/// The key that values are sealed with, in a file: 64 hexadecimal digits and a line's end.
namespace shallop::secret {

/// Warns where others can read the file. Faults: not_found, invalid (it is none; says what one is), storage.
base::Result<base::SecretBytes> read_key(const std::string& path, base::Log& log);

/// A new one, of which the file is durable when it returns. Never in the place of another file. Faults: storage.
base::Result<base::SecretBytes> make_key(const std::string& path);

}  // namespace shallop::secret
