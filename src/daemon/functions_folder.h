// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/api/admin.h>
#include <shallop/async/blocking_pool.h>
#include <shallop/folder/survey.h>
#include <shallop/folder/watcher.h>
#include <shallop/observe/log_book.h>
#include <shallop/registry/registry.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace shallop::daemon {

using async::Task;

/// Serves the functions of a folder: what is put there is a function, what is changed is a new version, and what is taken away is none. A
/// version that cannot be loaded is refused, and the one before it serves on.
///
/// The functions that came from the folder are marked so in the registry, which refuses them to everybody else; those of others are left
/// alone. Belongs to one loop; files are read on the BlockingPool, which outlives it.
class FunctionsFolder {
public:
    struct Settings {
        std::string folder;
        base::Duration settle = std::chrono::milliseconds(30);  ///< an editor writes, renames and removes within this
        base::Duration gone =
            std::chrono::milliseconds(200);              ///< that every look misses a file whose function is to go
        base::Duration pause = std::chrono::seconds(2);  ///< until what was refused and may pass is tried again
        int pauses = 15;  ///< until everything is looked at though nothing was told: not every file system tells
    };
    struct Parts {
        registry::Registry& registry;
        source::CodeStore& code;
        async::BlockingPool& blocking;
        observe::LogBook& log_book;
        async::Clock& clock;
        base::Log& log;
    };

    FunctionsFolder(Settings settings, Parts parts, async::Executor executor);

    /// Null where `folder` is "".
    static std::unique_ptr<FunctionsFolder> of(const std::string& folder, Parts parts, async::Executor executor);

    /// Until it is cancelled.
    Task<void> run();

    /// Whether what was there at the start is served, as far as it can be at once.
    bool begun() const { return begun_; }

    api::FolderView view() const;

private:
    using Descriptor = boost::asio::posix::basic_stream_descriptor<async::Executor>;
    struct Look {
        folder::Done watched;
        folder::Survey survey;
    };
    /// What was done with a function's files.
    struct Known {
        std::string path;
        std::string seen;     ///< deployed, or refused for good
        std::string refusal;  ///< what is complained of now
        int timeouts = 0;     ///< in a row
        std::string tried;    ///< last, and not again before:
        async::Instant not_before{};
    };
    /// What the last looks did not find.
    struct Missing {
        std::string path;
        async::Instant since;
    };
    using Todo = std::vector<const folder::FoundFunction*>;

    Task<void> apply(const folder::Survey& survey);
    std::vector<std::string> gone(const folder::Survey& survey);
    Task<void> remove_gone(const folder::Survey& survey);
    bool is_below_missing(const std::string& path) const;
    std::vector<source::Copy> copies_of(const folder::Code& code) const;
    Task<void> keep_all(const Todo& todo);
    Task<void> begin(Todo& todo);
    Task<void> work_off(const Todo& todo, std::size_t& next);
    Task<void> deploy(const folder::FoundFunction& found);
    Task<base::Result<registry::Placed>> place(const folder::FoundFunction& found);
    Task<base::Result<source::Tree>> keep(const folder::FoundFunction& found);
    Task<void> wait();
    Task<bool> told(base::Duration pause);
    Task<void> changed();
    Todo unknown(const folder::Survey& survey);
    void settle(const folder::FoundFunction& found, const base::Result<registry::Deployed>& outcome);
    void refuse(const folder::PlacedFunction& placed, const std::string& what, const std::string& more);
    void say_complaints(const std::vector<folder::Complaint>& complaints);
    void say_watched(const folder::Done& watched);

    Settings settings_;
    Parts parts_;
    std::optional<folder::Watcher> watcher_;  ///< nothing where the kernel gives none
    folder::Surveyor surveyor_;
    Descriptor changes_;
    std::map<std::string, Known> known_;      ///< by function
    std::map<std::string, Missing> missing_;  ///< by function, and served on until they are gone
    std::set<std::string> complaints_;        ///< said, and still so
    std::string unwatched_;                   ///< why nothing tells of changes; "" where something does
    bool begun_ = false;
    bool again_ = false;  ///< something was refused that may go well later by itself
};

}  // namespace shallop::daemon
