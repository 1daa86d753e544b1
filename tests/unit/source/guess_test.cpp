// SPDX-License-Identifier: Apache-2.0
#include <shallop/source/guess.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>

using namespace shallop;
using Catch::Matchers::ContainsSubstring;

namespace {

using Files = std::vector<std::string>;

base::Result<source::Guess> guess(Files files, std::string_view runtime = "", std::string_view entry = "") {
    std::sort(files.begin(), files.end());
    return source::guess(files, runtime, entry);
}

/// "python main.py"
std::string guessed(const Files& files, std::string_view runtime = "", std::string_view entry = "") {
    const auto found = guess(files, runtime, entry);
    return found ? found->runtime + " " + found->entry : found.error().detail;
}

}  // namespace

TEST_CASE("each runtime's usual names are found, the first of them wins", "[source]") {
    CHECK(guessed({"main.py"}) == "python main.py");
    CHECK(guessed({"app.py", "handler.py", "main.py"}) == "python main.py");
    CHECK(guessed({"app.py", "lib/main.py", "util.py"}) == "python app.py");
    CHECK(guessed({"index.js", "server.js"}) == "node index.js");
    CHECK(guessed({"index.mjs", "index.js"}) == "node index.mjs");
    CHECK(guessed({"index.php", "about.php"}) == "php index.php");
    CHECK(guessed({"lib.php", "public/index.php"}) == "php public/index.php");
    CHECK(guessed({"config.ru", "app.rb"}) == "ruby config.ru");
    CHECK(guessed({"app.psgi", "main.pl"}) == "perl app.psgi");
    CHECK(guessed({"run.sh", "data.txt"}) == "bash run.sh");
    CHECK(guessed({"main", "data.txt"}) == "static main");
}

TEST_CASE("the only file of a kind at the top is the entry", "[source]") {
    CHECK(guessed({"hello.py"}) == "python hello.py");
    CHECK(guessed({"hello.cjs", "README.md"}) == "node hello.cjs");
    CHECK(guessed({"thing.rb", "lib/one.rb", "lib/two.rb"}) == "ruby thing.rb");
    CHECK(guessed({"x.sh"}) == "bash x.sh");
}

TEST_CASE("a usual name outweighs files that are only of some kind", "[source]") {
    CHECK(guessed({"main.py", "install.sh"}) == "python main.py");
    CHECK(guessed({"index.js", "setup.py", "tool.pl"}) == "node index.js");
    CHECK(guessed({"app.py", "package.json"}) == "python app.py");
    CHECK(guessed({"main.py", "main"}) == "python main.py");
}

TEST_CASE("node finds its entry in package.json, php by the path", "[source]") {
    CHECK(guessed({"package.json", "src/server.js"}) == "node ");
    CHECK(guessed({"package.json", "a.js", "b.js"}) == "node ");
    CHECK(guessed({"package.json", "index.js"}) == "node index.js");
    CHECK(guessed({"a.php", "b.php"}) == "php ");
    CHECK(guessed({"package.json", "src/server.js"}, "node") == "node ");
}

TEST_CASE("a runtime that is given decides", "[source]") {
    CHECK(guessed({"main.py", "index.js"}, "node") == "node index.js");
    CHECK(guessed({"main.py", "index.js"}, "python") == "python main.py");
    CHECK(guessed({"hello"}, "static") == "static hello");
    CHECK(guessed({"script"}, "python") == "python script");
    CHECK(guessed({"a.lua", "b.lua"}, "lua") == "lua ");
    CHECK(guessed({"a.lua", "b.lua"}, "lua", "b.lua") == "lua b.lua");
}

TEST_CASE("an entry that is given decides", "[source]") {
    CHECK(guessed({"main.py", "index.js"}, "", "index.js") == "node index.js");
    CHECK(guessed({"web/site.rb", "main.py"}, "", "web/site.rb") == "ruby web/site.rb");
    CHECK(guessed({"web/site.rb", "main.py"}, "", "./web/site.rb") == "ruby web/site.rb");
    CHECK(guessed({"main", "main.py"}, "", "main") == "static main");
}

TEST_CASE("an entry that is none of the files is refused, and the files are named", "[source]") {
    const auto found = guess({"app.py", "b.py"}, "python", "main.py");
    REQUIRE(!found);
    CHECK(found.error().fault == base::Fault::invalid);
    CHECK_THAT(found.error().detail, ContainsSubstring("'main.py'") && ContainsSubstring("'app.py', 'b.py'"));
}

TEST_CASE("two runtimes that fit are both named", "[source]") {
    const auto found = guess({"index.js", "main.py"});
    REQUIRE(!found);
    CHECK_THAT(found.error().detail, ContainsSubstring("'main.py' by python") &&
                                         ContainsSubstring("'index.js' by node") &&
                                         ContainsSubstring("give \"runtime\""));
    CHECK(!guess({"one.py", "one.sh"}));
}

TEST_CASE("where several files could be the one to run they are named, with what to write", "[source]") {
    for (const auto* runtime : {"", "python"}) {
        const auto found = guess({"a.py", "b.py", "notes.txt"}, runtime);
        REQUIRE(!found);
        CHECK_THAT(found.error().detail, ContainsSubstring("'a.py', 'b.py'") && ContainsSubstring("\"entry\"") &&
                                             ContainsSubstring("--entry 'a.py'") && ContainsSubstring("main.py"));
    }
}

TEST_CASE("files of no runtime are refused with what was seen and what to give", "[source]") {
    Files files;
    for (int n = 10; n < 40; ++n) files.push_back("data" + std::to_string(n) + ".txt");
    const auto found = guess(files);
    REQUIRE(!found);
    CHECK_THAT(found.error().detail, ContainsSubstring("'data10.txt'") && ContainsSubstring("and 22 more") &&
                                         ContainsSubstring("\"runtime\"") && ContainsSubstring("\"entry\""));
    CHECK_THAT(guess({"lib/a.py", "data.txt"}, "python").error().detail, ContainsSubstring("main.py, app.py"));
    CHECK(!guess({}));
}

TEST_CASE("a runtime has files of its kind, or it has not", "[source]") {
    CHECK(source::has_files_of("python", {"lib/a.py", "x.js"}));
    CHECK_FALSE(source::has_files_of("python", {"hello.js"}));
    CHECK(source::has_files_of("static", {"main"}));
    CHECK_FALSE(source::has_files_of("static", {"hello.py"}));
    CHECK(source::has_files_of("of-my-own", {"whatever"}));
}
