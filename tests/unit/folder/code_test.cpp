// SPDX-License-Identifier: Apache-2.0
#include <shallop/folder/code.h>
#include <shallop/folder/code_id.h>

#include "support/complaints.h"
#include "support/folder.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

#include "folder/ignore.h"

using namespace shallop;
using folder::Code;
namespace fs = std::filesystem;

namespace {

folder::IgnoreList ignoring(std::string_view lines) {
    folder::IgnoreList list;
    REQUIRE(list.add(lines, "f"));
    return list;
}

Code read(const std::string& place, const folder::CodeLimits& limits = {}) {
    auto code = folder::read_code(place, limits);
    REQUIRE(code);
    return *code;
}

std::string refused(const std::string& place, const folder::CodeLimits& limits = {}) {
    const auto code = folder::read_code(place, limits);
    REQUIRE_FALSE(code);
    CHECK_FALSE(code.error().todo.empty());
    return code.error().what;
}

std::vector<std::string> paths(const Code& code) {
    std::vector<std::string> all;
    for (const auto& file : code.files) all.push_back(file.path);
    return all;
}

void program(const std::string& place) { fs::permissions(place, fs::perms(0755)); }

}  // namespace

TEST_CASE("what no function needs is left out by itself", "[folder]") {
    const folder::IgnoreList list;
    for (const auto* folder : {".git", "a/.git", "__pycache__", "lib/__pycache__", ".venv", "node_modules/.cache",
                               "web/node_modules/.bin"}) {
        INFO(folder);
        CHECK(list.leaves_out(folder, true));
    }
    CHECK(list.leaves_out("lib/x.pyc", false));
    CHECK(list.leaves_out("shallop.yaml", false));
    CHECK(list.leaves_out(".shallopignore", false));
    for (const auto* file : {"main.py", ".gitignore", "lib/shallop.yaml", "node_modules/a/index.js", "x.pyco"}) {
        INFO(file);
        CHECK_FALSE(list.leaves_out(file, false));
    }
}

TEST_CASE("lines of .shallopignore mean what they mean to git", "[folder]") {
    const auto list = ignoring("# comment\n\n*.log\n/build\r\ntmp/\nweb/dist\n**/deep/x\ndata/*.csv\n");
    CHECK(list.leaves_out("a/b/c.log", false));
    CHECK(list.leaves_out("build", true));
    CHECK_FALSE(list.leaves_out("a/build", true));
    CHECK(list.leaves_out("a/tmp", true));
    CHECK_FALSE(list.leaves_out("a/tmp", false));
    CHECK(list.leaves_out("web/dist", true));
    CHECK_FALSE(list.leaves_out("a/web/dist", true));
    CHECK(list.leaves_out("a/b/deep/x", false));
    CHECK(list.leaves_out("deep/x", false));
    CHECK(list.leaves_out("data/a.csv", false));
    CHECK_FALSE(list.leaves_out("data/old/a.csv", false));
}

TEST_CASE("a line that is not understood is told with its number", "[folder]") {
    folder::IgnoreList list;
    const auto added = list.add("*.log\n!keep.log\n", "d/.shallopignore");
    REQUIRE_FALSE(added);
    CHECK(added.error().what.starts_with("d/.shallopignore:2: '!keep.log'"));
    CHECK_FALSE(list.add(std::string(300, 'x'), "f"));
    CHECK_FALSE(list.add("*a*a*a*a*a*a*a*a*a*a*b", "f"));
}

TEST_CASE("a folder's files are found in the order of their paths", "[folder]") {
    const Folder folder;
    folder.file("main.py", "print(1)");
    folder.file("lib/b.py", "b");
    folder.file("lib.py", "c");
    program(folder.file("run.sh", "#!/bin/sh"));
    folder.file("shallop.yaml", "env: {}");
    folder.file("old/x.py");
    folder.file(".shallopignore", "old/\n");
    const auto code = read(folder.path + "/");
    CHECK(code.form == Code::Form::folder);
    CHECK(paths(code) == std::vector<std::string>{"lib.py", "lib/b.py", "main.py", "run.sh"});
    CHECK(code.files[3].executable);
    CHECK_FALSE(code.files[2].executable);
    CHECK(code.bytes == 8 + 1 + 1 + 9);
}

TEST_CASE("what is neither a file nor a folder is refused by its name", "[folder]") {
    const Folder folder;
    folder.file("main.py");
    fs::create_symlink("main.py", folder / "link.py");
    CHECK(refused(folder.path).find("/link.py is a symbolic link") != std::string::npos);
    fs::remove(folder / "link.py");
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    CHECK(refused(folder.path).find("/pipe is neither") != std::string::npos);
    folder.file(".shallopignore", "pipe");
    CHECK(read(folder.path).files.size() == 1);
    CHECK(refused("/nonexistent/x.py").find("/nonexistent/x.py") != std::string::npos);
}

TEST_CASE("an empty folder says how to begin", "[folder]") {
    const Folder folder;
    folder.file("shallop.yaml", "env: {}");
    const auto code = folder::read_code(folder.path);
    REQUIRE_FALSE(code);
    CHECK(code.error().todo.find("shallop init") != std::string::npos);
}

TEST_CASE("code has bounds, and what passes them is named", "[folder]") {
    const Folder folder;
    folder.file("a/b/c.py", "12345");
    folder.file("d.py", "12345");
    CHECK(refused(folder.path, {.files = 1}).find("more than 1 files") != std::string::npos);
    CHECK(refused(folder.path, {.bytes = 9}).find("more than 9") != std::string::npos);
    CHECK(refused(folder.path, {.depth = 2}).find("a/b/") != std::string::npos);
    CHECK(refused(folder.path, {.path = 7}).find("a/b/c.py") != std::string::npos);
    CHECK(refused(folder / "d.py", {.upload = 4}).find("d.py is larger than 4") != std::string::npos);
}

TEST_CASE("the id of code is that of its paths, contents and programs", "[folder]") {
    // printf 'lib\0d\nlib/run.sh\0x%s\nmain.py\0-%s\n' $(printf '#!/bin/sh\n' | sha256sum) $(printf a | sha256sum) | sha256sum
    const std::string id = "sha256:189d6f7499483468802488bd5a6262bd391037427d433a6145719ee8afad9108";
    const Folder folder;
    folder.file("main.py", "a");
    folder.file("lib/run.sh", "#!/bin/sh\n");
    CHECK(*folder::code_id(read(folder.path)) == id);
    program(folder / "lib/run.sh");
    CHECK(*folder::code_id(read(folder.path)) == id);
    const nlohmann::ordered_json files{{"main.py", "a"}, {"lib/run.sh", "#!/bin/sh\n"}};
    CHECK(folder::code_id({{"source", {{"files", files}}}}) == id);
    CHECK(folder::code_id({{"source", {{"code", id}}}}) == id);
    program(folder / "main.py");
    CHECK(*folder::code_id(read(folder.path)) != id);
    CHECK(folder::code_id(read(folder.file("a.zip")))->empty());
    for (const auto* none : {R"({})", R"({"source":null})", R"({"source":{}})", R"({"source":{"files":{"a":1}}})"}) {
        CHECK(folder::code_id(nlohmann::ordered_json::parse(none)).empty());
    }
}

TEST_CASE("what an editor leaves for a moment is no code", "[folder]") {
    const folder::IgnoreList list;
    for (const auto* file :
         {"main.py~", ".main.py.swp", "lib/.a.py.swx", "4913", ".#main.py", "#main.py#", "a___jb_tmp___"}) {
        INFO(file);
        CHECK(list.leaves_out(file, false));
    }
    CHECK_FALSE(list.leaves_out("49130", false));
    CHECK_FALSE(list.leaves_out("swp", false));
}

TEST_CASE("the stamp of code changes with each file, and settles only after a while", "[folder]") {
    const Folder folder;
    folder.file("main.py", "a");
    const auto later = std::chrono::system_clock::now() + std::chrono::hours(1);
    const auto stamp = folder::code_stamp(read(folder.path), later);
    CHECK_FALSE(stamp.empty());
    CHECK(folder::code_stamp(read(folder.path), later) == stamp);
    CHECK(folder::code_stamp(read(folder.path), std::chrono::system_clock::now() - std::chrono::hours(1)).empty());
    program(folder / "main.py");
    const auto executable = folder::code_stamp(read(folder.path), later);
    CHECK(executable != stamp);
    folder.file("main.py", "ab");
    CHECK(folder::code_stamp(read(folder.path), later) != executable);
}
