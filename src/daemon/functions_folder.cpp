// SPDX-License-Identifier: Apache-2.0
#include "daemon/functions_folder.h"

#include <shallop/async/race.h>
#include <shallop/folder/document.h>

#include <fcntl.h>

#include <algorithm>
#include <filesystem>

namespace shallop::daemon {
namespace {

using base::Error;
using base::Fault;
using base::Result;
using folder::FoundFunction;

constexpr int most_timeouts = 3;        ///< of loading the same code: then it waits for a change, as what is wrong does
constexpr std::size_t most_lines = 50;  ///< of a refusal, in a function's log
constexpr auto costly_pause = std::chrono::minutes(1);  ///< registries count who asks too often

/// The folder by its whole path, with which the paths of all that is in it begin.
FunctionsFolder::Settings with_whole_path(FunctionsFolder::Settings settings) {
    auto& path = settings.folder;
    path = std::filesystem::absolute(path).lexically_normal().string();
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return settings;
}

bool is_about_image(const Error& error) {
    return error.fault != Fault::invalid && (error.pointer == "/image" || error.pointer == "/source/runtime");
}

/// One that the server does not keep yet.
bool is_about_secret(const Error& error) {
    return error.fault == Fault::not_found &&
           (error.pointer.starts_with("/secrets/") || error.pointer.ends_with("/signature/secret"));
}

/// Whether the same may go well later though no file changes. A conflict may be one with what somebody else has deployed.
bool passes(const Error& error) {
    return base::retryable(error.fault) || error.fault == Fault::conflict || error.fault == Fault::storage ||
           is_about_image(error) || is_about_secret(error);
}

/// Where an image was to be pulled or built: that is not tried every other second.
bool is_costly(const Error& error) {
    return is_about_image(error) && (error.pointer == "/image" || error.fault != Fault::not_found);
}

std::string words_of(const Error& error) {
    return error.detail + (error.pointer.empty() ? "" : " (at " + error.pointer + ")");
}

}  // namespace

FunctionsFolder::FunctionsFolder(Settings settings, Parts parts, async::Executor executor)
    : settings_(with_whole_path(std::move(settings))),
      parts_(parts),
      surveyor_(settings_.folder, folder::Surveyor::Reach::confined),
      changes_(executor) {
    auto watcher = folder::Watcher::open(settings_.folder);
    const int own = watcher ? ::fcntl(watcher->descriptor(), F_DUPFD_CLOEXEC, 0) : -1;
    if (own < 0) return;
    changes_.assign(own);
    watcher_ = std::move(*watcher);
}

std::unique_ptr<FunctionsFolder> FunctionsFolder::of(const std::string& folder, Parts parts, async::Executor executor) {
    if (folder.empty()) return nullptr;
    Settings own;
    own.folder = folder;
    return std::make_unique<FunctionsFolder>(std::move(own), parts, executor);
}

Task<void> FunctionsFolder::run() {
    for (;;) {
        auto work = [this] {
            folder::Done watched =
                folder::Complaint{"the kernel gives no inotify", "raise fs.inotify.max_user_instances"};
            if (watcher_) watched = watcher_->rearm();
            return Look{std::move(watched), surveyor_.look()};
        };
        const auto look = co_await parts_.blocking.run(work);
        again_ = false;
        say_complaints(look.survey.places.complaints);
        say_watched(look.watched);
        co_await apply(look.survey);
        co_await wait();
    }
}

Task<void> FunctionsFolder::apply(const folder::Survey& survey) {
    co_await remove_gone(survey);
    auto todo = unknown(survey);
    if (!begun_) co_await begin(todo);
    begun_ = true;
    std::size_t next = 0;
    auto a = work_off(todo, next), b = work_off(todo, next), c = work_off(todo, next), d = work_off(todo, next);
    auto ab = async::both(std::move(a), std::move(b));
    auto cd = async::both(std::move(c), std::move(d));
    co_await async::both(std::move(ab), std::move(cd));
}

/// What is not there any more. One look does not tell: git and editors unlink a file and write it again.
std::vector<std::string> FunctionsFolder::gone(const folder::Survey& survey) {
    std::set<std::string> found;
    for (const auto& one : survey.functions) found.insert(one.placed.name);
    std::map<std::string, Missing> missing;
    std::vector<std::string> names;
    const auto now = parts_.clock.now();
    const auto miss = [&](const std::string& name, const std::string& path) {
        if (found.contains(name) || survey.places.leaves(name, path)) return;
        const auto before = missing_.find(name);
        const auto since = before == missing_.end() ? now : before->second.since;
        const bool is_new = missing.emplace(name, Missing{path, since}).second;
        if (is_new && now - since >= settings_.gone) names.push_back(name);
    };
    for (const auto& [name, function] : parts_.registry.catalog()->functions) {
        if (!function->origin.empty()) miss(name, function->origin);
    }
    for (const auto& [name, known] : known_) miss(name, known.path);
    for (const auto& name : names) missing.erase(name);
    missing_ = std::move(missing);
    return names;
}

Task<void> FunctionsFolder::remove_gone(const folder::Survey& survey) {
    for (const auto& name : gone(survey)) {
        known_.erase(name);
        const auto current = parts_.registry.catalog()->find(name);
        if (current && !current->origin.empty()) {
            const auto removed = co_await parts_.registry.remove_placed(name);
            again_ = again_ || !removed;
            if (!removed)
                parts_.log.error("a function whose file is gone cannot be removed",
                                 {{"function", name}, {"reason", removed.error().detail}});
        }
        if (!parts_.registry.catalog()->find(name)) parts_.log_book.forget(name);
    }
}

/// Files of a folder that was one function, and may be so again in a moment, are no functions yet.
bool FunctionsFolder::is_below_missing(const std::string& path) const {
    return std::any_of(missing_.begin(), missing_.end(),
                       [&](const auto& entry) { return path.starts_with(entry.second.path + "/"); });
}

/// The functions whose files are others than when they were deployed or refused.
FunctionsFolder::Todo FunctionsFolder::unknown(const folder::Survey& survey) {
    Todo todo;
    for (const auto& found : survey.functions) {
        if (is_below_missing(found.placed.path)) continue;
        auto& known = known_[found.placed.name];
        known.path = found.placed.path;
        if (found.function) {
            const bool later = found.seen == known.tried && parts_.clock.now() < known.not_before;
            again_ = again_ || later;
            if (found.seen != known.seen && !later) todo.push_back(&found);
            continue;
        }
        const auto& complaint = found.function.error();
        known.seen.clear();
        again_ = again_ || complaint.passing;
        refuse(found.placed, complaint.what + (complaint.todo.empty() ? "" : ": " + complaint.todo), "");
    }
    return todo;
}

std::vector<source::Copy> FunctionsFolder::copies_of(const folder::Code& code) const {
    std::vector<source::Copy> copies;
    for (const auto& file : code.files) {
        const bool executable = file.executable && code.form == folder::Code::Form::folder;
        copies.push_back({file.path, file.place.substr(settings_.folder.size() + 1), executable});
    }
    return copies;
}

/// Puts what code is new into the store together; what cannot be put is told when it is put by itself.
Task<void> FunctionsFolder::keep_all(const Todo& todo) {
    std::vector<std::vector<source::Copy>> all;
    for (const auto* found : todo) {
        if (found->code.empty()) continue;  // an archive
        const auto there = co_await parts_.code.find(found->code);
        if (!there) all.push_back(copies_of(found->function->code));
    }
    auto root = settings_.folder;
    co_await parts_.code.put_many_copies(std::move(root), std::move(all));
}

/// At the start: all at once what is new or as it was, and the others remain.
Task<void> FunctionsFolder::begin(Todo& todo) {
    co_await keep_all(todo);
    Todo asked, left;
    std::vector<registry::Placed> all;
    for (const auto* found : todo) {
        auto placed = co_await place(*found);
        if (placed) asked.push_back(found);
        if (placed) all.push_back(std::move(*placed));
        if (!placed) settle(*found, placed.error());
    }
    const auto outcomes = co_await parts_.registry.put_placed_untried(std::move(all));
    for (std::size_t at = 0; at < asked.size(); ++at) {
        if (outcomes[at]) {
            settle(*asked[at], *outcomes[at]);
        } else {
            left.push_back(asked[at]);
        }
    }
    todo = std::move(left);
    parts_.log.info("the functions of the folder are there",
                    {{"folder", settings_.folder}, {"functions", view().functions}, {"to_be_tried", todo.size()}});
}

/// One of several that do this beside each other.
Task<void> FunctionsFolder::work_off(const Todo& todo, std::size_t& next) {
    while (next < todo.size()) {
        const auto* found = todo[next++];
        co_await deploy(*found);
    }
}

Task<void> FunctionsFolder::deploy(const FoundFunction& found) {
    auto placed = co_await place(found);
    if (!placed) co_return settle(found, placed.error());
    const auto outcome = co_await parts_.registry.put_placed(std::move(*placed));
    settle(found, outcome);
}

/// The code goes into the store, and its name into the resource.
Task<Result<registry::Placed>> FunctionsFolder::place(const FoundFunction& found) {
    const auto tree = co_await keep(found);
    if (!tree) co_return tree.error();
    auto resource = found.function->settings;
    resource["source"] = found.function->source;
    resource["source"]["code"] = tree->id;
    auto text = resource.dump(-1, ' ', false, folder::Json::error_handler_t::replace);
    co_return registry::Placed{found.placed.name, std::move(text), found.placed.path};
}

Task<Result<source::Tree>> FunctionsFolder::keep(const FoundFunction& found) {
    const auto& code = found.function->code;
    if (code.form == folder::Code::Form::archive) co_return co_await parts_.code.put_archive(code.files.front().place);
    auto there = co_await parts_.code.find(found.code);
    if (there || there.error().fault != Fault::not_found) co_return there;
    auto copies = copies_of(code);
    auto root = settings_.folder;
    co_return co_await parts_.code.put_copies(std::move(root), std::move(copies));
}

void FunctionsFolder::settle(const FoundFunction& found, const Result<registry::Deployed>& outcome) {
    auto& known = known_[found.placed.name];
    known.tried = found.seen;
    if (outcome) {
        known.seen = found.seen;
        known.refusal.clear();
        known.timeouts = 0;
        return;
    }
    const auto& error = outcome.error();
    known.seen.clear();
    // It may be with what is about to go: a file that was renamed has the route of its old name.
    if (error.fault == Fault::conflict && !missing_.empty()) return;
    const bool once_more = error.fault == Fault::timed_out && ++known.timeouts < most_timeouts;
    const bool passing = passes(error) || once_more;
    again_ = again_ || passing;
    known.seen = passing ? "" : found.seen;
    if (!passing) known.timeouts = 0;
    known.not_before = parts_.clock.now() + (is_costly(error) ? base::Duration(costly_pause) : base::Duration());
    refuse(found.placed, words_of(error), error.log);
}

/// Says it once, to the operator and to whoever reads the function's log: the same refusal again is no news.
void FunctionsFolder::refuse(const folder::PlacedFunction& placed, const std::string& what, const std::string& more) {
    auto& known = known_[placed.name];
    if (what == known.refusal) return;
    known.refusal = what;
    const auto current = parts_.registry.catalog()->find(placed.name);
    const bool ours = current && !current->origin.empty();
    const auto serves = ours ? "version " + std::to_string(current->version) + " serves on" : "nothing serves";
    parts_.log.warn("a function of the folder is refused",
                    {{"function", placed.name}, {"file", placed.path}, {"reason", what}, {"and", serves}});
    if (current && !ours) return;  // it is somebody else's, and so is its log
    const auto say = [&](std::string text) {
        parts_.log_book.add(placed.name, {0, parts_.clock.wall(), "shallop", "", std::move(text)});
    };
    say(placed.path + " is refused, and " + serves + ": " + what);
    std::size_t lines = 0;
    for (std::size_t at = 0; at < more.size() && lines < most_lines; ++lines) {
        const auto end = std::min(more.find('\n', at), more.size());
        say(more.substr(at, end - at));
        at = end + 1;
    }
}

void FunctionsFolder::say_complaints(const std::vector<folder::Complaint>& complaints) {
    std::set<std::string> now;
    for (const auto& complaint : complaints) {
        const bool news = !complaints_.contains(complaint.what);
        if (news && now.insert(complaint.what).second)
            parts_.log.warn("in the folder of functions", {{"reason", complaint.what}, {"todo", complaint.todo}});
        now.insert(complaint.what);
    }
    complaints_ = std::move(now);
}

void FunctionsFolder::say_watched(const folder::Done& watched) {
    const auto why = watched ? std::string() : watched.error().what;
    if (why == unwatched_ && begun_) return;
    unwatched_ = why;
    if (watched) return parts_.log.info("the folder of functions is watched", {{"folder", settings_.folder}});
    parts_.log.error("the folder of functions is not watched: it is looked at every now and then",
                     {{"folder", settings_.folder}, {"reason", why}, {"todo", watched.error().todo}});
}

/// Until there is reason to look again.
Task<void> FunctionsFolder::wait() {
    for (int pauses = 0; pauses < settings_.pauses; ++pauses) {
        const auto pause = missing_.empty() ? settings_.pause : settings_.gone;
        if (co_await told(pause)) {
            co_await parts_.clock.sleep_for(settings_.settle);
            co_return;
        }
        if (again_ || !missing_.empty() || !unwatched_.empty()) co_return;
        auto work = [this] { return watcher_->replaced(); };
        if (co_await parts_.blocking.run(work)) co_return;
    }
}

/// Whether something changed before the pause was over.
Task<bool> FunctionsFolder::told(base::Duration pause) {
    auto over = parts_.clock.sleep_for(pause);
    if (!watcher_) {
        co_await std::move(over);
        co_return false;
    }
    auto change = changed();
    co_return co_await async::race(std::move(change), std::move(over)) == 0;
}

Task<void> FunctionsFolder::changed() { co_await changes_.async_wait(Descriptor::wait_read, async::use_task); }

api::FolderView FunctionsFolder::view() const {
    api::FolderView view{settings_.folder, unwatched_, 0, {}};
    for (const auto& [name, function] : parts_.registry.catalog()->functions) {
        if (!function->origin.empty()) ++view.functions;
    }
    for (const auto& complaint : complaints_) view.refused.emplace_back("", complaint);
    for (const auto& [name, known] : known_) {
        if (!known.refusal.empty()) view.refused.emplace_back(known.path, known.refusal);
    }
    return view;
}

}  // namespace shallop::daemon
