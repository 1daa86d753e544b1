// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "docker/api_version.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::docker {

/// The body of POST /containers/create. Every member is written here, from `spec`'s allow-list alone.
/// Faults: invalid, where `spec` asks for another container's or the host's network, or for a kind of mount there is not.
Result<std::string> encode_create(const ContainerSpec& spec, ApiVersion api);

/// Each reads one reply; nullopt where it is not that reply.
std::optional<std::string> decode_created(std::string_view body);
std::optional<ContainerState> decode_container(std::string_view body);
std::optional<std::vector<ContainerSummary>> decode_list(std::string_view body);

/// POST /containers/{id}/wait: the exit code. `status` 200 with an Error inside is an Error of engine_refused.
std::optional<Result<int>> decode_wait(std::string_view body);

/// Labels of an image to build, as an object of texts; not yet percent-encoded.
std::string encode_labels(const std::map<std::string, std::string>& labels);

/// `filters=` for labels, and for events of containers: JSON, not yet percent-encoded.
std::string label_filter(const std::vector<std::string>& labels, bool containers_only);

}  // namespace shallop::docker
