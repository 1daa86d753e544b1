// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>
#include <shallop/base/secret_bytes.h>
#include <shallop/function/spec.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::function {

/// Where a function finds its secrets, one file each.
inline constexpr const char* secrets_directory = "/run/secrets";

/// The largest value, in bytes: one fits a frame of the shim's protocol.
inline constexpr std::size_t largest_secret = 64 * 1024;

/// What a secret's file may be at most, all files of a function and one that is being replaced: the room that its containers need.
inline constexpr base::Bytes secrets_room = 33 * largest_secret;

/// Gives a secret's value by its name. Faults: not_found, storage (it cannot be opened).
using SecretOpener = std::function<base::Result<base::SecretBytes>(const std::string& name)>;

/// One secret of a function, and where in its resource it is named.
struct NamedSecret {
    std::string name;
    std::string pointer;
};

/// Those that its containers get as files, and those that sign for its routes.
std::vector<NamedSecret> secrets_of(const Spec& spec);

/// Whether `spec` names it.
bool uses_secret(const Spec& spec, std::string_view name);

/// A secret's name as a URL has it. Faults: invalid.
base::Status check_secret(std::string_view name);

/// Reads {"value": "…"} or {"value_base64": "…"}, and overwrites what it has made of that on the way. No message has any of the value.
/// Faults: invalid (with `pointer`), too_large.
base::Result<base::SecretBytes> parse_secret_value(std::string_view json);

}  // namespace shallop::function
