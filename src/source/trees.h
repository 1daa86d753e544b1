// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/source/code_store.h>

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

namespace shallop::source {

class TreeWriter;

/// Removes a file or a directory with all that is in it, as far as that goes.
void remove_quietly(const std::string& path);

/// DIR/trees: what CodeStore does on the BlockingPool. Every call blocks; calls of several threads may overlap.
///
/// Whoever is given a tree, or its name, has touched it: collect() spares what was touched, and takes a tree away in one step, so that
/// nobody finds half of one.
class CodeStore::Trees {
public:
    explicit Trees(std::string directory, const Limits& limits) : directory_(std::move(directory)), limits_(limits) {}

    /// The tree that `write` writes. All of it happens below `scratch`, which is gone afterwards. `sent` is TreeWriter's.
    Result<Tree> add(const std::string& scratch, Bytes sent, const std::function<Status(TreeWriter&)>& write) {
        return add(scratch, sent, write, limits_);
    }
    Result<Tree> add(const std::string& scratch, Bytes sent, const std::function<Status(TreeWriter&)>& write,
                     const Limits& limits);

    /// Adds several, of which `write` writes the one at an index: many are flushed together, and take
    /// little longer than one. What cannot be added is left out: who adds it alone is told why.
    void add_all(const std::string& scratch, std::size_t count,
                 const std::function<Status(std::size_t, TreeWriter&)>& write);

    /// DIR/names; the name has 64 hexadecimal digits.
    Status remember(const std::string& name, const std::string& id, const std::string& scratch);
    Result<std::string> recall(const std::string& name);

    Result<std::string> pack(const std::string& id, Bytes most);
    Result<std::string> read(const std::string& id, const std::string& path, Bytes most);

    /// Faults: not_found.
    Result<Tree> find(const std::string& id);

    /// Puts a tree into a directory, beside what is there. Faults: not_found, storage.
    Status fill(const std::string& id, const std::string& place);

    /// What goes is moved to `scratch` first, which is gone afterwards.
    std::size_t collect(const std::set<std::string>& used, const std::string& scratch);

private:
    using Clock = std::chrono::steady_clock;

    Result<std::string> touched(const std::string& id);
    bool touch(const std::string& path);
    void forget_names() const;
    bool spared(const std::string& path) const;
    Status place_tree(const TreeWriter& writer, const std::string& path, bool flushed = false);

    std::string directory_;
    const Limits& limits_;
    std::mutex turn_;                                ///< between touching, placing and taking away
    std::map<std::string, Clock::time_point> seen_;  ///< touched in this run, whatever the wall clock does; by path
};

}  // namespace shallop::source
