// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/docker/engine.h>

#include <optional>
#include <string>
#include <string_view>

/// Each reads one reply or one line of a stream; nullopt where it is not that.
namespace shallop::docker {

std::optional<Version> decode_version(std::string_view body);
std::optional<Info> decode_info(std::string_view body);
std::optional<Image> decode_image(std::string_view body);
std::optional<std::vector<std::string>> decode_image_names(std::string_view body);
std::optional<EngineEvent> decode_event(std::string_view line);

/// One line of the stream of POST /images/create: progress, or the error that ends it.
struct PullLine {
    PullProgress progress;
    std::string error;
};
std::optional<PullLine> decode_pull_line(std::string_view line);

/// One message of the stream of POST /build: what the build writes, or the error that ends it.
struct BuildMessage {
    std::string text;  ///< may be a part of a line, or several
    std::string error;
};
std::optional<BuildMessage> decode_build_message(std::string_view line);

/// `filters=` for images by their names: JSON, not yet percent-encoded.
std::string reference_filter(const std::string& pattern);

}  // namespace shallop::docker
