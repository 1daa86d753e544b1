// SPDX-License-Identifier: Apache-2.0
#include <shallop/access/audit.h>

#include "support/loop.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"

#include <nlohmann/json.hpp>

#include <catch2/catch_test_macros.hpp>

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace shallop;
using namespace std::chrono_literals;
using access::Audit;
using Json = nlohmann::json;

namespace {

struct Stage {
    explicit Stage(Audit::Limits limits = {}) : audit(path, pool, clock, log, limits) {}

    void note(const std::string& name, std::string_view event = "change") {
        access::AuditEntry entry;
        entry.event = event;
        entry.who = "ci";
        entry.function = name;
        audit.note(entry);
    }
    std::vector<Json> tail(std::size_t count) {
        std::istringstream text(loop.run(audit.tail(count)));
        std::vector<Json> lines;
        for (std::string line; std::getline(text, line);) lines.push_back(Json::parse(line));
        return lines;
    }
    std::string names(std::size_t count) {
        std::string text;
        for (const auto& line : tail(count)) text += line.value("function", std::string()) + " ";
        return text;
    }

    test::TemporaryDirectory directory;
    std::string path = directory.path() + "/audit.log";
    test::Loop loop;
    test::ManualClock clock{loop.executor()};
    base::Log log{-1};
    async::BlockingPool pool{1};
    Audit audit;
};

int files_in(const std::string& directory) {
    return static_cast<int>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

/// No file of this process grows beyond `bytes`, as on a full disk.
struct FullDisk {
    explicit FullDisk(rlim_t bytes) {
        std::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &before);
        rlimit now = before;
        now.rlim_cur = bytes;
        ::setrlimit(RLIMIT_FSIZE, &now);
    }
    ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before); }
    rlimit before{};
};

}  // namespace

TEST_CASE("what was noted can be read, newest last, in a file of its owner alone", "[access]") {
    Stage stage;
    CHECK(stage.tail(10).empty());
    for (const auto* name : {"a", "b", "c"}) stage.note(name);
    CHECK(stage.names(10) == "a b c ");
    CHECK(stage.names(2) == "b c ");
    struct stat about{};
    REQUIRE(::stat(stage.path.c_str(), &about) == 0);
    CHECK((about.st_mode & 0777U) == 0600U);
}

TEST_CASE("a full file is followed by another, and the oldest one goes", "[access]") {
    Audit::Limits limits;
    limits.file = 500;
    limits.files = 3;
    Stage stage(limits);
    for (int i = 0; i < 100; ++i) stage.note(std::to_string(i));
    CHECK(files_in(stage.directory.path()) == 3);
    for (const auto& file : std::filesystem::directory_iterator(stage.directory.path())) CHECK(file.file_size() <= 500);
    CHECK(stage.names(3) == "97 98 99 ");
    const auto all = stage.tail(1000);  // across the files, without a gap
    CHECK(all.size() > 6);
    for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i].at("function") == std::to_string(100 - all.size() + i));
}

TEST_CASE("a full disk loses whole lines, and the next one says how many", "[access]") {
    Stage stage;
    stage.note("before");
    const auto size = std::filesystem::file_size(stage.path);
    {
        const FullDisk full(size + 10);
        stage.note("lost");
        stage.note("lost too");
        CHECK(std::filesystem::file_size(stage.path) == size);
    }
    stage.note("after");
    CHECK(stage.names(10) == "before after ");
    CHECK(stage.tail(1).front().at("missing") == 2);
}

TEST_CASE("a line that a crash has cut off spoils no other", "[access]") {
    Stage stage;
    std::ofstream(stage.path) << R"({"function":"whole"})" << "\n" << R"({"function":"cu)";
    stage.note("next");
    CHECK(stage.names(10) == "whole next ");
}

TEST_CASE("refusals are bounded in their rate, changes are not", "[access]") {
    Audit::Limits limits;
    limits.refusals = 3;
    Stage stage(limits);
    for (int i = 0; i < 50; ++i) stage.note("r", "refused");
    CHECK(stage.names(100) == "r r r ");
    for (int i = 0; i < 50; ++i) stage.note("c");
    CHECK(stage.tail(100).size() == 53);
    CHECK(stage.tail(50).front().at("missing") == 47);
    stage.clock.advance(10s);
    stage.note("later", "refused");
    CHECK(stage.names(1) == "later ");
}

TEST_CASE("a link in the place of the audit log is not followed", "[access]") {
    Stage stage;
    const auto target = stage.directory.path() + "/target";
    std::ofstream(target) << "";
    std::filesystem::create_symlink(target, stage.path);
    stage.note("a");
    CHECK(std::filesystem::file_size(target) == 0);
}
