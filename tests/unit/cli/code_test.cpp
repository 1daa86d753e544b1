// SPDX-License-Identifier: Apache-2.0
#include "cli/code.h"

#include "complaints.h"
#include "folder.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

#include "cli/code_id.h"
#include "cli/ignore.h"
#include "cli/upload.h"

using namespace shallop;
using cli::Code;
namespace fs = std::filesystem;

namespace {

cli::IgnoreList ignoring(std::string_view lines) {
    cli::IgnoreList list;
    REQUIRE(list.add(lines, "f"));
    return list;
}

Code read(const std::string& place, const cli::CodeLimits& limits = {}) {
    auto code = cli::read_code(place, limits);
    REQUIRE(code);
    return *code;
}

std::string refused(const std::string& place, const cli::CodeLimits& limits = {}) {
    const auto code = cli::read_code(place, limits);
    REQUIRE_FALSE(code);
    CHECK_FALSE(code.error().todo.empty());
    return code.error().what;
}

std::vector<std::string> paths(const Code& code) {
    std::vector<std::string> all;
    for (const auto& file : code.files) all.push_back(file.path);
    return all;
}

std::string sent(const Code& code) {
    const auto upload = cli::open_upload(code);
    REQUIRE(upload);
    std::string bytes(64 << 10, '\0');
    bytes.resize(std::fread(bytes.data(), 1, bytes.size(), upload->file.get()));
    return bytes;
}

void program(const std::string& place) { fs::permissions(place, fs::perms(0755)); }

}  // namespace

TEST_CASE("what no function needs is left out by itself", "[cli]") {
    const cli::IgnoreList list;
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

TEST_CASE("lines of .shallopignore mean what they mean to git", "[cli]") {
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

TEST_CASE("a line that is not understood is told with its number", "[cli]") {
    cli::IgnoreList list;
    const auto added = list.add("*.log\n!keep.log\n", "d/.shallopignore");
    REQUIRE_FALSE(added);
    CHECK(added.error().what.starts_with("d/.shallopignore:2: '!keep.log'"));
    CHECK_FALSE(list.add(std::string(300, 'x'), "f"));
    CHECK_FALSE(list.add("*a*a*a*a*a*a*a*a*a*a*b", "f"));
}

TEST_CASE("a folder's files are found in the order of their paths", "[cli]") {
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

TEST_CASE("what is neither a file nor a folder is refused by its name", "[cli]") {
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

TEST_CASE("an empty folder says how to begin", "[cli]") {
    const Folder folder;
    folder.file("shallop.yaml", "env: {}");
    const auto code = cli::read_code(folder.path);
    REQUIRE_FALSE(code);
    CHECK(code.error().todo.find("shallop init") != std::string::npos);
}

TEST_CASE("code has bounds, and what passes them is named", "[cli]") {
    const Folder folder;
    folder.file("a/b/c.py", "12345");
    folder.file("d.py", "12345");
    CHECK(refused(folder.path, {.files = 1}).find("more than 1 files") != std::string::npos);
    CHECK(refused(folder.path, {.bytes = 9}).find("more than 9") != std::string::npos);
    CHECK(refused(folder.path, {.depth = 2}).find("a/b/") != std::string::npos);
    CHECK(refused(folder.path, {.path = 7}).find("a/b/c.py") != std::string::npos);
    CHECK(refused(folder / "d.py", {.upload = 4}).find("d.py is larger than 4") != std::string::npos);
    const auto packed = cli::open_upload(read(folder.path), {.upload = 100});
    REQUIRE_FALSE(packed);
    CHECK(packed.error().todo.find(".shallopignore") != std::string::npos);
}

TEST_CASE("the same content is packed into the same bytes", "[cli]") {
    const Folder one;
    const Folder other;
    one.file("main.py", "a");
    one.file("lib/é.py", "b");
    other.file("lib/é.py", "b");
    other.file("main.py", "a");
    fs::last_write_time(other / "main.py", fs::file_time_type(std::chrono::seconds(1'000'000)));
    fs::permissions(other / "main.py", fs::perms(0600));
    const auto bytes = sent(read(one.path));
    CHECK(bytes == sent(read(other.path)));
    CHECK(bytes.find("main.py") != std::string::npos);
    CHECK(bytes.substr(257, 5) == "ustar");
    program(other / "main.py");
    CHECK(bytes != sent(read(other.path)));
}

TEST_CASE("a folder that is too large as it is is compressed", "[cli]") {
    const Folder folder;
    folder.file("zeros", std::string(3 << 20, '\0'));
    const auto code = read(folder.path);
    CHECK(cli::open_upload(code)->type == "application/x-tar");
    const auto upload = cli::open_upload(code, {.upload = 2 << 20});
    REQUIRE(upload);
    CHECK(upload->type == "application/gzip");
    std::string start(2, '\0');
    REQUIRE(std::fread(start.data(), 1, 2, upload->file.get()) == 2);
    CHECK(start == "\x1f\x8b");
}

TEST_CASE("a folder's only folder is not taken for the code", "[cli]") {
    const Folder folder;
    folder.file("src/main.py");
    CHECK(sent(read(folder.path)).starts_with("code/src/main.py"));
    folder.file("other.py");
    CHECK(sent(read(folder.path)).starts_with("other.py"));
}

TEST_CASE("the id of code is that of its paths, contents and programs", "[cli]") {
    // printf 'lib\0d\nlib/run.sh\0x%s\nmain.py\0-%s\n' $(printf '#!/bin/sh\n' | sha256sum) $(printf a | sha256sum) | sha256sum
    const std::string id = "sha256:189d6f7499483468802488bd5a6262bd391037427d433a6145719ee8afad9108";
    const Folder folder;
    folder.file("main.py", "a");
    folder.file("lib/run.sh", "#!/bin/sh\n");
    CHECK(*cli::code_id(read(folder.path)) == id);
    program(folder / "lib/run.sh");
    CHECK(*cli::code_id(read(folder.path)) == id);
    const auto files = cli::inline_files(read(folder.path));
    REQUIRE(*files);
    CHECK(cli::code_id({{"source", {{"files", **files}}}}) == id);
    CHECK(cli::code_id({{"source", {{"code", id}}}}) == id);
    program(folder / "main.py");
    CHECK(*cli::code_id(read(folder.path)) != id);
    CHECK_FALSE(*cli::inline_files(read(folder.path)));
    CHECK(cli::code_id(read(folder.file("a.zip")))->empty());
    for (const auto* none : {R"({})", R"({"source":null})", R"({"source":{}})", R"({"source":{"files":{"a":1}}})"}) {
        CHECK(cli::code_id(nlohmann::ordered_json::parse(none)).empty());
    }
}

TEST_CASE("a file is sent with its name, an archive with its type", "[cli]") {
    const Folder folder;
    const auto file = read(folder.file("hello.py", "print(1)"));
    const auto upload = cli::open_upload(file);
    REQUIRE(upload);
    CHECK(upload->file_name == "hello.py");
    CHECK(sent(file) == "print(1)");
    for (const auto& [name, type] : {std::pair{"a.zip", "application/zip"},
                                     {"a.tgz", "application/gzip"},
                                     {"a.tar.gz", "application/gzip"},
                                     {"a.tar", "application/x-tar"},
                                     {"a.tar.xz", "application/x-tar"}}) {
        const auto archive = cli::open_upload(read(folder.file(name)));
        REQUIRE(archive);
        CHECK(archive->type == type);
        CHECK(archive->file_name.empty());
    }
}

TEST_CASE("texts go into a resource, programs and bytes do not", "[cli]") {
    const Folder folder;
    folder.file("main.py", "é");
    auto files = cli::inline_files(read(folder.path));
    REQUIRE(files);
    REQUIRE(*files);
    CHECK(**files == nlohmann::ordered_json{{"main.py", "é"}});
    for (const auto& content : {std::string("a\0b", 3), std::string("\xff"), std::string(300 << 10, 'x')}) {
        folder.file("data", content);
        CHECK_FALSE(*cli::inline_files(read(folder.path)));
    }
    program(folder.file("data", "text"));
    CHECK_FALSE(*cli::inline_files(read(folder.path)));
    CHECK(*cli::inline_files(read(folder / "data")));
}
