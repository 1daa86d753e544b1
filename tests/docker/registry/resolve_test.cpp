// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <algorithm>

using namespace shallop;
using base::Error;
using base::Fault;
using test::FaultyEngine;
using test::Lab;

namespace {

const std::string missing = "localhost:1/shallop-no-such-image:1";

std::string document(const std::string& image, const std::string& pull) {
    return R"({"command":["true"],"image":")" + image + R"(","pull":")" + pull + "\"}";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

using Calls = std::vector<std::string>;

}  // namespace

TEST_CASE("if-missing asks for the image and pulls only where it is not there", "[docker][registry]") {
    Lab lab;
    REQUIRE(lab.put("f", document("debian:bookworm-slim", "if-missing")));
    CHECK(lab.engine.calls() == Calls{"inspect_image"});
    const auto refused = lab.put("g", document(missing, "if-missing"));
    REQUIRE_FALSE(refused);
    CHECK(lab.engine.calls() == Calls{"inspect_image", "inspect_image", "pull"});
    CHECK(refused.error().fault == Fault::engine_refused);
    CHECK(refused.error().pointer == "/image");
    CHECK(contains(refused.error().detail, missing));
    CHECK(contains(refused.error().detail, "connection refused"));
    CHECK(contains(refused.error().detail, "docker login"));
    CHECK(lab.find("g") == nullptr);
}

TEST_CASE("never does not pull, and says what to do", "[docker][registry]") {
    Lab lab;
    const auto refused = lab.put("f", document(missing, "never"));
    REQUIRE_FALSE(refused);
    CHECK(lab.engine.calls() == Calls{"inspect_image"});
    CHECK(refused.error().fault == Fault::not_found);
    CHECK(refused.error().pointer == "/image");
    CHECK(contains(refused.error().detail, "if-missing"));
    CHECK(lab.put("f", document("debian:bookworm-slim", "never")));
}

TEST_CASE("always pulls first, and a pull that fails changes nothing though the image is there", "[docker][registry]") {
    Lab lab;
    REQUIRE(lab.put("f", document("debian:bookworm-slim", "never")));
    lab.engine.fail("pull", 1, Error(Fault::engine_refused, "pull access denied"));
    const auto refused = lab.put("f", document("debian:bookworm-slim", "always"));
    REQUIRE_FALSE(refused);
    CHECK(lab.engine.calls() == Calls{"inspect_image", "pull"});
    CHECK(refused.error().pointer == "/image");
    CHECK(contains(refused.error().detail, "pull access denied"));
    CHECK(lab.find("f")->version == 1);
}

TEST_CASE("an engine that is away is said to be away, not blamed on the image", "[docker][registry]") {
    Lab lab;
    lab.engine.fail("inspect_image", 1);
    const auto first = lab.put("f", document("debian:bookworm-slim", "if-missing"));
    CHECK(first.error().fault == Fault::engine_down);
    CHECK(first.error().pointer.empty());
    lab.engine.fail("pull", 1);
    const auto second = lab.put("f", document("debian:bookworm-slim", "always"));
    CHECK(second.error().fault == Fault::engine_down);
    CHECK(second.error().pointer.empty());
}

TEST_CASE("whichever call to the engine fails, nothing has changed and the next put works", "[docker][registry]") {
    Lab lab;
    REQUIRE(lab.put("f", document("debian:bookworm-slim", "if-missing")));
    const auto before = lab.find("f");
    for (const auto when : {FaultyEngine::When::before, FaultyEngine::When::after}) {
        lab.engine.fail(1, Error(Fault::engine_down, "told to fail"), when);
        REQUIRE_FALSE(lab.put("f", R"({"image":"debian:bookworm-slim","command":["true"],"user":"7"})"));
        CHECK(lab.find("f") == before);
        lab.engine.fail(1, Error(Fault::engine_down, "told to fail"), when);
        REQUIRE_FALSE(lab.patch("f", R"({"user":"7"})"));
        CHECK(lab.find("f") == before);
    }
    lab.reopen();
    CHECK(lab.find("f")->etag == before->etag);
    REQUIRE(lab.put("f", R"({"image":"debian:bookworm-slim","command":["true"],"user":"7"})"));
    CHECK(lab.find("f")->version == 2);
}

TEST_CASE("changes at once happen one after the other, and patches lose nothing", "[docker][registry]") {
    Lab lab;
    REQUIRE(lab.put("f", document("debian:bookworm-slim", "if-missing")));
    const auto patch_one = [](Lab& of, int n, int& done) -> async::Task<void> {
        auto name = std::string("f");
        auto change = R"({"env":{"V)" + std::to_string(n) + R"(":"x"}})";
        auto unconditional = registry::Precondition{};
        const auto patched = co_await of.registry().patch(std::move(name), std::move(change), std::move(unconditional));
        if (patched) ++done;
    };
    int done = 0;
    async::TaskGroup group(lab.loop.executor(), lab.log);
    for (int n = 0; n < 20; ++n) group.spawn("patch", patch_one(lab, n, done));
    lab.loop.run(group.join());
    // Some may have been told to try again; each that was acknowledged is in the function.
    CHECK(done > 0);
    CHECK(lab.find("f")->spec.env.size() == static_cast<std::size_t>(done));
    CHECK(lab.find("f")->version == done + 1);
    lab.reopen();
    CHECK(lab.find("f")->spec.env.size() == static_cast<std::size_t>(done));
}

TEST_CASE("a put cancelled at any turn of the loop has changed everything or nothing", "[docker][registry]") {
    Lab lab;
    for (int turns = 0; turns < 60; ++turns) {
        const auto name = "f" + std::to_string(turns);
        const auto put = [](Lab& of, std::string function, std::string text) -> async::Task<void> {
            auto unconditional = registry::Precondition{};
            [[maybe_unused]] const auto done =
                co_await of.registry().put(std::move(function), std::move(text), std::move(unconditional));
        };
        async::TaskGroup group(lab.loop.executor(), lab.log);
        group.spawn("put", put(lab, name, document("debian:bookworm-slim", "if-missing")));
        lab.loop.context().restart();
        for (int turn = 0; turn < turns && group.size() > 0; ++turn)
            lab.loop.context().run_one_for(std::chrono::milliseconds(50));
        group.cancel();
        lab.loop.run(group.join());
    }
    const auto visible = lab.registry().catalog()->functions;
    CHECK(lab.loop.run(lab.store().load_functions()).value().size() == visible.size());
    lab.reopen();
    CHECK(lab.registry().catalog()->functions.size() == visible.size());
    CHECK(visible.size() > 0);
    CHECK(visible.size() < 60);
}
