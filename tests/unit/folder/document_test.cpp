// SPDX-License-Identifier: Apache-2.0
#include <shallop/folder/document.h>
#include <shallop/folder/source_function.h>

#include "support/complaints.h"
#include "support/folder.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;

TEST_CASE("beside code a manifest needs no name, and is of one function", "[folder]") {
    const Folder folder;
    CHECK(folder::read_folder_manifest(folder.path)->is_null());
    folder.file("shallop.yaml", "env: {A: b}");
    CHECK(folder::read_folder_manifest(folder.path)->at("env").at("A") == "b");
    folder.file("shallop.yaml", "functions: {}");
    REQUIRE_FALSE(folder::read_folder_manifest(folder.path));
    CHECK(folder::read_folder_manifest(folder.path).error().todo.find("apply -f") != std::string::npos);
    for (const auto* broken : {"a: [", "[]", "a: 1\na: 2", ""}) {
        folder.file("shallop.yaml", broken);
        REQUIRE_FALSE(folder::read_folder_manifest(folder.path));
        CHECK(folder::read_folder_manifest(folder.path).error().what.find("/shallop.yaml") != std::string::npos);
    }
}

TEST_CASE("a document that begins with a comma is refused, and read to an end", "[folder]") {
    for (const auto* text : {",", "\t\n,", "a: b\n---\n,", "{a: b},"}) {
        INFO(text);
        CHECK_FALSE(folder::parse_documents(text, "f"));
    }
}

TEST_CASE("a placed function has its place's route unless its settings name others", "[folder]") {
    const Folder folder;
    folder.file("a/main.py");
    const folder::PlacedFunction placed{"a", folder / "a", "a", "/a/*", false};
    const auto plain = folder::source_function_of(placed);
    REQUIRE(plain);
    CHECK(plain->settings.dump() == R"({"routes":[{"path":"/a/*"}]})");
    CHECK(plain->code.files.size() == 1);
    folder.file("a/shallop.yaml", "name: other\nroutes: [{path: /b}]\nsource: {handler: h}\nenv: {A: b}");
    const auto told = folder::source_function_of(placed);
    REQUIRE(told);
    CHECK(told->name == "a");
    CHECK(told->settings.dump() == R"({"routes":[{"path":"/b"}],"env":{"A":"b"}})");
    CHECK(told->source.dump() == R"({"handler":"h"})");
    for (const auto* wrong :
         {"source: text", "source: {path: 5}", "source: {path: ., code: x}", "source: {path: none}"}) {
        INFO(wrong);
        folder.file("a/shallop.yaml", wrong);
        CHECK_FALSE(folder::source_function_of(placed));
    }
}

TEST_CASE("a folder with a Dockerfile has settings, and no runtime or image beside what is built", "[folder]") {
    const Folder folder;
    folder.file("a/Dockerfile", "FROM scratch\n");
    const folder::PlacedFunction placed{"a", folder / "a", "a", "/a/*", true};
    const auto plain = folder::source_function_of(placed);
    REQUIRE(plain);
    CHECK(plain->source.dump() == R"({"runtime":"dockerfile"})");
    CHECK(plain->settings.dump() == R"({"routes":[{"path":"/a/*"}]})");
    CHECK(plain->code.files.size() == 1);
    folder.file("a/shallop.yaml", "env: {A: b}\n");
    CHECK(folder::source_function_of(placed)->settings.at("env").at("A") == "b");
    for (const auto* wrong : {"source: {runtime: python}", "image: debian"}) {
        folder.file("a/shallop.yaml", wrong);
        CHECK_FALSE(folder::source_function_of(placed));
    }
}
