// SPDX-License-Identifier: Apache-2.0
#include "queue/codec.h"

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <nlohmann/json.hpp>

#include <random>
#include <string>

using namespace shallop;
using function::Event;
using queue::read_head;
using queue::write_head;

namespace {

Event an_event() {
    Event event;
    event.method = "PUT";
    event.target = "/async-function/f/a%20b?x=1&x=2";
    event.script_name = "/async-function/f";
    event.path_info = "/a%20b";
    event.by_name = true;
    event.query = "x=1&x=2";
    event.protocol = "HTTP/1.0";
    event.scheme = "https";
    event.server_name = "h.example";
    event.server_port = 65535;
    event.remote_addr = "2001:db8::1";
    event.remote_port = 40000;
    event.fields = {{"X-One", "1"}, {"X-Bytes", std::string("\x80\xff\xc3\x28 \t", 6)}, {"X-One", "2"}, {"X-None", ""}};
    event.parameters = {{"id", "\xe2\x82"}, {"id", ""}};
    event.variables = {{"SHALLOP_HOPS", "3"}};
    return event;
}

void check_same(const Event& one, const Event& other) {
    CHECK(one.method == other.method);
    CHECK(one.target == other.target);
    CHECK(one.script_name == other.script_name);
    CHECK(one.path_info == other.path_info);
    CHECK(one.by_name == other.by_name);
    CHECK(one.query == other.query);
    CHECK(one.protocol == other.protocol);
    CHECK(one.scheme == other.scheme);
    CHECK(one.server_name == other.server_name);
    CHECK(one.server_port == other.server_port);
    CHECK(one.remote_addr == other.remote_addr);
    CHECK(one.remote_port == other.remote_port);
    CHECK(one.parameters == other.parameters);
    CHECK(one.variables == other.variables);
    REQUIRE(one.fields.size() == other.fields.size());
    for (std::size_t at = 0; at < one.fields.size(); ++at) {
        CHECK(one.fields[at].name == other.fields[at].name);
        CHECK(one.fields[at].value == other.fields[at].value);
    }
}

}  // namespace

TEST_CASE("a kept head is read back byte for byte, whatever the bytes", "[queue]") {
    auto event = an_event();
    auto back = read_head(write_head(event));
    REQUIRE(back);
    check_same(event, *back);
    CHECK(back->id.empty());
    CHECK(back->function.empty());

    back = read_head(write_head(Event{}));
    REQUIRE(back);
    check_same(Event{}, *back);

    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
        for (auto* text : {&event.target, &event.query, &event.path_info, &event.fields[0].value}) {
            text->resize(random() % 400);
            for (auto& c : *text) c = static_cast<char>(random());
        }
        back = read_head(write_head(event));
        REQUIRE(back);
        check_same(event, *back);
    }
}

TEST_CASE("a head that was cut or is none is a fault of the storage", "[queue]") {
    const auto head = write_head(an_event());
    for (std::size_t size = 0; size < head.size(); ++size) {
        const auto found = read_head(std::string_view(head).substr(0, size));
        REQUIRE_FALSE(found);
        CHECK(found.error().fault == base::Fault::storage);
    }
    CHECK_FALSE(read_head(head + "x"));
    for (const auto* document : {"{}", "[]", "7", "null", R"({"method":7})"}) {
        std::string bytes;
        nlohmann::json::to_cbor(nlohmann::json::parse(document), bytes);
        CHECK_FALSE(read_head(bytes));
    }
}

TEST_CASE("kept fields are JSON, with a mark where they were no text", "[queue]") {
    CHECK(queue::write_fields({{"A", "1"}, {"A", "2"}}) == R"([["A","1"],["A","2"]])");
    CHECK(queue::write_fields({{"A", "x\xff"}}) == "[[\"A\",\"x\xef\xbf\xbd\"]]");
    CHECK(queue::write_fields({}) == "[]");
}
