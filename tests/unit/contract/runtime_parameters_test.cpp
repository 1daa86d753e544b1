// SPDX-License-Identifier: Apache-2.0
#include "contract/runtime_parameters.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace shallop;

namespace {

using Parameters = std::vector<std::string>;

function::Event event_with(function::Fields fields) {
    function::Event event;
    event.method = "POST";
    event.target = "/a/b?c=d";
    event.query = "c=d";
    event.fields = std::move(fields);
    event.remote_addr = "192.0.2.7";
    event.scheme = "http";
    event.id = "01j";
    return event;
}

Parameters parameters_of(const function::Event& event, std::optional<std::uint64_t> length = {}) {
    contract::TraceIds traces(1);
    return contract::runtime_parameters(event, "/lib/front.php", length, traces);
}

bool has(const Parameters& all, const std::string& one) { return std::find(all.begin(), all.end(), one) != all.end(); }

bool begins(const Parameters& all, const std::string& start) {
    return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.starts_with(start); });
}

}  // namespace

TEST_CASE("a FastCGI runtime is told what the head of an HTTP request would say", "[contract]") {
    const auto told =
        parameters_of(event_with({{"Host", "h:81"}, {"Content-Type", "text/x"}, {"Accept-Language", "de"}}), 7);
    for (const auto* one :
         {"REQUEST_METHOD=POST", "REQUEST_URI=/a/b?c=d", "QUERY_STRING=c=d", "CONTENT_LENGTH=7", "CONTENT_TYPE=text/x",
          "SCRIPT_FILENAME=/lib/front.php", "HTTP_HOST=h:81", "HTTP_ACCEPT_LANGUAGE=de",
          "HTTP_X_FORWARDED_FOR=192.0.2.7", "HTTP_X_FORWARDED_PROTO=http", "HTTP_X_SHALLOP_INVOCATION_ID=01j"}) {
        INFO(one);
        CHECK(has(told, one));
    }
    CHECK(begins(told, "HTTP_TRACEPARENT=00-"));
    CHECK_FALSE(begins(told, "HTTP_CONTENT_TYPE="));
}

TEST_CASE("by a function's name the path before its own is a prefix", "[contract]") {
    auto event = event_with({});
    event.by_name = true;
    event.script_name = "/function/f";
    event.path_info = "";
    const auto told = parameters_of(event);
    CHECK(has(told, "REQUEST_URI=/?c=d"));
    CHECK(has(told, "HTTP_X_FORWARDED_PREFIX=/function/f"));
    CHECK(has(told, "CONTENT_LENGTH="));
}

TEST_CASE("no field of a client's becomes a parameter that is not its own", "[contract]") {
    const auto told = parameters_of(event_with({{"Proxy", "http://evil"},
                                                {"X_Forwarded_For", "1.2.3.4"},
                                                {"X_Own", "twin"},
                                                {"X-Forwarded-Prefix", "/evil"},
                                                {"Connection", "x-secret"},
                                                {"X-Secret", "1"},
                                                {"Transfer-Encoding", "chunked"},
                                                {"Cookie", "a=b"},
                                                {"X-Twice", "1"},
                                                {"x-twice", "2"},
                                                {"Cookie", "c=d"}}));
    for (const auto* name : {"HTTP_PROXY=", "HTTP_X_OWN=", "HTTP_X_FORWARDED_PREFIX=", "HTTP_CONNECTION=",
                             "HTTP_X_SECRET=", "HTTP_TRANSFER_ENCODING=", "HTTP_TE="}) {
        INFO(name);
        CHECK_FALSE(begins(told, name));
    }
    CHECK(has(told, "HTTP_X_FORWARDED_FOR=192.0.2.7"));
    CHECK(has(told, "HTTP_COOKIE=a=b; c=d"));
    CHECK(has(told, "HTTP_X_TWICE=1, 2"));
}
