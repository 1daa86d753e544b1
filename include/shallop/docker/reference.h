// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <string>
#include <string_view>

namespace shallop::docker {

/// The name of an image, normalised as `docker pull` does: "alpine" is docker.io/library/alpine:latest.
struct Reference {
    std::string domain;  ///< "docker.io", "registry:5000"
    std::string path;    ///< "library/alpine"
    std::string tag;     ///< "latest" where neither tag nor digest is given; may be empty beside a digest
    std::string digest;  ///< "sha256:…" or empty

    /// The short form that people write and the engine shows: no docker.io/, no library/.
    std::string familiar_name() const;
    std::string familiar() const;
};

/// Reads name[:tag][@digest] (the grammar of distribution/reference). Faults: invalid, saying what is wrong.
base::Result<Reference> parse_reference(std::string_view text);

/// Whether `text` can only be an image's id: "sha256:" and 64 hexadecimal digits, or those alone.
bool is_image_id(std::string_view text);

}  // namespace shallop::docker
