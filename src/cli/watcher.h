// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <shallop/base/fd.h>

#include "cli/complaint.h"

namespace shallop::cli {

/// Tells that something in a folder changed: in it or in the folders below it, but for those that hold no code. What changed has to be
/// looked for: events of the kernel's are hints, and too many of them are one.
class Watcher {
public:
    static Result<Watcher> open(const std::string& folder);

    /// Readable when something changed.
    int descriptor() const { return inotify_.get(); }

    /// Forgets what was told until now, and looks also at folders that have come since. Afterwards the folder may be read: what changes
    /// from now on is told again.
    Done rearm();

private:
    Watcher(base::Fd inotify, std::string folder) : inotify_(std::move(inotify)), folder_(std::move(folder)) {}
    Done watch(const std::string& folder) const;

    base::Fd inotify_;
    std::string folder_;
};

}  // namespace shallop::cli
