// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/docker/engine.h>

#include <string>
#include <string_view>

namespace shallop::docker {

enum class Verb {
    ping,
    version,
    info,
    inspect_image,
    pull,
    build,
    images,
    remove_image,
    create,
    start,
    kill,
    remove,
    wait,
    inspect,
    list,
    logs,
    events
};

/// The word for logs and metrics.
const char* name(Verb verb);

/// `text` for a log line or an error: at most `most` bytes, cut between characters, control bytes as spaces, what is not UTF-8 as '?'.
std::string log_safe(std::string_view text, std::size_t most = 1024);

/// The engine's own words in the body of an error: its `message`, else the body if that is text; log-safe.
std::string message_of(std::string_view body);

/// The engine's "no" to `verb` as an Error of the fault that its status and words mean.
base::Error refusal(Verb verb, int status, std::string_view body);

/// An error inside the 200 stream of a pull.
base::Error pull_refusal(std::string_view message);

/// An error inside the 200 stream of a build.
base::Error build_refusal(std::string_view message);

/// A reply that is no answer to what was asked.
base::Error nonsense(Verb verb);

}  // namespace shallop::docker
