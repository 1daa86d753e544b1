// SPDX-License-Identifier: Apache-2.0
#include "cli/upload.h"

#include "support/complaints.h"
#include "support/folder.h"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <filesystem>

using namespace shallop;
using cli::Code;
namespace fs = std::filesystem;

namespace {

Code read(const std::string& place) {
    auto code = folder::read_code(place);
    REQUIRE(code);
    return *code;
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

TEST_CASE("a folder that is too large also when it is packed says what to leave out", "[cli]") {
    const Folder folder;
    folder.file("a/b/c.py", "12345");
    folder.file("d.py", "12345");
    const auto packed = cli::open_upload(read(folder.path), {.upload = 100});
    REQUIRE_FALSE(packed);
    CHECK(packed.error().todo.find(".shallopignore") != std::string::npos);
}
