// SPDX-License-Identifier: Apache-2.0
#include <shallop/trigger/engine_trigger.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using docker::EngineEvent;
using trigger::EngineFilters;
using trigger::is_own;
using trigger::matches;
using trigger::note_own;

namespace {

EngineEvent container_event(const std::string& action) {
    EngineEvent event;
    event.type = "container";
    event.action = action;
    event.id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    event.attributes = {{"name", "shop"}, {"image", "registry:5000/shop:2"}, {"com.example.team", "sales"}};
    event.time_nano = 1'763'752'800'123'456'789;
    event.json = R"({"Type":"container"})";
    return event;
}

EngineEvent image_event(const std::string& action, const std::string& id, const std::string& name) {
    EngineEvent event;
    event.type = "image";
    event.action = action;
    event.id = id;
    event.attributes = {{"name", name}};
    return event;
}

std::string field(const queue::Order& order, std::string_view name) {
    const auto* found = base::find_field(order.event.fields, name);
    return found == nullptr ? "(none)" : *found;
}

trigger::EngineTrigger some_trigger() {
    auto made = trigger::parse_engine_trigger(R"({"type":"engine","function":"f"})").value();
    made.id = "t1";
    return made;
}

void check_refused(const std::string& document, const std::string& pointer) {
    CAPTURE(document);
    const auto refused = trigger::parse_engine_trigger(document);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().pointer == pointer);
}

}  // namespace

TEST_CASE("without filters every event is meant", "[trigger]") {
    CHECK(matches({}, container_event("die")));
    CHECK(matches({}, image_event("tag", "sha256:1", "shop:2")));
}

TEST_CASE("an event is meant by its word, or by its word and what comes after it", "[trigger]") {
    CHECK(matches({.events = {"die", "oom"}}, container_event("oom")));
    CHECK_FALSE(matches({.events = {"die", "oom"}}, container_event("start")));
    CHECK(matches({.events = {"health_status"}}, container_event("health_status: unhealthy")));
    CHECK(matches({.events = {"health_status: unhealthy"}}, container_event("health_status: unhealthy")));
    CHECK_FALSE(matches({.events = {"health_status: unhealthy"}}, container_event("health_status: healthy")));
    CHECK_FALSE(matches({.events = {"di"}}, container_event("die")));
}

TEST_CASE("all labels must be there, with their values where these are given", "[trigger]") {
    CHECK(matches({.labels = {"com.example.team"}}, container_event("die")));
    CHECK(matches({.labels = {"com.example.team=sales", "com.example.team"}}, container_event("die")));
    CHECK_FALSE(matches({.labels = {"com.example.team=sale"}}, container_event("die")));
    CHECK_FALSE(matches({.labels = {"com.example.team", "com.example.other"}}, container_event("die")));
}

TEST_CASE("a container is meant by its name, its id or the beginning of that", "[trigger]") {
    CHECK(matches({.containers = {"other", "shop"}}, container_event("die")));
    CHECK(matches({.containers = {"0123456789ab"}}, container_event("die")));
    CHECK_FALSE(matches({.containers = {"0123456789a"}}, container_event("die")));
    CHECK_FALSE(matches({.containers = {"sho"}}, container_event("die")));
    CHECK_FALSE(matches({.containers = {"shop"}}, image_event("tag", "sha256:1", "shop")));
}

TEST_CASE("an image is meant with its tag or without", "[trigger]") {
    CHECK(matches({.images = {"registry:5000/shop"}}, container_event("die")));
    CHECK(matches({.images = {"registry:5000/shop:2"}}, container_event("die")));
    CHECK_FALSE(matches({.images = {"registry:5000/shop:3"}}, container_event("die")));
    CHECK_FALSE(matches({.images = {"registry"}}, container_event("die")));
    CHECK(matches({.images = {"shop"}}, image_event("tag", "sha256:1", "shop:2")));
    CHECK(matches({.images = {"sha256:1"}}, image_event("delete", "sha256:1", "")));
    CHECK(matches({.images = {"shop:2"}}, image_event("pull", "shop:2", "shop")));
}

TEST_CASE("lists of different kinds must all be met", "[trigger]") {
    const EngineFilters filters{.types = {"container"}, .events = {"die"}, .containers = {"shop"}};
    CHECK(matches(filters, container_event("die")));
    CHECK_FALSE(matches(filters, container_event("start")));
    CHECK_FALSE(matches({.types = {"image"}, .events = {"die"}}, container_event("die")));
}

TEST_CASE("containers of any Shallop are told by their label, and their networks and volumes by their ids",
          "[trigger]") {
    std::set<std::string> own;
    auto created = container_event("create");
    CHECK_FALSE(is_own(created, own));
    created.attributes["shallop.daemon"] = "some daemon";
    CHECK(is_own(created, own));
    EngineEvent connected;
    connected.type = "network";
    connected.action = "connect";
    connected.attributes = {{"container", created.id}, {"name", "bridge"}};
    CHECK_FALSE(is_own(connected, own));
    note_own(created, own);
    CHECK(is_own(connected, own));
    created.action = "destroy";
    note_own(created, own);
    CHECK(own.empty());
    note_own(container_event("create"), own);
    CHECK(own.empty());
}

TEST_CASE("an event goes out as a CloudEvent in binary mode", "[trigger]") {
    const auto order = order_for(some_trigger(), container_event("health_status: unhealthy"), "ABCD:EFGH");
    CHECK(order.event.function == "f");
    CHECK(order.event.method == "POST");
    CHECK(order.event.content_length == order.body.size);
    CHECK(order.body.bytes == R"({"Type":"container"})");
    CHECK(order.origin == "engine:t1");
    CHECK(field(order, "content-type") == "application/json");
    CHECK(field(order, "ce-specversion") == "1.0");
    CHECK(field(order, "ce-source") == "docker:ABCD:EFGH");
    CHECK(field(order, "ce-type") == "com.docker.container.health_status");
    CHECK(field(order, "ce-time") == "2025-11-21T19:20:00.123456789Z");
    CHECK(field(order, "ce-subject") == "shop");
    CHECK(field(order, "ce-id").starts_with("1763752800123456789:0123456789abcdef"));
}

TEST_CASE("no attribute of an event can make fields of its own", "[trigger]") {
    auto event = container_event("exec_start: sh -c 'a\r\nX-Evil: 1'");
    event.attributes["name"] = "a b\r\n\"%\xc3\xbc" + std::string(1000, 'x');
    const auto order = order_for(some_trigger(), event, "id with blanks");
    CHECK(field(order, "ce-type") == "com.docker.container.exec_start");
    CHECK(field(order, "ce-source") == "docker:id%20with%20blanks");
    CHECK(field(order, "ce-subject").starts_with("a%20b%0D%0A%22%25%C3%BCxxx"));
    for (const auto& one : order.event.fields) {
        CHECK(one.value.size() < 1000);
        CHECK(one.value.find_first_of("\r\n") == std::string::npos);
    }
    CHECK(order.idempotency_key.size() <= 255);
}

TEST_CASE("one event of one trigger has one key, and no other has it", "[trigger]") {
    const auto key = [](const EngineEvent& event) { return order_for(some_trigger(), event, "e").idempotency_key; };
    CHECK(key(container_event("die")) == key(container_event("die")));
    CHECK(key(container_event("die")) != key(container_event("stop")));
    auto later = container_event("die");
    ++later.time_nano;
    CHECK(key(container_event("die")) != key(later));
    auto other = some_trigger();
    other.id = "t2";
    CHECK(order_for(other, later, "e").idempotency_key != key(later));
}

TEST_CASE("a trigger is read strictly, and written as it is read", "[trigger]") {
    const auto text =
        R"({"type":"engine","function":"f","filters":{"type":["container"],"event":["die"],"label":["a=b"],)"
        R"("image":["i"],"container":["c"]},"paused":true})";
    const auto trigger = trigger::parse_engine_trigger(text);
    REQUIRE(trigger);
    CHECK(trigger->filters.labels == std::vector<std::string>{"a=b"});
    CHECK(trigger->paused);
    CHECK(trigger::format_engine_trigger(*trigger) == text);
    check_refused("[]", "");
    check_refused(R"({"function":"f"})", "/type");
    check_refused(R"({"type":"queue","function":"f"})", "/type");
    check_refused(R"({"type":"engine"})", "/function");
    check_refused(R"({"type":"engine","function":"F"})", "/function");
    check_refused(R"({"type":"engine","function":"f","filters":{"events":["die"]}})", "/filters/events");
    check_refused(R"({"type":"engine","function":"f","filters":{"event":"die"}})", "/filters/event");
    check_refused(R"({"type":"engine","function":"f","filters":{"event":[""]}})", "/filters/event");
    check_refused(R"({"type":"engine","function":"f","filters":{"event":[7]}})", "/filters/event/0");
    check_refused(R"({"type":"engine","function":"f","paused":1})", "/paused");
    check_refused(R"({"type":"engine","function":"f","id":"x"})", "/id");
}
