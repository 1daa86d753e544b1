// SPDX-License-Identifier: Apache-2.0
// shallop dev
#include <shallop/folder/document.h>
#include <shallop/folder/survey.h>
#include <shallop/folder/watcher.h>

#include <CLI/CLI.hpp>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <set>

#include "cli/command.h"
#include "cli/followers.h"
#include "cli/log_lines.h"
#include "cli/print.h"
#include "cli/source.h"

namespace shallop::cli {
namespace {

using folder::FoundFunction;
using folder::Json;
using folder::PlacedFunction;
using folder::Surveyor;
using folder::Watcher;
using Steady = std::chrono::steady_clock;

constexpr int settle_ms = 30;   ///< an editor writes, renames and removes within this
constexpr int retry_ms = 2000;  ///< until what was refused is tried again

struct Words {
    std::string folder = ".";
    bool keep = false;
};

/// SIGINT and SIGTERM as a descriptor. Made before any thread, which inherits that they are held back.
class Signals {
public:
    Signals() {
        ::sigemptyset(&set_);
        ::sigaddset(&set_, SIGINT);
        ::sigaddset(&set_, SIGTERM);
        ::sigprocmask(SIG_BLOCK, &set_, nullptr);
        fd_.reset(::signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    int descriptor() const { return fd_.get(); }

    /// From now on they end the process, as usual: but the one that came already has been heeded.
    void release() const {
        signalfd_siginfo one{};
        while (::read(fd_.get(), &one, sizeof one) > 0) {
        }
        ::sigprocmask(SIG_UNBLOCK, &set_, nullptr);
    }

private:
    sigset_t set_{};
    base::Fd fd_;
};

/// What was found in a function's code; "" where that is not known.
std::string kind_of(const Json& resource) {
    const auto source = resource.find("source");
    const auto kind = source == resource.end() || !source->is_object() ? Json() : source->value("kind", Json());
    return kind.is_string() ? printable(kind.get<std::string>()) : std::string();
}

/// What a folder's functions are, and what the daemon has of them.
class Session {
public:
    Session(const Globals& globals, Rest& rest, const std::string& folder)
        : json_(globals.json),
          rest_(rest),
          surveyor_(folder, Surveyor::Reach::anywhere),
          followers_(rest.server(), log_sink()) {}

    /// Deploys what is new or changed, and removes what is gone. False where something was refused that may go well later by itself.
    bool update() {
        const auto survey = surveyor_.look();
        std::set<std::string> names;
        std::string complaints;
        for (const auto& complaint : survey.places.complaints)
            complaints += complaint.what + "\n       " + complaint.todo + "\n";
        if (complaints != complaints_ && !complaints.empty()) say({{"error", complaints}}, "error: " + complaints);
        complaints_ = complaints;
        for (const auto& one : survey.functions) names.insert(one.placed.name);
        // First what is gone: a file that was renamed has the route of its old name.
        for (auto at = known_.begin(); at != known_.end();) {
            const bool stays = names.contains(at->first) || survey.places.leaves(at->first, at->second.path);
            at = stays ? std::next(at) : forget(at);
        }
        bool all = true;
        for (const auto& one : survey.functions) all = deploy(one) && all;
        std::set<std::string> there;
        for (const auto& [name, known] : known_) {
            if (known.deployed) there.insert(name);
        }
        followers_.follow(there);
        return all;
    }

    /// Removes what was created here.
    void clear() {
        followers_.follow({});
        for (auto at = known_.begin(); at != known_.end();) at = forget(at);
    }

    std::size_t size() const { return known_.size(); }

private:
    struct Known {
        std::string path;       ///< in the folder
        std::string seen;       ///< what was sent last, and deployed or refused for good
        std::string refusal;    ///< what was complained of last, and still is
        bool deployed = false;  ///< some version of it
        bool created = false;   ///< here, and so it is removed here
    };
    using At = std::map<std::string, Known>::iterator;

    Followers::Sink log_sink() const {
        return [json = json_](const std::string& function, std::string_view object) {
            const auto line = log_line(object);
            const auto text = json ? Json{{"function", function}, {"log", line.text}}.dump(
                                         -1, ' ', false, Json::error_handler_t::replace)
                                   : function + " | " + line.text;
            std::printf("%s\n", text.c_str());
            std::fflush(stdout);
        };
    }

    /// The text ends its last line itself where it has several.
    void say(Json object, const std::string& text) const {
        const auto line = json_ ? object.dump(-1, ' ', false, Json::error_handler_t::replace) : text;
        std::printf("%s%s", line.c_str(), line.ends_with('\n') ? "" : "\n");
        std::fflush(stdout);
    }

    bool deploy(const FoundFunction& found) {
        const auto& one = found.placed;
        auto& known = known_[one.name];
        known.path = one.path;
        const auto start = Steady::now();
        if (!found.function) return refuse(one, known, found.function.error());
        if (found.seen == known.seen) return true;
        // What is built for a function that is there its log tells.
        const auto deployed =
            known.deployed ? deploy_source(rest_, *found.function) : deploy_aloud(rest_, *found.function);
        if (deployed || !deployed.error().passing) known.seen = found.seen;
        if (!deployed) return refuse(one, known, deployed.error());
        known.refusal.clear();
        known.deployed = true;
        known.created = known.created || deployed->created;
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - start).count();
        const auto version = deployed->resource.value("version", std::int64_t{0});
        const auto kind = kind_of(deployed->resource);
        say({{"function", one.name},
             {"route", one.route},
             {"kind", kind},
             {"version", version},
             {"milliseconds", took}},
            one.name + " | deployed version " + std::to_string(version) + " of " + one.path + " at " + one.route +
                " in " + std::to_string(took) + " ms" + (kind.empty() ? "" : " (" + kind + ")"));
        return true;
    }

    /// Says it once: the same refusal again is no news. False where it is worth another try.
    bool refuse(const PlacedFunction& one, Known& known, const Complaint& complaint) {
        if (complaint.what != known.refusal) {
            const auto* const still = known.deployed ? "; the version before it serves on" : "";
            say({{"function", one.name}, {"error", complaint.what}, {"todo", complaint.todo}},
                one.name + " | error: " + one.path + ": " + printable(complaint.what) + still + "\n" +
                    std::string(one.name.size(), ' ') + " |        " + printable(complaint.todo));
        }
        known.refusal = complaint.what;
        return !complaint.passing;
    }

    At forget(At at) {
        if (at->second.created) {
            const auto removed = remove_function(rest_, at->first);
            const auto what = removed ? "removed" : "cannot be removed: " + removed.error().what;
            say({{"function", at->first}, {"removed", removed.has_value()}}, at->first + " | " + what);
        }
        return known_.erase(at);
    }

    bool json_;
    Rest& rest_;
    Surveyor surveyor_;
    std::string complaints_;
    std::map<std::string, Known> known_;
    Followers followers_;  // last: its threads end first
};

/// Waits for a change; false for a signal.
bool wait(const Watcher& watcher, const Signals& signals, int timeout) {
    std::array<pollfd, 2> waiting{{{watcher.descriptor(), POLLIN, 0}, {signals.descriptor(), POLLIN, 0}}};
    ::poll(waiting.data(), waiting.size(), timeout);
    if (waiting[1].revents != 0) return false;
    if (waiting[0].revents == 0) return true;
    ::poll(&waiting[1], 1, settle_ms);
    return waiting[1].revents == 0;
}

Done watch(Watcher& watcher, const Signals& signals, Session& session) {
    for (;;) {
        if (const auto armed = watcher.rearm(); !armed) return armed;
        const bool all = session.update();
        if (!wait(watcher, signals, all ? -1 : retry_ms)) return {};
    }
}

Done dev(const Globals& globals, const Words& words) {
    const Signals signals;
    auto watcher = Watcher::open(words.folder);
    if (!watcher) return watcher.error();
    if (const auto armed = watcher->rearm(); !armed) return armed.error();
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    if (const auto info = fetch(**rest, "/v1/info"); !info) return info.error();
    if (!globals.json) std::printf("watching %s; control-C ends it\n", words.folder.c_str());
    std::fflush(stdout);
    Session session(globals, **rest, words.folder);
    const auto watched = watch(*watcher, signals, session);
    signals.release();
    if (!words.keep) session.clear();
    return watched;
}

}  // namespace

void add_dev(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = app.add_subcommand("dev", "Deploy the functions of a folder, and again whenever they change");
    command->add_option("DIR", words->folder, "the folder")->capture_default_str();
    command->add_flag("--keep", words->keep, "leave the functions deployed at the end");
    command->footer(
        "Each file that ends in .py .js .mjs .cjs .php .rb .pl .psgi or .sh is a function, and its path the route:\n"
        "hello.py is /hello and all below it, api/users.js /api/users and all below it, index.* its folder's path "
        "alone,\n"
        "[id].py one segment, {id}, alone. The name is the path without its ending, with - for /: api-users.\n"
        "A folder is one function if it has a main.*, app.*, server.*, handler.* or function.* in such a language, a\n"
        "shallop.yaml, package.json, config.ru, requirements.txt, composer.json, Gemfile, main, or a Dockerfile, "
        "which\n"
        "is built. What begins with _ or . is none, and _lib is shared by the single files beside it.\n"
        "What the functions write to their logs is shown.\n"
        "\n"
        "A function of the same name that is there already is replaced, with all its settings, and keeps dev's code\n"
        "at the end: point dev at a daemon of your own.\n"
        "\n"
        "Example:\n"
        "  shallop dev ./functions");
    command->callback([&globals, &chosen, words] { chosen = [&globals, words] { return dev(globals, *words); }; });
}

}  // namespace shallop::cli
