// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/function/spec.h>

#include <string>
#include <string_view>

namespace shallop::function {

/// Bounds of a resource document; each refusal names its JSON pointer.
struct ResourceLimits {
    std::size_t document_bytes = 256 * 1024;
    std::size_t depth = 16;
    std::size_t name_length = 63;  ///< [a-z0-9]([a-z0-9-]*[a-z0-9])?, as a DNS label
    std::size_t routes = 64;
    std::size_t env_entries = 256;
    std::size_t env_bytes = 64 * 1024;
    std::size_t command_words = 256;
    std::size_t command_bytes = 64 * 1024;
    std::size_t mounts = 32;
    std::size_t socket_path = 100;  ///< of contract http; a socket's address has room for 107
};

/// Reads a function resource (product.md): defaults filled in, unknown members refused, every value in its bounds.
/// `name` is the one in the URL; a "name" member must agree with it. Server-made members that GET returns (version, etag,
/// image_id, created, updated, url, "contract" explained) are accepted and ignored, so that what was read can be put back.
/// Faults: invalid (with `pointer`), too_large.
base::Result<Spec> parse_resource(std::string_view json, std::string_view name, const ResourceLimits& limits = {});

/// RFC 7396: `patch` applied to the resource of `current`, then read as parse_resource does.
base::Result<Spec> patch_resource(const Spec& current, std::string_view patch, const ResourceLimits& limits = {});

/// The deployer's part of the resource as compact JSON, every default spelled out: what the store keeps.
std::string format_spec(const Spec& spec);

/// The whole resource as compact JSON, server-made members included: what the API answers.
std::string format_resource(const Function& function);

/// The image facts as compact JSON, and back: what the store keeps.
std::string format_image(const ImageFacts& image);
base::Result<ImageFacts> parse_image(std::string_view json);

/// Decides an automatic contract from the function's options and the image, with the reason; an explicit one keeps its kind. Contract http
/// has a port or a socket afterwards: the one given, else PORT of the function, PORT of the image, what the image exposes, 8080.
/// Faults: invalid where the image has no command to run, or its label asks for a contract that is not here.
base::Result<Contract> decide_contract(const Spec& spec, const ImageFacts& image);

/// Strong entity tag of a version: a digest of its spec, image and version number.
std::string make_etag(const Spec& spec, const ImageFacts& image, std::int64_t version);

}  // namespace shallop::function
