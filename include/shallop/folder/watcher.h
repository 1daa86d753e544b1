// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fd.h>
#include <shallop/folder/complaint.h>

#include <sys/types.h>

#include <set>
#include <string>
#include <utility>

namespace shallop::folder {

/// Tells that something in a folder changed: in it or in the folders below it, but for those that hold no code. What changed has to be
/// looked for: events of the kernel's are hints, and too many of them are one.
class Watcher {
public:
    /// Watches nothing before rearm(). The folder need not be there yet.
    static Result<Watcher> open(const std::string& folder);

    /// Readable when something changed.
    int descriptor() const { return inotify_.get(); }

    /// Forgets what was told until now, and looks also at folders that have come since. Afterwards the folder may be read: what changes
    /// from now on is told again.
    Done rearm();

    /// Whether another folder stands at the path than when it was armed, or none, or one where none was: of which no event tells, as when
    /// a link leads elsewhere.
    bool replaced() const;

private:
    using Identity = std::pair<dev_t, ino_t>;

    Watcher(base::Fd inotify, std::string folder) : inotify_(std::move(inotify)), folder_(std::move(folder)) {}
    Done arm(std::set<int>& armed) const;
    Done watch(const std::string& folder, std::set<int>& armed) const;
    Identity identity() const;

    base::Fd inotify_;
    std::string folder_;
    Identity armed_folder_{};
    std::set<int> armed_;
};

}  // namespace shallop::folder
