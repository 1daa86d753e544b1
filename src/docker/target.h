// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <string>
#include <string_view>

namespace shallop::docker {

/// Where the engine listens, as libcurl is told.
struct Host {
    std::string unix_path;  ///< empty for tcp
    std::string base;       ///< "http://localhost" or "http://host:port"
};

/// Reads unix:///path or tcp://host:port. Faults: invalid, saying which forms exist.
base::Result<Host> parse_host(std::string_view text);

/// `text` percent-encoded as one value of a query or one segment of a path; `keep` may name more characters to leave ("/:@").
std::string percent_encode(std::string_view text, std::string_view keep = "");

/// Whether `text` can be a container's id or name: [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 256.
bool container_id_valid(std::string_view text);

std::string base64_url(std::string_view bytes);
/// Either alphabet, padded or not. False where `text` is not base64.
bool base64_decode(std::string_view text, std::string& into);

}  // namespace shallop::docker
