// SPDX-License-Identifier: Apache-2.0
#include "docker/credentials.h"
#include "docker/event_cursor.h"
#include "docker/streams.h"
#include "docker/target.h"
#include "support/results.h"

#include <shallop/docker/curl_engine.h>
#include <shallop/docker/reference.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <nlohmann/json.hpp>

using namespace shallop;
using namespace shallop::docker;
using base::Fault;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::string digest = "sha256:" + std::string(64, 'a');

nlohmann::json header_of(const Credentials& credentials) {
    std::string text;
    REQUIRE(base64_decode(credentials.header, text));
    return nlohmann::json::parse(text);
}

}  // namespace

TEST_CASE("image references are normalised as docker pull does", "[docker]") {
    struct Case {
        std::string text, domain, path, tag, digest, familiar;
    };
    const std::vector<Case> cases{
        {"alpine", "docker.io", "library/alpine", "latest", "", "alpine:latest"},
        {"alpine:3.19", "docker.io", "library/alpine", "3.19", "", "alpine:3.19"},
        {"docker.io/alpine", "docker.io", "library/alpine", "latest", "", "alpine:latest"},
        {"docker.io/library/alpine", "docker.io", "library/alpine", "latest", "", "alpine:latest"},
        {"index.docker.io/grafana/grafana:9", "docker.io", "grafana/grafana", "9", "", "grafana/grafana:9"},
        {"localhost/a", "localhost", "a", "latest", "", "localhost/a:latest"},
        {"localhost:5000/a/b/c:x", "localhost:5000", "a/b/c", "x", "", "localhost:5000/a/b/c:x"},
        {"ghcr.io/o/r@" + digest, "ghcr.io", "o/r", "", digest, "ghcr.io/o/r@" + digest},
        {"a/b:t@" + digest, "docker.io", "a/b", "t", digest, "a/b:t@" + digest},
        {"[::1]:5000/a", "[::1]:5000", "a", "latest", "", "[::1]:5000/a:latest"},
        {"a__b/c---d.e_f", "docker.io", "a__b/c---d.e_f", "latest", "", "a__b/c---d.e_f:latest"},
        {"library/a/b", "docker.io", "library/a/b", "latest", "", "library/a/b:latest"},
    };
    for (const auto& one : cases) {
        CAPTURE(one.text);
        const auto read = parse_reference(one.text);
        REQUIRE(read);
        CHECK(read->domain == one.domain);
        CHECK(read->path == one.path);
        CHECK(read->tag == one.tag);
        CHECK(read->digest == one.digest);
        CHECK(read->familiar() == one.familiar);
    }
}

TEST_CASE("what is no image reference is refused", "[docker]") {
    for (const std::string& text : {std::string(),
                                    std::string("UPPER"),
                                    std::string("a b"),
                                    std::string("a:"),
                                    std::string("a:b:c"),
                                    std::string("a/"),
                                    std::string("/a"),
                                    std::string("a//b"),
                                    std::string("../a"),
                                    std::string("a/../b"),
                                    std::string("a/./b"),
                                    std::string("-a"),
                                    std::string("a-"),
                                    std::string("a___b"),
                                    std::string("a..b"),
                                    std::string("a?x=1"),
                                    std::string("a#b"),
                                    std::string("a%2fb"),
                                    std::string("a@sha256:12"),
                                    std::string("a@md5:aa"),
                                    std::string("a:-x"),
                                    std::string(64, 'a'),
                                    std::string("a\nb"),
                                    std::string("a\0b", 3),
                                    "a:" + std::string(129, 'x'),
                                    std::string(300, 'a'),
                                    std::string("host:port/a"),
                                    std::string(".a/b"),
                                    std::string("localhost:123456/a"),
                                    std::string("https://a/b")}) {
        CAPTURE(text);
        const auto read = parse_reference(text);
        REQUIRE_FALSE(read);
        CHECK(read.error().fault == Fault::invalid);
    }
    CHECK(is_image_id(digest));
    CHECK(is_image_id(std::string(64, '0')));
    CHECK_FALSE(is_image_id("sha256:" + std::string(63, 'a')));
    CHECK_FALSE(is_image_id(std::string(64, 'g')));
}

TEST_CASE("the Docker host is a unix socket or a tcp address", "[docker]") {
    CHECK(check_host("unix:///var/run/docker.sock"));
    CHECK(check_host("tcp://127.0.0.1:2375"));
    CHECK(check_host("tcp://[::1]:2375/"));
    CHECK(parse_host("tcp://engine:2375").value().base == "http://engine:2375");
    CHECK(parse_host("unix:///a b").value().unix_path == "/a b");
    for (const std::string& bad :
         {std::string(), std::string("/var/run/docker.sock"), std::string("unix://relative"), std::string("unix://"),
          std::string("ssh://host"), std::string("https://host:2376"), std::string("tcp://host"),
          std::string("tcp://host:0"), std::string("tcp://host:65536"), std::string("tcp://:2375"),
          std::string("tcp://a b:1"), std::string("tcp://user@host:1"), std::string("tcp://host/x:1"),
          "unix:///" + std::string(107, 'x'), std::string("npipe:////./pipe/docker_engine")}) {
        CAPTURE(bad);
        const auto checked = check_host(bad);
        REQUIRE_FALSE(checked);
        CHECK(checked.error().fault == Fault::invalid);
        CHECK_THAT(checked.error().detail, ContainsSubstring("unix:///"));
    }
}

TEST_CASE("credentials are found for the registry of the reference", "[docker]") {
    const std::string config = R"({"auths":{
        "https://index.docker.io/v1/":{"auth":"bWU6c2VjcmV0OnRvbw=="},
        "registry:5000":{"username":"u","password":"p"},
        "https://token.example/v2/":{"identitytoken":"tok","auth":"bWU6eA=="},
        "broken":{"auth":"%%%"}, "odd":7},
        "credHelpers":{"gcr.io":"gcloud"}})";
    const auto hub = header_of(find_credentials(config, "docker.io"));
    CHECK(hub == nlohmann::json{
                     {"username", "me"}, {"password", "secret:too"}, {"serveraddress", "https://index.docker.io/v1/"}});
    const auto own = header_of(find_credentials(config, "registry:5000"));
    CHECK(own == nlohmann::json{{"username", "u"}, {"password", "p"}, {"serveraddress", "registry:5000"}});
    const auto token = header_of(find_credentials(config, "token.example"));
    CHECK(token == nlohmann::json{{"identitytoken", "tok"}, {"serveraddress", "token.example"}});
    CHECK(find_credentials(config, "other.example").header.empty());
    CHECK(find_credentials(config, "other.example").unsupported.empty());
    CHECK(find_credentials(config, "registry:5001").header.empty());
    CHECK(find_credentials(config, "broken").header.empty());
    CHECK_THAT(find_credentials(config, "gcr.io").unsupported, ContainsSubstring("not supported"));
    CHECK_THAT(find_credentials(R"({"auths":{"a.b":{}},"credsStore":"desktop"})", "a.b").unsupported,
               ContainsSubstring("credsStore"));
    CHECK_THAT(find_credentials("{", "a.b").unsupported, ContainsSubstring("not JSON"));
    CHECK(find_credentials("", "a.b").unsupported.empty());
}

TEST_CASE("base64 and percent-encoding read back", "[docker]") {
    for (const std::string& text : {std::string(), std::string("a"), std::string("ab"), std::string("abc"),
                                    std::string("\xff\xfe\x00\x3e\x3f", 5)}) {
        std::string back = "before";
        REQUIRE(base64_decode(base64_url(text), back));
        CHECK(back == text);
    }
    CHECK(base64_url("\xfb\xff") == "-_8=");
    std::string into;
    CHECK(base64_decode("+/8=", into));
    CHECK_FALSE(base64_decode("a", into));
    CHECK_FALSE(base64_decode("ab cd", into));
    CHECK(percent_encode("a/b c?&%\n") == "a%2Fb%20c%3F%26%25%0A");
    CHECK(percent_encode("a/b:c@d", "/:@") == "a/b:c@d");
    CHECK(container_id_valid("shallop-a_b.c"));
    for (const char* bad : {"", ".", "..", "a/b", "a?b", "-a", "a b", "a%2f"}) CHECK_FALSE(container_id_valid(bad));
}

TEST_CASE("lines come out whole however the bytes are cut", "[docker]") {
    const std::string text = "one\r\n\ntwo\nthree\nfour";
    for (std::size_t step = 1; step <= text.size(); ++step) {
        Lines lines(5);
        std::vector<std::string> read;
        for (std::size_t at = 0; at < text.size(); at += step) {
            REQUIRE(lines.feed(text.substr(at, step)));
            while (const auto line = lines.next()) read.push_back(*line);
        }
        CHECK(read == std::vector<std::string>{"one", "two", "three"});
        CHECK(lines.inside());
    }
    Lines lines(5);
    CHECK(lines.feed("12345"));
    CHECK_FALSE(lines.feed("6"));
}

TEST_CASE("log frames come out whole however the bytes are cut, and only their end is kept", "[docker]") {
    using namespace std::string_literals;
    const std::string bytes = "\x01\0\0\0\0\0\0\x03"s + "abc" + "\x02\0\0\0\0\0\0\0"s + "\x02\0\0\0\0\0\0\x02"s + "de";
    for (std::size_t step = 1; step <= bytes.size(); ++step) {
        LogFrames frames(100);
        for (std::size_t at = 0; at < bytes.size(); at += step) REQUIRE(frames.feed(bytes.substr(at, step)));
        CHECK(frames.take() == "abcde");
    }
    LogFrames few(2);
    CHECK(few.feed(bytes));
    CHECK(few.take() == "de");
    LogFrames endless(10);
    REQUIRE(endless.feed("\x01\0\0\0\xff\xff\xff\xff"s));
    for (int i = 0; i < 1000; ++i) REQUIRE(endless.feed(std::string(1000, 'x')));
    CHECK(endless.take().size() == 10);
    LogFrames none(10);
    CHECK_FALSE(none.feed("plain text"));
    LogFrames later(10);
    REQUIRE(later.feed("\x01"s));
    CHECK_FALSE(later.feed("\x01"s));
}

TEST_CASE("an event stream begins again before its end and repeats nothing", "[docker]") {
    auto event = [](std::int64_t nano, const char* action) {
        EngineEvent made;
        made.id = "a";
        made.action = action;
        made.time_nano = nano;
        return made;
    };
    constexpr std::int64_t second = 1'000'000'000;
    EventCursor cursor;
    CHECK(cursor.since().empty());
    cursor.connected(100 * second + 5);
    CHECK(cursor.since() == "95.000000005");
    CHECK(cursor.fresh(event(200 * second, "create")));
    CHECK(cursor.fresh(event(200 * second, "start")));
    CHECK_FALSE(cursor.fresh(event(200 * second, "start")));
    CHECK(cursor.since() == "195.000000000");
    CHECK(cursor.fresh(event(199 * second, "late")));  // out of order, and new
    CHECK(cursor.since() == "195.000000000");
    cursor.connected(300 * second);
    CHECK(cursor.since() == "195.000000000");
    int fresh = 0;
    for (int i = 0; i < 100'000; ++i) fresh += cursor.fresh(event(201 * second + i, "flood")) ? 1 : 0;
    CHECK(fresh == 100'000);
    CHECK_FALSE(cursor.fresh(event(201 * second + 99'999, "flood")));
}
