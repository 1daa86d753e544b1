// SPDX-License-Identifier: Apache-2.0
#include "support/faulty_engine.h"
#include "lab.h"

using namespace shallop;
using base::Fault;
using test::FaultyEngine;
using test::Lab;

TEST_CASE("the faulty engine fails the call it is told to, before or after it is done", "[docker]") {
    Lab lab;
    FaultyEngine faulty(lab.engine);
    faulty.fail(2);
    CHECK(lab.loop.run(faulty.ping(lab.soon())));
    CHECK(lab.loop.run(faulty.ping(lab.soon())).error().fault == Fault::engine_down);
    CHECK(lab.loop.run(faulty.ping(lab.soon())));

    const auto listed = [&] { return lab.loop.run(lab.engine.list({lab.label()}, lab.soon())).value().size(); };
    faulty.fail("create", 1, {Fault::engine_refused, "full"});
    CHECK(lab.loop.run(faulty.ping(lab.soon())));
    CHECK(lab.loop.run(faulty.create(lab.spec({"true"}), lab.name("before"), lab.soon())).error().fault ==
          Fault::engine_refused);
    CHECK(listed() == 0);
    faulty.fail("create", 1, {Fault::engine_down, "lost"}, FaultyEngine::When::after);
    CHECK_FALSE(lab.loop.run(faulty.create(lab.spec({"true"}), lab.name("after"), lab.soon())));
    CHECK(listed() == 1);
    CHECK(faulty.calls() == std::vector<std::string>{"ping", "ping", "ping", "ping", "create", "create"});
}
