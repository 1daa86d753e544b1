// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <catch2/matchers/catch_matchers_string.hpp>

using namespace shallop;
using namespace std::chrono_literals;
using base::Fault;
using Catch::Matchers::ContainsSubstring;
using test::Lab;

TEST_CASE("the engine answers ping, version and info", "[docker]") {
    Lab lab;
    REQUIRE(lab.loop.run(lab.engine.ping(lab.soon())));
    const auto version = lab.loop.run(lab.engine.version(lab.soon()));
    REQUIRE(version);
    CHECK(version->api_version.starts_with("1."));
    CHECK(version->os == "linux");
    const auto info = lab.loop.run(lab.engine.info(lab.soon()));
    REQUIRE(info);
    CHECK(info->cpus > 0);
    CHECK(info->memory > 0);
    CHECK_FALSE(info->runtimes.empty());
}

TEST_CASE("an image is inspected by name, by id, and found missing", "[docker]") {
    Lab lab;
    const auto image = lab.loop.run(lab.engine.inspect_image("debian:bookworm-slim", lab.soon()));
    REQUIRE(image);
    CHECK(image->id.starts_with("sha256:"));
    const auto same = lab.loop.run(lab.engine.inspect_image(image->id, lab.soon()));
    REQUIRE(same);
    CHECK(same->id == image->id);
    const auto missing = lab.loop.run(lab.engine.inspect_image("shallop.invalid/no/such:image", lab.soon()));
    REQUIRE_FALSE(missing);
    CHECK(missing.error().fault == Fault::not_found);
    const auto wrong = lab.loop.run(lab.engine.inspect_image("../../containers/json", lab.soon()));
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().fault == Fault::invalid);
}

TEST_CASE("a container is created, started, waited for, inspected and removed", "[docker]") {
    Lab lab;
    const auto id = lab.create({"sh", "-c", "exit 7"}, "life");
    auto state = lab.loop.run(lab.engine.inspect(id, lab.soon()));
    REQUIRE(state);
    CHECK(state->status == "created");
    CHECK(state->name == lab.name("life"));
    CHECK(state->labels.at("shallop.test") == lab.mark);

    REQUIRE(lab.loop.run(lab.engine.start(id, lab.soon())));
    const auto code = lab.loop.run(lab.engine.wait(id, "not-running", lab.soon()));
    REQUIRE(code);
    CHECK(*code == 7);
    state = lab.loop.run(lab.engine.inspect(id, lab.soon()));
    REQUIRE(state);
    CHECK(state->status == "exited");
    CHECK(state->exit_code == 7);
    CHECK_FALSE(state->running);

    const auto listed = lab.loop.run(lab.engine.list({lab.label()}, lab.soon()));
    REQUIRE(listed);
    REQUIRE(listed->size() == 1);
    CHECK(listed->front().id == id);
    CHECK(listed->front().state == "exited");
    CHECK(listed->front().name == lab.name("life"));

    REQUIRE(lab.loop.run(lab.engine.remove(id, lab.soon())));
    CHECK(lab.loop.run(lab.engine.inspect(id, lab.soon())).error().fault == Fault::not_found);
    REQUIRE(lab.loop.run(lab.engine.remove(id, lab.soon())));  // gone counts as done
}
