// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fd.h>
#include <shallop/base/log.h>
#include <shallop/base/result.h>

#include <string>

namespace shallop::store {

/// The data directory, held for one daemon by a lock that the kernel drops with the process, however it ends.
class Directory {
public:
    /// Makes it (0700) where it is missing, takes the lock, makes the empty database file (0600).
    /// Faults: conflict (another daemon holds it), storage.
    static base::Result<Directory> open(const std::string& path, base::Log& log);

    std::string database() const { return path_ + "/shallop.db"; }
    /// A write-ahead log that is still there means that the last daemon did not get to close the database.
    bool left_unclean() const;
    /// Makes the names of new files durable.
    void sync() const;

private:
    std::string path_;
    base::Fd lock_;
};

}  // namespace shallop::store
