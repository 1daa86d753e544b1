// SPDX-License-Identifier: Apache-2.0
#include "daemon/memory_ceiling.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace shallop::daemon {
namespace {

constexpr double no_limit = 1e18;  ///< version 1 says so by a number of this size, version 2 by "max"

double number_in(const std::string& file) {
    double number = no_limit;
    std::ifstream(file) >> number;
    return number > 0 ? number : no_limit;
}

/// The path of our group in the hierarchy that counts memory, and whether that is of version 1. A line is "ID:CONTROLLERS:PATH".
std::pair<std::string, bool> own_group(const std::string& root) {
    std::ifstream file(root + "/proc/self/cgroup");
    std::string unified;
    for (std::string line; std::getline(file, line);) {
        const auto first = line.find(':');
        const auto second = first == line.npos ? line.npos : line.find(':', first + 1);
        if (second == line.npos) continue;
        const auto controllers = "," + line.substr(first + 1, second - first - 1) + ",";
        if (controllers.find(",memory,") != controllers.npos) return {line.substr(second + 1), true};
        if (controllers == ",,") unified = line.substr(second + 1);
    }
    return {unified, false};
}

}  // namespace

MemoryCeiling::MemoryCeiling(const std::string& root) {
    const auto [path, first_version] = own_group(root);
    const std::filesystem::path top = root + (first_version ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup");
    const auto add = [&, version_one = first_version](const std::string& at) {
        if (version_one)
            groups_.push_back({at + "/memory.limit_in_bytes", at + "/memory.usage_in_bytes", at + "/memory.stat",
                               "total_inactive_file", "total_active_file"});
        else
            groups_.push_back(
                {at + "/memory.max", at + "/memory.current", at + "/memory.stat", "inactive_file", "active_file"});
    };
    // Without a namespace of its own a container sees its group at the top, and the path of the host.
    auto at = top / std::filesystem::path(path).relative_path();
    if (path.find("..") != path.npos || !std::filesystem::exists(at)) at = top;
    for (; at != top && at.has_relative_path(); at = at.parent_path()) add(at.string());
    add(top.string());
}

double MemoryCeiling::left() const {
    double least = 1;
    for (const auto& group : groups_) least = std::min(least, group.left());
    return least;
}

double MemoryCeiling::Group::left() const {
    const auto most = number_in(limit);
    if (most >= no_limit) return 1;
    auto in_use = number_in(used);
    if (in_use >= no_limit) return 1;
    std::ifstream counts(stat);
    std::string name;
    for (double bytes = 0; counts >> name >> bytes;) {
        if (name == inactive || name == active || name == "slab_reclaimable") in_use -= bytes;
    }
    return std::clamp(1 - in_use / most, 0.0, 1.0);
}

}  // namespace shallop::daemon
