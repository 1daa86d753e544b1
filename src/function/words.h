// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

/// Rules for single texts of a resource. Each returns "" where the text is fine, else one sentence that says what to do.
namespace shallop::function {

/// A function's name: a DNS label.
std::string check_name(std::string_view name, std::size_t longest);

/// The name of a secret, and of the file that it becomes: no hidden one, no path.
std::string check_secret_name(std::string_view name);

/// A GPU's index, or its id as nvidia-smi -L lists it.
std::string check_gpu(std::string_view id);

/// An image reference as `docker pull` takes it: [registry[:port]/]path[:tag][@digest], or an image id.
std::string check_image(std::string_view image);

/// "uid", "uid:gid", "name" or "name:group".
std::string check_user(std::string_view user);

/// "none" or a network's name; the modes that would share another namespace are refused (threat T2).
std::string check_network(std::string_view network);

/// An engine runtime's name.
std::string check_runtime(std::string_view runtime);

/// A volume's name; never a path.
std::string check_volume(std::string_view volume);

/// A host of a route: lower-case labels, no port; a first label "*" stands for exactly one.
std::string check_host(std::string_view host);

/// A method of a route: an upper-case token (RFC 9110 section 9.1) other than CONNECT.
std::string check_method(std::string_view method);

/// The characters of a route's path; what the pattern means is the router's to judge.
std::string check_route_path(std::string_view path);

/// What is asked of a server by GET: an absolute path with its query, as a request's first line has it.
std::string check_request_path(std::string_view path);

/// A variable's name: a letter or underscore, then also digits; not with the platform's prefix.
std::string check_variable(std::string_view name);

/// An absolute path in its one normal spelling: no empty, "." or ".." part, no slash at the end.
std::string check_path(std::string_view path);

/// A file below a folder: a relative path in its one normal spelling.
std::string check_file(std::string_view path);

/// Where something is mounted: a path that hides nothing of the platform's or the kernel's.
std::string check_mount_target(std::string_view path);

/// The host path of a bind; an engine's socket is refused by its name (threat T1). Where it may lie is the operator's to say.
std::string check_bind_source(std::string_view path);

}  // namespace shallop::function
