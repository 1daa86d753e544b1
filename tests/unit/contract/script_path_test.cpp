// SPDX-License-Identifier: Apache-2.0
#include "contract/script_path.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;

namespace {

/// "script info"
std::string found(std::string_view path, std::string_view index = "index.php") {
    const auto at = contract::find_script(path, index);
    return at.script + " " + at.path_info;
}

}  // namespace

TEST_CASE("a path that ends in a script is that script", "[contract][fcgi]") {
    CHECK(found("/a.php") == "/a.php ");
    CHECK(found("/blog/post.php") == "/blog/post.php ");
    CHECK(found("/index.php") == "/index.php ");
}

TEST_CASE("what is behind a script is its path info", "[contract][fcgi]") {
    CHECK(found("/a.php/") == "/a.php /");
    CHECK(found("/a.php/b/c") == "/a.php /b/c");
    CHECK(found("/a.php//b") == "/a.php //b");
}

TEST_CASE("the longest start of a path is its script", "[contract][fcgi]") {
    CHECK(found("/a.php/b.php/c") == "/a.php/b.php /c");
    CHECK(found("/upload.jpg/x.php") == "/upload.jpg/x.php ");
}

TEST_CASE("a path without a script is the front controller's", "[contract][fcgi]") {
    CHECK(found("/") == "/index.php /");
    CHECK(found("") == "/index.php ");
    CHECK(found("/users/7") == "/index.php /users/7");
    CHECK(found("/admin/") == "/index.php /admin/");
    CHECK(found("/a.php5") == "/index.php /a.php5");
    CHECK(found("/a.PHP") == "/index.php /a.PHP");
    CHECK(found("/aphp") == "/index.php /aphp");
    CHECK(found("//") == "/index.php //");
}

TEST_CASE("the index says where the front controller is, and what a script's name ends in", "[contract][fcgi]") {
    CHECK(found("/users", "public/index.php") == "/public/index.php /users");
    CHECK(found("/hello.cgi/x", "main.cgi") == "/hello.cgi /x");
    CHECK(found("/hello.php", "main.cgi") == "/main.cgi /hello.php");
    CHECK(found("/a.php", "app") == "/app /a.php");
    CHECK(found("/a.", "app.") == "/app. /a.");
    CHECK(found("/b", "v1.0/app") == "/v1.0/app /b");
}
