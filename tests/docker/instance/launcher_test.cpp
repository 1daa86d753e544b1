// SPDX-License-Identifier: Apache-2.0
#include "docker/instance/yard.h"

#include <catch2/generators/catch_generators.hpp>

using namespace shallop;
using namespace std::chrono_literals;
using base::Fault;
using When = test::FaultyEngine::When;

TEST_CASE("a launched instance is connected, and its end removes its container", "[instance]") {
    test::Yard yard;
    {
        auto launched = yard.launch(test::Yard::function());
        REQUIRE(launched);
        CHECK((*launched)->channel().is_open());
        CHECK(yard.containers().size() == 1);
        CHECK(yard.janitor->alive() == 1);
    }
    CHECK(yard.becomes_empty());
    CHECK(yard.janitor->alive() == 0);
    CHECK(std::filesystem::is_empty(yard.settings.run_dir + "/i"));
}

TEST_CASE("whichever call to the engine fails or loses its answer, no container stays", "[instance]") {
    const auto* const verb = GENERATE("create", "start");
    const auto when = GENERATE(When::before, When::after);
    CAPTURE(verb, static_cast<int>(when));
    test::Yard yard;
    yard.engine.fail(verb, 1, {Fault::engine_down, "told to fail"}, when);
    {
        const auto launched = yard.launch(test::Yard::function());
        // A start whose answer is lost has started: the shim's connection is what counts, if it is there first.
        if (std::string(verb) == "create" || when == When::before) CHECK_FALSE(launched);
        if (!launched) CHECK(launched.error().fault == Fault::engine_down);
    }
    CHECK(yard.becomes_empty());
    CHECK(yard.launch(test::Yard::function()));
    CHECK(yard.becomes_empty());
}

TEST_CASE("a removal that fails is tried again", "[instance]") {
    test::Yard yard;
    yard.engine.fail("create", 1, {Fault::engine_down, "told to fail"}, When::after);
    yard.engine.fail("remove", 1);
    yard.engine.fail("remove", 1);
    CHECK_FALSE(yard.launch(test::Yard::function()));
    CHECK(yard.becomes_empty());
}

TEST_CASE("a drain looks at once for what a create without an answer may have made", "[instance]") {
    const auto when = GENERATE(When::before, When::after);
    CAPTURE(static_cast<int>(when));
    test::Yard yard;
    yard.close();
    yard.janitor_settings.patience = 1h;
    yard.open();
    yard.engine.fail("create", 1, {Fault::engine_down, "told to fail"}, when);
    CHECK_FALSE(yard.launch(test::Yard::function()));
    CHECK(yard.janitor->leaving() == 1);
    const auto limit = yard.loop.in(50s);
    yard.loop.run(yard.janitor->drain(limit));
    CHECK(yard.loop.clock().now() < limit - 20s);
    CHECK(yard.janitor->leaving() == 0);
    CHECK(yard.containers().empty());
}

TEST_CASE("a launch given up at any moment leaves no container", "[instance]") {
    test::Yard yard;
    for (const auto patience : {1ms, 3ms, 8ms, 15ms, 30ms, 60ms, 90ms}) {
        const auto launched = yard.launch(test::Yard::function(), patience);
        if (!launched) CHECK(launched.error().fault == Fault::timed_out);
    }
    CHECK(yard.becomes_empty());
}

TEST_CASE("a function whose mounts are no longer allowed is not launched", "[instance]") {
    test::Yard yard;
    yard.close();
    yard.settings.may_mount = [](const function::Spec& spec) -> base::Status {
        if (spec.name == "yard") return base::Error(Fault::invalid, "told to refuse", "/mounts/0/source");
        return {};
    };
    yard.open();
    const auto launched = yard.launch(test::Yard::function());
    REQUIRE_FALSE(launched);
    CHECK(launched.error().fault == Fault::launch_failed);
    CHECK(launched.error().detail == "told to refuse");
    CHECK(yard.containers().empty());
}

TEST_CASE("an image that is gone is said to be", "[instance]") {
    test::Yard yard;
    auto function = std::make_shared<function::Function>(*test::Yard::function());
    function->image.id = "sha256:" + std::string(64, '0');
    const auto launched = yard.launch(function);
    REQUIRE_FALSE(launched);
    CHECK(launched.error().fault == Fault::not_found);
}

TEST_CASE("a sweep removes what a dead predecessor left in any state, and nothing of another", "[instance]") {
    test::Yard yard;
    const auto soon = yard.loop.in(20s);
    auto spec = container_for(*test::Yard::function(), yard.settings, "lost");
    std::filesystem::create_directory(yard.settings.run_dir + "/i/lost");
    const auto created = yard.loop.run(yard.real.create(spec, "shallop-" + yard.settings.daemon_id + "-a", soon));
    spec.labels["shallop.daemon"] = yard.settings.daemon_id + "-other";
    const auto other = yard.loop.run(yard.real.create(spec, "shallop-" + yard.settings.daemon_id + "-b", soon));
    REQUIRE(created);
    REQUIRE(other);
    auto living = yard.launch(test::Yard::function());
    REQUIRE(living);
    const auto swept = yard.loop.run(yard.janitor->sweep());
    CHECK(swept);
    for (int turn = 0; turn < 100 && yard.containers().size() != 1; ++turn)
        yard.loop.run(yard.loop.clock().sleep_for(100ms));
    CHECK(yard.containers().size() == 1);
    CHECK((*living)->channel().is_open());
    CHECK(yard.loop.run(yard.real.inspect(*other, soon)));
    CHECK(yard.loop.run(yard.real.remove(*other, soon)));
}

TEST_CASE("without the run directory's path on the host nothing is launched", "[instance]") {
    test::Yard yard;
    yard.launcher->set_host_run_dir("");
    const auto launched = yard.launch(test::Yard::function());
    REQUIRE_FALSE(launched);
    CHECK(launched.error().fault == Fault::engine_down);
    for (const auto& call : yard.engine.calls()) CHECK(call != "create");
}
