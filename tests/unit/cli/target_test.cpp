// SPDX-License-Identifier: Apache-2.0
#include "cli/target.h"

#include "support/complaints.h"
#include "support/folder.h"

#include <catch2/catch_test_macros.hpp>

#include "cli/init.h"
#include "cli/manifest.h"
#include "cli/starters.h"

using namespace shallop;

namespace {

cli::Target target(const std::vector<std::string>& words, bool image = false) {
    const auto found = cli::target_from(words, image);
    REQUIRE(found);
    return *found;
}

cli::Complaint refused(const std::vector<std::string>& words, bool image = false) {
    const auto found = cli::target_from(words, image);
    REQUIRE_FALSE(found);
    return found.error();
}

std::string name_of(const std::string& place) {
    const auto name = cli::lawful_name(place);
    return name ? *name : "refused: " + name.error().what;
}

}  // namespace

TEST_CASE("one word is a place where there is one, else a name", "[cli]") {
    const Folder folder;
    const auto file = folder.file("hello.py");
    CHECK(target({file}).place == file);
    CHECK(target({file}).name.empty());
    CHECK(target({folder.path}).place == folder.path);
    CHECK(target({"shop", file}).name == "shop");
    CHECK(target({"shop", file}).place == file);
    CHECK(target({"shop"}, true).name == "shop");
    CHECK(target({"shop"}, true).place.empty());
    CHECK(target({file}, true).place == file);
}

TEST_CASE("a place that is not there is told, with the one that was meant", "[cli]") {
    const Folder folder;
    folder.file("hello.py");
    CHECK(refused({folder / "helo.py"}).what.find("helo.py") != std::string::npos);
    CHECK(refused({folder / "helo.py"}).todo.find("hello.py?") != std::string::npos);
    CHECK(refused({folder / "hello"}).todo.find("hello.py?") != std::string::npos);
    CHECK(refused({"shop", folder / "x/y.py"}).what.find("x/y.py") != std::string::npos);
}

TEST_CASE("a name alone says what is missing", "[cli]") {
    const auto complaint = refused({"surely-nothing-here"});
    CHECK(complaint.status == 2);
    CHECK(complaint.what.find("--image") != std::string::npos);
    CHECK(complaint.todo.find("shallop deploy surely-nothing-here ") != std::string::npos);
}

TEST_CASE("manifests, words in the wrong order and one too many are wrong usage", "[cli]") {
    const Folder folder;
    const auto file = folder.file("hello.py");
    CHECK(refused({"f.yaml"}, true).todo.find("apply -f f.yaml") != std::string::npos);
    CHECK(refused({file, "shop"}).todo == "use: shallop deploy shop " + file);
    CHECK(refused({"a", "b", "c"}).what.find("'c'") != std::string::npos);
}

TEST_CASE("a function is named after its file or folder, lawfully", "[cli]") {
    const Folder folder;
    CHECK(name_of(folder.file("Hello_World.py")) == "hello-world");
    CHECK(name_of(folder.file("a.b.py")) == "a-b");
    CHECK(name_of(folder.file("[id].js")) == "id");
    CHECK(name_of(folder.file("site.tar.gz")) == "site");
    CHECK(name_of(folder.file("grün.py")) == "gr-n");
    CHECK(name_of(folder.file(std::string(80, 'x') + ".py")) == std::string(63, 'x'));
    folder.file("My Shop.v2/main.py");
    CHECK(name_of(folder / "My Shop.v2") == "my-shop-v2");
    CHECK(name_of(folder / "My Shop.v2/") == "my-shop-v2");
    CHECK(name_of(folder / "My Shop.v2/.") == "my-shop-v2");
    CHECK(name_of(folder.file("___.py")).starts_with("refused"));
    CHECK(name_of("/").starts_with("refused"));
}

TEST_CASE("a starter is written once, in every language, and says how to go on", "[cli]") {
    const Folder folder;
    for (const auto& starter : cli::starters()) {
        const std::string language(starter.language);
        INFO(language);
        const auto written = cli::write_starter(language, folder / language);
        REQUIRE(written);
        CHECK(written->size() == 3);
        const auto manifest = folder::read_folder_manifest(folder / language);
        REQUIRE(manifest);
        CHECK(manifest->at("source").at("runtime") == language);
        CHECK(std::filesystem::exists(folder / language + "/" + manifest->at("source").at("entry").get<std::string>()));
        const auto again = cli::write_starter(language, folder / language);
        REQUIRE_FALSE(again);
        CHECK(again.error().what.find("is there already") != std::string::npos);
    }
    REQUIRE_FALSE(cli::write_starter("pyton", folder / "x"));
    CHECK(cli::write_starter("pyton", folder / "x").error().todo.find("python") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(folder / "x"));
}
