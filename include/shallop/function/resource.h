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
    std::size_t routes = 256;
    std::size_t env_entries = 256;
    std::size_t env_bytes = 64 * 1024;
    std::size_t command_words = 256;
    std::size_t command_bytes = 64 * 1024;
    std::size_t mounts = 32;
    std::size_t secrets = 32;
    std::size_t gpus = 64;
    std::size_t socket_path = 100;   ///< of contract http; a socket's address has room for 107
    std::size_t source_files = 256;  ///< given inline
};

/// Reads a function resource (product.md): defaults filled in, unknown members refused, every value in its bounds.
/// `name` is the one in the URL; a "name" member must agree with it. Server-made members that GET returns (version, etag,
/// image_id, created, updated, origin, url, "contract" explained) are accepted and ignored, so that what was read can be put back.
/// Faults: invalid (with `pointer`), too_large.
base::Result<Spec> parse_resource(std::string_view json, std::string_view name, const ResourceLimits& limits = {});

/// RFC 7396: `patch` applied to the resource of `current`, then read as parse_resource does.
base::Result<Spec> patch_resource(const Spec& current, std::string_view patch, const ResourceLimits& limits = {});

/// The deployer's part of the resource as compact JSON, every default spelled out: what the store keeps.
std::string format_spec(const Spec& spec);

/// The same for people: hidden_secret stands for what is secret.
std::string show_spec(const Spec& spec);

/// In a document, in the place of a secret: the one that is there already.
inline constexpr const char* hidden_secret = "(hidden)";

/// Puts what `before` has in the place of each hidden_secret in `spec`: the secrets of the route with the same path, host and scheme, or those
/// that all its routes of that scheme have. Nullptr: there was no such function.
/// Faults: invalid (with `pointer`) where there is nothing to keep.
base::Status keep_secrets(Spec& spec, const Spec* before);

/// As documents spell it: "github".
std::string scheme_name(const Signature& signature);

/// The whole resource as compact JSON, server-made members included: what the API answers. Secrets are hidden.
std::string format_resource(const Function& function);

/// The image facts as compact JSON, and back: what the store keeps.
std::string format_image(const ImageFacts& image);
base::Result<ImageFacts> parse_image(std::string_view json);

/// Decides an automatic contract from the function's options and the image, with the reason; an explicit one keeps its kind. Contract http
/// has a port or a socket afterwards: the one given, else PORT of the function, PORT of the image, what the image exposes, 8080.
/// Faults: invalid where the image has no command to run, or its label asks for a contract that is not here.
base::Result<Contract> decide_contract(const Spec& spec, const ImageFacts& image);

// ---- functions from source (docs/protocol.md, "Writing a runtime")

/// Where a runtime finds the code, and where it listens.
inline constexpr const char* code_directory = "/code";
inline constexpr const char* runtime_socket = "/tmp/shallop.sock";

/// The image of a runtime where the resource names none.
std::string runtime_image(const std::string& runtime);

/// What a resource calls the runtime of code that the engine makes an image of, and the file at its top that says how.
inline constexpr const char* dockerfile_runtime = "dockerfile";
inline constexpr const char* dockerfile = "Dockerfile";

/// The name of the image that is made of `code` for a function of the daemon `owner`: another one for each code, so that the version before
/// keeps its own.
std::string built_image(const std::string& function, const std::string& owner, const std::string& code);

/// Whether built_image() makes such names for `function`, or for `owner`: nobody else's image has one.
bool is_built_for(std::string_view image, const std::string& function);
bool is_built_by(std::string_view image, const std::string& owner);

/// Which names is_built_by() may say yes to, as the engine takes it.
inline constexpr const char* built_images = "shallop-function-*";

/// Whether instances of it wait for code: made for a runtime, not for one function.
bool is_generic(const Spec& spec);

/// What waits for code of functions that are made alike: the same image, with the defaults for all that a container is made from, and `standby`
/// instances ahead. Its name is none that a function can have.
Function generic_for(const Function& function, int standby);

/// Whether their containers are made alike, but for name and environment: the one can become the other.
bool same_container(const Function& a, const Function& b);

/// What a runtime is told when it gets the code of `function`, as JSON.
std::string format_specialize(const Function& function);

/// An answer that is not as docs/protocol.md says announces nothing. Faults: invalid where its routes are no routes (pointer /source/routes).
base::Result<Announced> parse_announced(std::string_view answer);

/// What a runtime's refusal says: function_failed, with its own words in `log`, whose first line names file and reason.
base::Error specialize_error(std::string_view answer);

/// Strong entity tag of a version: a digest of its spec, image and version number.
std::string make_etag(const Spec& spec, const ImageFacts& image, std::int64_t version);

/// An http or https URL that we may be asked to send something to: "", or what is wrong with it and what to give.
std::string check_url(std::string_view url);

}  // namespace shallop::function
