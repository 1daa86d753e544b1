// SPDX-License-Identifier: Apache-2.0
#include "cli/function_folder.h"

#include "folder.h"

#include <catch2/catch_test_macros.hpp>

#include <poll.h>

#include <map>

#include "cli/log_lines.h"
#include "cli/watcher.h"

using namespace shallop;

namespace {

using Routes = std::map<std::string, std::string>;

Routes routes(const Folder& folder) {
    Routes all;
    for (const auto& one : cli::functions_in(folder.path).functions) all[one.path] = one.name + " " + one.route;
    return all;
}

bool readable(const cli::Watcher& watcher) {
    pollfd waiting{watcher.descriptor(), POLLIN, 0};
    constexpr int long_ms = 5000;
    return ::poll(&waiting, 1, long_ms) == 1;
}

}  // namespace

TEST_CASE("a file's path is its function's route", "[cli]") {
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

TEST_CASE("a folder with a program in it is one function", "[cli]") {
    const Folder folder;
    folder.file("a/main.py");
    folder.file("a/more.py");
    folder.file("b/package.json");
    folder.file("c/shallop.yaml");
    folder.file("d/lib/app.js");
    CHECK(routes(folder) == Routes{{"a", "a /a/*"}, {"b", "b /b/*"}, {"c", "c /c/*"}, {"d/lib", "d-lib /d/lib/*"}});
}

TEST_CASE("two files with one route or one name are told, and the first has it", "[cli]") {
    const Folder folder;
    folder.file("hello.js");
    folder.file("hello.py");
    folder.file("a_b.py");
    folder.file("a-b.py");
    folder.file("web/Dockerfile");
    const auto found = cli::functions_in(folder.path);
    CHECK(found.functions.size() == 2);
    REQUIRE(found.complaints.size() == 3);
    CHECK(found.complaints[0].what == "a_b.py and a-b.py would have the same name a-b");
    CHECK(found.complaints[1].what == "hello.py and hello.js would have the same route /hello/*");
    CHECK(found.complaints[2].what.starts_with("web has a Dockerfile"));
}

TEST_CASE("a change in a folder, or in one that came later, is told", "[cli]") {
    const Folder folder;
    auto watcher = cli::Watcher::open(folder.path);
    REQUIRE(watcher.has_value());
    folder.file("a.py");
    CHECK(readable(*watcher));
    folder.file("sub/deep/b.py");
    REQUIRE(watcher->rearm().has_value());
    folder.file("sub/deep/b.py", "y");
    CHECK(readable(*watcher));
    REQUIRE(watcher->rearm().has_value());
    std::filesystem::remove(folder / "sub/deep/b.py");
    CHECK(readable(*watcher));
    CHECK_FALSE(cli::Watcher::open(folder / "nothing").has_value());
    CHECK_FALSE(cli::Watcher::open(folder / "a.py").has_value());
}

TEST_CASE("a stream of log lines is cut where they end, wherever it was cut before", "[cli]") {
    std::vector<std::string> lines;
    cli::LogLines cutter([&](std::string_view line) { lines.emplace_back(line); });
    for (const auto* piece : {"a", "b\nc", "\n\nd"}) cutter.add(piece);
    CHECK(lines == std::vector<std::string>{"ab", "c", ""});
}

TEST_CASE("a log line is printable, whatever it is", "[cli]") {
    const auto line = cli::log_line(R"({"time":"t","invocation":null,"text":"\u001b[2J"})");
    CHECK(line.time == "t");
    CHECK(line.invocation == "-");
    CHECK(line.text == "\\x1b[2J");
    for (const auto* nonsense : {"", "[]", "{", "{\"text\":5}"}) CHECK(cli::log_line(nonsense).text.empty());
}
