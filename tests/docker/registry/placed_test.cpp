// SPDX-License-Identifier: Apache-2.0
// Functions of the folder that the daemon serves.
#include "lab.h"

using namespace shallop;
using base::Fault;
using registry::Placed;
using test::Lab;

namespace {

std::string document(const std::string& more = "") {
    return R"({"image":"debian:bookworm-slim","command":["true"])" + more + "}";
}

std::string route(const std::string& path) { return R"(,"routes":[{"path":")" + path + "\"}]"; }

registry::Settings with_folder() {
    registry::Settings settings;
    settings.folder = "/srv/functions";
    return settings;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// The outcomes in words: a version, a fault, or "left".
std::vector<std::string> put_all(Lab& lab, std::vector<Placed> all) {
    std::vector<std::string> words;
    for (const auto& outcome : lab.loop.run(lab.registry().put_placed_untried(std::move(all)))) {
        words.push_back(!outcome               ? "left"
                        : outcome->has_value() ? std::to_string((*outcome)->function->version)
                                               : std::string(base::name(outcome->error().fault)));
    }
    return words;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("a function of the folder is the folder's alone while it is served", "[docker][registry]") {
    Lab lab(with_folder());
    const auto put = lab.loop.run(lab.registry().put_placed({"f", document(), "f.py"}));
    REQUIRE(put);
    CHECK(put->function->origin == "f.py");
    for (const auto& refused :
         {lab.put("f", document()).error(), lab.patch("f", "{}").error(), lab.remove("f").error()}) {
        CHECK(refused.fault == Fault::conflict);
        CHECK(contains(refused.detail, "f.py in the folder /srv/functions"));
    }
    lab.reopen();
    CHECK(lab.find("f")->origin == "f.py");
    CHECK(lab.loop.run(lab.registry().remove_placed("f")));
    CHECK(lab.loop.run(lab.registry().remove_placed("f")).error().fault == Fault::not_found);
    CHECK(lab.put("f", document()).value().function->version == 2);
}

TEST_CASE(
    "without a folder what came from one is as any other function, and no longer of the folder once it is changed",
    "[docker][registry]") {
    Lab lab;
    REQUIRE(lab.loop.run(lab.registry().put_placed({"f", document(), "f.py"})));
    REQUIRE(lab.put("f", document()));
    CHECK(lab.find("f")->origin.empty());
    CHECK(lab.find("f")->version == 2);
}

TEST_CASE("the folder leaves alone what others have deployed", "[docker][registry]") {
    Lab lab(with_folder());
    REQUIRE(lab.put("f", document()));
    const auto put = lab.loop.run(lab.registry().put_placed({"f", document(), "f.py"}));
    REQUIRE_FALSE(put);
    CHECK(put.error().fault == Fault::conflict);
    CHECK(contains(put.error().detail, "not taken over"));
    CHECK(put_all(lab, {{"f", document(), "f.py"}}) == Words{"conflict"});
    CHECK(lab.loop.run(lab.registry().remove_placed("f")).error().fault == Fault::conflict);
    CHECK(lab.find("f")->version == 1);
}

TEST_CASE("many are one change, and the same again is none", "[docker][registry]") {
    Lab lab(with_folder());
    const std::vector<Placed> all{{"a", document(route("/a")), "a.py"}, {"b", document(route("/b")), "b.py"}};
    CHECK(put_all(lab, all) == Words{"1", "1"});
    CHECK(lab.seen == Words{"->1", "->1"});
    CHECK(lab.route("/b") == "b");
    lab.reopen();
    CHECK(put_all(lab, all) == Words{"1", "1"});
    CHECK(lab.seen.size() == 2);
    CHECK(lab.route("/a") == "a");
}

TEST_CASE("what cannot be one of many is refused by itself", "[docker][registry]") {
    Lab lab(with_folder());
    REQUIRE(lab.put("owner", document(route("/taken"))));
    CHECK(put_all(lab, {{"a", document(route("/a")), "a.py"},
                        {"b", document(route("/taken")), "b.py"},
                        {"c", R"({"image":"debian:bookworm-slim","no":1})", "c.py"},
                        {"d", document(route("/a")), "d.py"},
                        {"e", R"({"image":"registry-test-nothing:1","pull":"never"})", "e.py"},
                        {"g", document(), "g.py"}}) == Words{"1", "conflict", "invalid", "conflict", "left", "1"});
    CHECK(lab.find("a"));
    CHECK(lab.find("g"));
    CHECK(lab.registry().catalog()->functions.size() == 3);
    CHECK(lab.route("/a") == "a");
    lab.reopen();
    CHECK(lab.registry().catalog()->functions.size() == 3);
}

TEST_CASE("what is as it was needs no engine", "[docker][registry]") {
    Lab lab(with_folder());
    REQUIRE(put_all(lab, {{"a", document(), "a.py"}}) == Words{"1"});
    lab.engine.fail("inspect_image", 1);
    CHECK(put_all(lab, {{"a", document(), "a.py"}}) == Words{"1"});
    lab.engine.fail("inspect_image", 1);
    CHECK(put_all(lab, {{"a", document(route("/a")), "a.py"}}) == Words{"engine_down"});
    CHECK(lab.find("a")->version == 1);
}
