// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

using namespace shallop;
using namespace std::chrono_literals;
using base::Fault;
using function::parse_resource;

namespace {

std::string with(const std::string& async) { return R"({"image":"i","async":)" + async + "}"; }

struct Refusal {
    std::string async;
    std::string pointer;
    std::string says;  ///< a part of the sentence
};

}  // namespace

TEST_CASE("the defaults of async are spelled out", "[function]") {
    const auto spec = parse_resource(R"({"image":"i"})", "f");
    REQUIRE(spec);
    const auto async = nlohmann::json::parse(function::format_spec(*spec)).at("async");
    CHECK(async == nlohmann::json::parse(R"({"max_attempts":3,
        "backoff":{"initial":"1s","factor":2.0,"max":"5m","jitter":0.2},"max_age":"6h","concurrency":10,
        "on_success":null,"on_failure":null,"retention":"1d","result":"1Mi","retry_on":[],
        "backlog":1000000,"backlog_bytes":"1Gi","yield":false})"));
}

TEST_CASE("async is read whole, and written as it was read", "[function]") {
    const auto spec = parse_resource(with(R"({"max_attempts":100,
        "backoff":{"initial":"1ms","factor":1.5,"max":"24h","jitter":0},"max_age":"30d","concurrency":1000,
        "on_success":{"function":"next"},"on_failure":{"url":"https://example.org/x?y=z"},"retention":"0s",
        "result":"64Mi","retry_on":[300,404,499],"backlog":0,"backlog_bytes":0,"yield":true})"),
                                     "f");
    REQUIRE(spec);
    const auto& async = spec->async;
    CHECK(async.max_attempts == 100);
    CHECK(async.backoff_initial == 1ms);
    CHECK(async.backoff_factor == 1.5);
    CHECK(async.backoff_max == 24h);
    CHECK(async.jitter == 0);
    CHECK(async.max_age == 720h);
    CHECK(async.concurrency == 1000);
    REQUIRE(async.on_success);
    CHECK(async.on_success->function == "next");
    REQUIRE(async.on_failure);
    CHECK(async.on_failure->url == "https://example.org/x?y=z");
    CHECK(async.retention == 0s);
    CHECK(async.result == 64ULL << 20);
    CHECK(async.retry_on == std::vector<int>{300, 404, 499});
    CHECK(async.backlog == 0);
    CHECK(async.backlog_bytes == 0);
    CHECK(async.yield);
    const auto again = parse_resource(function::format_spec(*spec), "f");
    REQUIRE(again);
    CHECK(again->async == async);
}

TEST_CASE("what async cannot be is refused with its place", "[function]") {
    const std::vector<Refusal> table{
        {"7", "/async", ""},
        {R"({"attempts":3})", "/async/attempts", "max_attempts"},
        {R"({"max_attempts":0})", "/async/max_attempts", "1"},
        {R"({"max_attempts":101})", "/async/max_attempts", "100"},
        {R"({"max_attempts":"3"})", "/async/max_attempts", ""},
        {R"({"backoff":"1s"})", "/async/backoff", ""},
        {R"({"backoff":{"first":"1s"}})", "/async/backoff/first", "initial"},
        {R"({"backoff":{"initial":"0s"}})", "/async/backoff/initial", ""},
        {R"({"backoff":{"initial":"25h"}})", "/async/backoff/initial", ""},
        {R"({"backoff":{"factor":0.5}})", "/async/backoff/factor", ""},
        {R"({"backoff":{"factor":101}})", "/async/backoff/factor", ""},
        {R"({"backoff":{"max":"soon"}})", "/async/backoff/max", ""},
        {R"({"backoff":{"max":"25h"}})", "/async/backoff/max", ""},
        {R"({"backoff":{"jitter":1.1}})", "/async/backoff/jitter", ""},
        {R"({"backoff":{"jitter":-0.1}})", "/async/backoff/jitter", ""},
        {R"({"max_age":"0s"})", "/async/max_age", ""},
        {R"({"max_age":"31d"})", "/async/max_age", ""},
        {R"({"concurrency":0})", "/async/concurrency", ""},
        {R"({"concurrency":1001})", "/async/concurrency", ""},
        {R"({"on_success":"next"})", "/async/on_success", ""},
        {R"({"on_success":{}})", "/async/on_success", "one destination"},
        {R"({"on_failure":{"function":"a","url":"http://h/"}})", "/async/on_failure", "one destination"},
        {R"({"on_failure":{"queue":"a"}})", "/async/on_failure", ""},
        {R"({"on_failure":{"function":"Not a name"}})", "/async/on_failure/function", ""},
        {R"({"on_failure":{"url":"ftp://h/"}})", "/async/on_failure/url", "absolute URL"},
        {R"({"on_failure":{"url":"http://"}})", "/async/on_failure/url", "absolute URL"},
        {R"({"on_failure":{"url":"http://u:p@h/"}})", "/async/on_failure/url", "password"},
        {R"({"on_failure":{"url":"http://h/a b"}})", "/async/on_failure/url", "absolute URL"},
        {R"({"on_failure":{"file":"../x"}})", "/async/on_failure/file", "name of a file"},
        {R"({"on_failure":{"file":".x"}})", "/async/on_failure/file", "name of a file"},
        {R"({"on_failure":{"file":"a/b"}})", "/async/on_failure/file", "name of a file"},
        {R"({"retention":"366d"})", "/async/retention", ""},
        {R"({"result":"65Mi"})", "/async/result", ""},
        {R"({"retry_on":404})", "/async/retry_on", ""},
        {R"({"retry_on":[299]})", "/async/retry_on", "300 to 499"},
        {R"({"retry_on":[500]})", "/async/retry_on", "300 to 499"},
        {R"({"retry_on":["404"]})", "/async/retry_on", "300 to 499"},
        {R"({"retry_on":[404,404]})", "/async/retry_on", "once"},
        {R"({"backlog":-1})", "/async/backlog", ""},
        {R"({"backlog":100000001})", "/async/backlog", ""},
        {R"({"backlog_bytes":"2Ti"})", "/async/backlog_bytes", ""},
        {R"({"yield":"yes"})", "/async/yield", ""},
    };
    for (const auto& row : table) {
        CAPTURE(row.async);
        const auto spec = parse_resource(with(row.async), "f");
        REQUIRE_FALSE(spec);
        CAPTURE(spec.error().detail);
        CHECK(spec.error().fault == Fault::invalid);
        CHECK(spec.error().pointer == row.pointer);
        CHECK(spec.error().detail.find(row.says) != std::string::npos);
    }
}

TEST_CASE("a URL to send to is http or https, absolute, and carries no password", "[function]") {
    for (const std::string url : {"http://h", "https://h:1/p?q#f", "http://[::1]:8080/", "https://example.org/a%20b"})
        CHECK(function::check_url(url).empty());
    for (const std::string url :
         {"", "h", "//h/", "/p", "HTTP://h/", "javascript:1", "http:///p", "http://?x", "http://u@h/", "http://h/\x7f",
          "http://h/\n", "http://h/\"", "http://h/\\", "http://h/\xc3\xa4"}) {
        CAPTURE(url);
        CHECK_FALSE(function::check_url(url).empty());
    }
    CHECK(function::check_url("http://h/" + std::string(2039, 'x')).empty());
    CHECK_FALSE(function::check_url("http://h/" + std::string(2040, 'x')).empty());
}
