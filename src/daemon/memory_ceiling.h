// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace shallop::daemon {

/// The limits that the kernel sets to the memory of the daemon's control group and of those above it (cgroups(7), version 1 and 2), at which it
/// kills.
class MemoryCeiling {
public:
    /// Below `root` lie proc and sys.
    explicit MemoryCeiling(const std::string& root = "");

    /// What is left below the nearest limit, from 0 to 1; 1 where there is none. What the kernel keeps of files, it can give back: that counts as left.
    double left() const;

private:
    struct Group {
        std::string limit, used, stat;  ///< files
        std::string inactive, active;   ///< of `stat`: what is kept of files
        double left() const;
    };
    std::vector<Group> groups_;
};

}  // namespace shallop::daemon
