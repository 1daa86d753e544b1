// SPDX-License-Identifier: Apache-2.0
#include "build/asks.h"
#include "build/contexts.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace shallop;
using Catch::Matchers::ContainsSubstring;
using Files = std::vector<std::string>;

TEST_CASE("each language has a file that asks for packages, and files that say it exactly", "[build]") {
    CHECK(build::package_files("python", {"main.py", "requirements.txt"}) == Files{"requirements.txt"});
    CHECK(build::package_files("node", {"index.js", "package-lock.json", "package.json"}) ==
          Files{"package.json", "package-lock.json"});
    CHECK(build::package_files("php", {"composer.json", "composer.lock", "index.php"}) ==
          Files{"composer.json", "composer.lock"});
    CHECK(build::package_files("ruby", {"Gemfile", "Gemfile.lock", "main.rb"}) == Files{"Gemfile", "Gemfile.lock"});
}

TEST_CASE("another language's file, one in a folder and packages that are brought along ask for nothing", "[build]") {
    CHECK(build::package_files("python", {"main.py", "package.json"}).empty());
    CHECK(build::package_files("python", {"docs/requirements.txt", "main.py"}).empty());
    CHECK(build::package_files("node", {"index.js", "node_modules/x/index.js", "package.json"}).empty());
    CHECK(build::package_files("php", {"composer.json", "vendor/autoload.php"}).empty());
    CHECK(build::package_files("ruby", {"Gemfile", "vendor/bundle/x.rb"}).empty());
    CHECK(build::package_files("ruby", {"Gemfile", "vendor/x.rb"}) == Files{"Gemfile"});
    CHECK(build::package_files("bash", {"main.sh", "requirements.txt"}).empty());
    CHECK(build::package_files("of-my-own", {"requirements.txt"}).empty());
}

TEST_CASE("a file that is there for its name alone asks for nothing", "[build]") {
    CHECK_FALSE(build::asks_for_packages("package.json", R"({"name": "x", "devDependencies": {"a": "1"}})"));
    CHECK_FALSE(build::asks_for_packages("package.json", R"({"dependencies": {}})"));
    CHECK(build::asks_for_packages("package.json", R"({"dependencies": {"a": "1"}})"));
    CHECK(build::asks_for_packages("composer.json", R"({"require": {"a/b": "1"}})"));
    CHECK(build::asks_for_packages("package.json", "{broken"));  // its manager says how
    CHECK_FALSE(build::asks_for_packages("requirements.txt", "# none\n\n   \n"));
    CHECK(build::asks_for_packages("requirements.txt", "# one\nflask\n"));
}

TEST_CASE("what names other files of the code depends on all of it", "[build]") {
    for (const auto* line :
         {"-r base.txt", "-rbase.txt", "--requirement=base.txt", "-cbounds.txt", "-e .", "-e lib", ".", ".[extra]",
          "./vendor/thing", "libs/mylib", "  vendor/thing.whl", "thing.tar.gz", "thing.zip",
          "thing @ file:///code/thing", "--find-links wheels", "-fwheels", "flask\nlibs/mylib  # ours"}) {
        INFO(line);
        CHECK(build::names_other_files("requirements.txt", line + std::string("\n")));
    }
    for (const auto* line :
         {"flask==3.0", "# libs/mylib", "flask  # as in libs/mylib", "flask[async]>=3; python_version > '3.9'",
          "thing @ https://example.org/thing-1.0.whl", "--index-url https://example.org/simple/",
          "git+https://example.org/thing.git", "flask --hash=sha256:00"}) {
        INFO(line);
        CHECK_FALSE(build::names_other_files("requirements.txt", line + std::string("\n")));
    }
    CHECK(build::names_other_files("package.json", R"({"dependencies": {"a": "file:../a"}})"));
    CHECK_FALSE(build::names_other_files("package.json", R"({"dependencies": {"a": "^1.0.0"}})"));
}

TEST_CASE("the reason is the line that says what was wrong, and a way out without a network", "[build]") {
    CHECK(build::reason_of("Collecting x\nERROR: No matching distribution found for x\nWARNING: new pip\n") ==
          "ERROR: No matching distribution found for x");
    CHECK(build::reason_of("one\ntwo\n\n") == "two");
    CHECK_THAT(build::reason_of("npm ERR! code EAI_AGAIN\nnpm ERR! errno EAI_AGAIN\n"),
               ContainsSubstring("--build-network"));
    CHECK_THAT(build::reason_of(""), ContainsSubstring("does not say"));
    CHECK(build::reason_of(std::string(10'000, 'x')).size() <= 300);
}

TEST_CASE("the runtimes are in the program, each with its Dockerfile", "[build]") {
    for (const auto* const name : {"python", "node", "php", "ruby", "perl", "bash", "static", "python-packages",
                                   "node-packages", "php-packages", "ruby-packages"}) {
        INFO(name);
        const auto context = build::context_of(name);
        REQUIRE(context.size() > 1024);
        CHECK(context.size() % 512 == 0);
        CHECK(context.find("Dockerfile") != context.npos);
        CHECK(context.find("FROM ") != context.npos);
    }
    CHECK(build::context_of("cobol").empty());
    CHECK(build::context_of("").empty());
}
