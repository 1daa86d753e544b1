// SPDX-License-Identifier: Apache-2.0
#include "registry/mounts.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace shallop::registry {
namespace {

using base::Error;
using base::Fault;

/// The path without links, or "" where it does not exist.
std::string canonical(const std::string& path) {
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
    return real ? std::string(real.get()) : std::string();
}

bool same_or_below(const std::string& path, const std::string& root) {
    if (root == "/") return true;
    return !root.empty() && path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

/// One sentence, or "" where the source is fine.
std::string bind_complaint(const std::string& source, const Settings& settings) {
    if (settings.bind_roots.empty()) {
        return "bind mounts are not allowed here: use a volume, or ask the operator for --bind-root";
    }
    const auto real = canonical(source);
    if (real.empty()) return source + " does not exist where the daemon runs: create it first";
    if (real != source) return source + " leads through a symbolic link: give the path it stands for";
    bool allowed = false;
    for (const auto& root : settings.bind_roots) allowed = allowed || same_or_below(real, canonical(root));
    if (!allowed) return source + " is not below a directory the operator allows for bind mounts";
    for (const auto& never : settings.bind_never) {
        const auto path = canonical(never);
        if (!path.empty() && (same_or_below(path, real) || same_or_below(real, path))) {
            return source + " would show a function what belongs to the engine or the daemon: give another directory";
        }
    }
    return {};
}

std::string complaint(const function::Mount& mount, const Settings& settings) {
    if (mount.kind == function::MountKind::bind) return bind_complaint(mount.source, settings);
    const auto& never = settings.volumes_never;
    if (mount.kind == function::MountKind::volume && std::find(never.begin(), never.end(), mount.source) != never.end())
        return "the volume " + mount.source + " belongs to the daemon: give another one";
    return {};
}

}  // namespace

Status check_mounts(const function::Spec& spec, const Settings& settings) {
    for (std::size_t at = 0; at < spec.mounts.size(); ++at) {
        auto problem = complaint(spec.mounts[at], settings);
        if (!problem.empty())
            return Error(Fault::invalid, std::move(problem), "/mounts/" + std::to_string(at) + "/source");
    }
    return {};
}

}  // namespace shallop::registry
