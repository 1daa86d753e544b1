// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/docker/engine.h>

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace shallop::docker {

/// A version of the engine's API, "1.41".
struct ApiVersion {
    int major = 0;
    int minor = 0;

    auto operator<=>(const ApiVersion&) const = default;
    std::string text() const { return std::to_string(major) + "." + std::to_string(minor); }
};

/// What this client was written and tested for.
inline constexpr ApiVersion oldest_api{1, 40};
inline constexpr ApiVersion newest_api{1, 47};

std::optional<ApiVersion> parse_api_version(std::string_view text);

/// The newest version that both sides speak, from what GET /version said. Faults: engine_refused, saying which side is to be updated.
Result<ApiVersion> choose_api_version(const Version& engine);

/// Whether a 400 says that the version in the path is not (or no longer) spoken.
bool refuses_api_version(int status, std::string_view message);

}  // namespace shallop::docker
