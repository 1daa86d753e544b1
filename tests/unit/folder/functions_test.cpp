// SPDX-License-Identifier: Apache-2.0
#include <shallop/folder/functions.h>

#include "support/complaints.h"
#include "support/folder.h"

#include <catch2/catch_test_macros.hpp>

#include <shallop/folder/code_id.h>
#include <shallop/folder/survey.h>

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <map>
#include <set>

using namespace shallop;

namespace {

using Routes = std::map<std::string, std::string>;

Routes routes(const Folder& folder) {
    Routes all;
    for (const auto& one : folder::functions_in(folder.path).functions) all[one.path] = one.name + " " + one.route;
    return all;
}

/// While it lives nobody, not even root, reads what its mode keeps from him.
class BoundByModes {
public:
    BoundByModes() {
        ::syscall(SYS_capget, &head_, before_.data());
        auto less = before_;
        less[0].effective &= ~(1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH);
        ::syscall(SYS_capset, &head_, less.data());
    }
    BoundByModes(const BoundByModes&) = delete;
    BoundByModes& operator=(const BoundByModes&) = delete;
    ~BoundByModes() { ::syscall(SYS_capset, &head_, before_.data()); }

private:
    __user_cap_header_struct head_{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> before_{};
};

}  // namespace

TEST_CASE("the functions of a folder that cannot be read stay as they are", "[folder]") {
    const Folder folder;
    folder.file("hello.py");
    folder.file("sub/users.py");
    std::filesystem::permissions(folder / "sub", std::filesystem::perms::none);
    folder::PlacedFunctions found;
    {
        const BoundByModes bound;
        found = folder::functions_in(folder.path);
    }
    std::filesystem::permissions(folder / "sub", std::filesystem::perms::owner_all);
    REQUIRE(found.functions.size() == 1);
    CHECK(found.functions[0].path == "hello.py");
    REQUIRE(found.complaints.size() == 1);
    CHECK(found.complaints[0].what.starts_with("cannot read the folder " + (folder / "sub")));
    CHECK(found.leaves("sub-users", "sub/users.py"));
    CHECK_FALSE(found.leaves("other", "other.py"));
}

TEST_CASE("a single file has the nearest _lib, and no folder that is a function has", "[folder]") {
    const Folder folder;
    for (const auto* name :
         {"hello.py", "_lib/a.py", "api/users.py", "api/v2/list.py", "api/v2/_lib/b.py", "shop/main.py"})
        folder.file(name);
    std::map<std::string, std::string> libs;
    for (const auto& one : folder::functions_in(folder.path).functions) libs[one.path] = one.lib;
    const std::map<std::string, std::string> expected{{"hello.py", folder / "_lib"},
                                                      {"api/users.py", folder / "_lib"},
                                                      {"api/v2/list.py", folder / "api/v2/_lib"},
                                                      {"shop", ""}};
    CHECK(libs == expected);
}

TEST_CASE("what is in _lib is of the code of each file that has it", "[folder]") {
    const Folder folder;
    folder.file("hello.py");
    folder.file("_lib/deep/a.py", "one");
    folder::Surveyor surveyor(folder.path, folder::Surveyor::Reach::confined);
    const auto first = surveyor.look();
    REQUIRE(first.functions.size() == 1);
    REQUIRE(first.functions[0].function);
    const auto& code = first.functions[0].function->code;
    REQUIRE(code.files.size() == 2);
    CHECK(code.files[0].path == "_lib/deep/a.py");
    CHECK(code.files[1].path == "hello.py");
    CHECK(first.functions[0].function->source.at("entry") == "hello.py");
    folder.file("_lib/deep/a.py", "two");
    CHECK(surveyor.look().functions[0].code != first.functions[0].code);
    std::filesystem::remove_all(folder / "_lib/deep");
    CHECK_FALSE(surveyor.look().functions[0].function->source.contains("entry"));
}

TEST_CASE("a file's path is its function's route", "[folder]") {
    const Folder folder;
    for (const auto* file : {"hello.py", "api/users.js", "api/index.mjs", "index.php", "[id].rb", "shop/[item]/x y.pl",
                             "_lib/a.py", ".hidden/b.py", "_c.py", "README.md", "node_modules/.cache/a.js"}) {
        folder.file(file);
    }
    CHECK(routes(folder) == Routes{{"hello.py", "hello /hello/*"},
                                   {"api/users.js", "api-users /api/users/*"},
                                   {"api/index.mjs", "api-index /api"},
                                   {"index.php", "index /"},
                                   {"[id].rb", "id /{id}"},
                                   {"shop/[item]/x y.pl", "shop-item-x-y /shop/{item}/x%20y/*"}});
}

TEST_CASE("a folder with a program in it is one function", "[folder]") {
    const Folder folder;
    folder.file("a/main.py");
    folder.file("a/more.py");
    folder.file("b/package.json");
    folder.file("c/shallop.yaml");
    folder.file("d/lib/app.js");
    CHECK(routes(folder) == Routes{{"a", "a /a/*"}, {"b", "b /b/*"}, {"c", "c /c/*"}, {"d/lib", "d-lib /d/lib/*"}});
}

TEST_CASE("two files with one route or one name are both told, and neither is a function", "[folder]") {
    const Folder folder;
    folder.file("hello.js");
    folder.file("hello.py");
    folder.file("a_b.py");
    folder.file("a-b.py");
    folder.file("[id].py");
    folder.file("[name].rb");
    folder.file("fine.py");
    const auto found = folder::functions_in(folder.path);
    REQUIRE(found.functions.size() == 1);
    CHECK(found.functions[0].name == "fine");
    REQUIRE(found.complaints.size() == 3);
    CHECK(found.complaints[0].what == "[name].rb and [id].py would have the same route /{name}");
    CHECK(found.complaints[1].what == "a_b.py and a-b.py would have the same name a-b");
    CHECK(found.complaints[2].what == "hello.py and hello.js would have the same route /hello/*");
    CHECK(found.held == std::set<std::string>{"a-b", "hello", "id", "name"});
    CHECK(found.leaves("hello", "hello.js"));
    CHECK_FALSE(found.leaves("gone", "gone.py"));
}

TEST_CASE("a folder with a Dockerfile is one function, of an image that is to be built", "[folder]") {
    const Folder folder;
    folder.file("web/Dockerfile");
    folder.file("web/main.py");
    const auto found = folder::functions_in(folder.path);
    REQUIRE(found.functions.size() == 1);
    CHECK(found.functions[0].dockerfile);
    CHECK(found.functions[0].route == "/web/*");
}

TEST_CASE("what an editor leaves for a moment is no function", "[folder]") {
    const Folder folder;
    for (const auto* file : {".hello.py.swp", "hello.py~", "4913", "#hello.py#", ".#hello.py"}) folder.file(file);
    CHECK(routes(folder).empty());
}

TEST_CASE("links are no functions", "[folder]") {
    const Folder folder, other;
    other.file("main.py");
    std::filesystem::create_symlink(other / "main.py", folder / "hello.py");
    std::filesystem::create_directory_symlink(other.path, folder / "program");
    CHECK(routes(folder).empty());
}

TEST_CASE("a folder that is not there leaves its functions as they are", "[folder]") {
    const Folder folder;
    const auto found = folder::functions_in(folder / "nothing");
    REQUIRE(found.complaints.size() == 1);
    CHECK(found.functions.empty());
    CHECK(found.leaves("hello", "hello.py"));
    CHECK_FALSE(folder::functions_in(folder.path).leaves("hello", "hello.py"));
}

TEST_CASE("what could not be read may still be there, and nothing else", "[folder]") {
    const folder::PlacedFunctions found{{}, {}, {}, {"shop"}};
    CHECK(found.leaves("shop", "shop"));
    CHECK(found.leaves("shop-item", "shop/item.py"));
    CHECK_FALSE(found.leaves("shopping", "shopping.py"));
}

TEST_CASE("a file of which nothing can be told is not taken for gone", "[folder]") {
    const Folder folder;
    folder.file("sub/users.py");
    const auto only_listed = std::filesystem::perms::owner_read;
    const auto look = [&](const std::string& place) {
        std::filesystem::permissions(place, only_listed);
        const BoundByModes bound;
        auto found = folder::functions_in(folder.path);
        std::filesystem::permissions(place, std::filesystem::perms::owner_all);
        return found;
    };
    const auto below = look(folder / "sub");
    CHECK(below.functions.empty());
    CHECK(below.complaints.size() == 1);
    CHECK(below.leaves("sub-users", "sub/users.py"));
    folder.file("hello.py");
    const auto top = look(folder.path);
    CHECK(top.functions.empty());
    CHECK(top.leaves("hello", "hello.py"));
    CHECK(top.leaves("sub-users", "sub/users.py"));
    CHECK_FALSE(top.leaves("other", "other.py"));
}

TEST_CASE("one function too many is told, and is not taken for gone", "[folder]") {
    const Folder folder;
    for (int number = 1000; number <= 2000; ++number) folder.file("f" + std::to_string(number) + ".py");
    const auto found = folder::functions_in(folder.path);
    CHECK(found.functions.size() == 1000);
    REQUIRE(found.complaints.size() == 1);
    CHECK(found.complaints[0].what == "f2000.py is one function too many");
    CHECK(found.leaves("f2000", "f2000.py"));
}

TEST_CASE("a survey tells again what changed, and only what may be read", "[folder]") {
    const Folder folder, other;
    folder.file("a.py", "one");
    folder.file("b/main.py", "b");
    folder::Surveyor surveyor(folder.path, folder::Surveyor::Reach::confined);
    const auto first = surveyor.look();
    REQUIRE(first.functions.size() == 2);
    CHECK(first.functions[0].code == *folder::code_id(first.functions[0].function->code));
    CHECK(surveyor.look().functions[0].seen == first.functions[0].seen);
    folder.file("a.py", "two");
    const auto second = surveyor.look();
    CHECK(second.functions[0].seen != first.functions[0].seen);
    CHECK(second.functions[1].seen == first.functions[1].seen);
    folder.file("b/shallop.yaml", "env: {A: b}");
    CHECK(surveyor.look().functions[1].seen != first.functions[1].seen);
    other.file("secret.py");
    std::filesystem::create_directory_symlink(other.path, folder / "b/link");
    for (const auto& path : {other / "secret.py", std::string("../../../../etc/hostname"), std::string("link")}) {
        folder.file("b/shallop.yaml", "source: {path: " + path + "}");
        CHECK_FALSE(surveyor.look().functions[1].function);
    }
    folder::Surveyor free(folder.path, folder::Surveyor::Reach::anywhere);
    folder.file("b/shallop.yaml", "source: {path: " + (other / "secret.py") + "}");
    CHECK(free.look().functions[1].function);
}
