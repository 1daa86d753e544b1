// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <algorithm>

using namespace shallop;
using base::Fault;
using test::Lab;

namespace {

/// With a command of its own: the image may have been made from packages, without one.
const std::string debian = R"({"image":"debian:bookworm-slim","command":["true"])";

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void sh(const std::string& command) { REQUIRE(std::system((command + " >/dev/null 2>&1").c_str()) == 0); }

/// A name in the engine for an image made of these lines; gone at the end.
class TestImage {
public:
    explicit TestImage(const std::string& lines) : name("registry-test-" + base::RandomIds().next()) { build(lines); }
    TestImage(const TestImage&) = delete;
    TestImage& operator=(const TestImage&) = delete;
    ~TestImage() {
        remove();
        for (const auto& id : ids_) [[maybe_unused]]
            const int gone = std::system(("docker image rm -f " + id + " >/dev/null 2>&1").c_str());
    }

    void build(const std::string& lines) {
        sh("printf 'FROM scratch\\nLABEL test=" + name + "-" + std::to_string(ids_.size()) + "\\n" + lines +
           "\\n' | docker build -t " + name + " -");
        ids_.push_back(name + ":kept-" + std::to_string(ids_.size()));
        sh("docker tag " + name + " " + ids_.back());
    }
    void remove() const {
        [[maybe_unused]] const int gone = std::system(("docker image rm -f " + name + " >/dev/null 2>&1").c_str());
    }
    std::string document(const std::string& more = "") const { return R"({"image":")" + name + "\"" + more + "}"; }

    std::string name;

private:
    std::vector<std::string> ids_;  ///< every build keeps a name, so that nothing nameless stays behind
};

}  // namespace

TEST_CASE("a function is put, found, changed and removed, and the observer sees each step", "[docker][registry]") {
    Lab lab;
    const auto created = lab.put("f", debian + R"(,"routes":[{"path":"/f"}]})");
    REQUIRE(created);
    CHECK(created->created);
    CHECK(created->function->version == 1);
    CHECK(created->function->image.id.starts_with("sha256:"));
    CHECK(created->function->etag.size() == 16);
    CHECK(created->function->created == created->function->updated);
    CHECK(created->function->spec.contract.automatic);
    CHECK(contains(created->function->spec.contract.reason, "has a command"));
    CHECK(lab.find("f") == created->function);
    CHECK(lab.route("/f") == "f");

    const auto changed = lab.put("f", debian + R"(,"routes":[{"path":"/g"}]})");
    REQUIRE(changed);
    CHECK_FALSE(changed->created);
    CHECK(changed->function->version == 2);
    CHECK(changed->function->etag != created->function->etag);
    CHECK(changed->function->created == created->function->created);
    CHECK(lab.route("/f") == "none");
    CHECK(lab.route("/g") == "f");

    REQUIRE(lab.remove("f"));
    CHECK(lab.find("f") == nullptr);
    CHECK(lab.route("/g") == "none");
    CHECK(lab.seen == std::vector<std::string>{"->1", "1>2", "2>-"});
    CHECK(lab.remove("f").error().fault == Fault::not_found);
    CHECK(lab.patch("f", "{}").error().fault == Fault::not_found);
}

TEST_CASE("the same resource again changes nothing", "[docker][registry]") {
    Lab lab;
    const auto first = lab.put("f", debian + "}").value();
    const auto again = lab.put("f", debian + R"(,"network":"none","limits":{"memory":268435456}})").value();
    CHECK(again.function == first.function);
    CHECK_FALSE(again.created);
    const auto answered = lab.put("f", function::format_resource(*first.function)).value();
    CHECK(answered.function == first.function);
    const auto patched = lab.patch("f", "{}").value();
    CHECK(patched.function == first.function);
    CHECK(lab.seen.size() == 1);
}

TEST_CASE("what was answered is there after a restart, without the engine", "[docker][registry]") {
    Lab lab;
    const auto a = lab.put("a", debian + R"(,"env":{"A":"ü"},"routes":[{"path":"/a/{id}"}]})").value().function;
    const auto b = lab.put("b", debian + R"(,"contract":{"cgi":{"output":"raw"}}})").value().function;
    REQUIRE(lab.put("c", debian + "}"));
    REQUIRE(lab.remove("c"));
    const auto calls = lab.engine.calls().size();
    lab.reopen();
    CHECK(lab.engine.calls().size() == calls);
    CHECK(lab.registry().catalog()->functions.size() == 2);
    CHECK(lab.find("a")->spec == a->spec);
    CHECK(lab.find("a")->image == a->image);
    CHECK(lab.find("a")->etag == a->etag);
    CHECK(lab.find("a")->version == a->version);
    CHECK(lab.find("a")->updated == a->updated);
    CHECK(lab.find("b")->spec == b->spec);
    CHECK(lab.route("/a/7") == "a");
    // And it is the same function to a second deploy.
    CHECK(lab.put("b", function::format_resource(*b)).value().function->version == b->version);
}

TEST_CASE("a removed name that comes back counts its versions on", "[docker][registry]") {
    Lab lab;
    REQUIRE(lab.put("f", debian + "}"));
    REQUIRE(lab.remove("f"));
    lab.reopen();
    const auto back = lab.put("f", debian + "}").value();
    CHECK(back.created);
    CHECK(back.function->version == 2);
}

TEST_CASE("an image that was tagged anew makes a new version, and only when it is put again", "[docker][registry]") {
    Lab lab;
    TestImage image("CMD [\"/one\"]");
    const auto first = lab.put("f", image.document()).value().function;
    image.build("CMD [\"/two\"]");
    CHECK(lab.find("f")->image.id == first->image.id);
    const auto second = lab.put("f", image.document()).value();
    CHECK_FALSE(second.created);
    CHECK(second.function->version == 2);
    CHECK(second.function->image.id != first->image.id);
    CHECK(second.function->image.cmd == std::vector<std::string>{"/two"});
}

TEST_CASE("the facts of an image are kept: entrypoint, directory, user, variables, ports and our labels",
          "[docker][registry]") {
    Lab lab;
    TestImage image(
        "ENTRYPOINT [\"/e\",\"-x\"]\\nCMD [\"/c\"]\\nWORKDIR /srv\\nUSER 5:6\\nENV A=b\\nEXPOSE 8080\\n"
        "LABEL shallop.contract=cgi other.label=x");
    const auto facts = lab.put("f", image.document()).value().function->image;
    CHECK(facts.entrypoint == std::vector<std::string>{"/e", "-x"});
    CHECK(facts.cmd == std::vector<std::string>{"/c"});
    CHECK(facts.working_dir == "/srv");
    CHECK(facts.user == "5:6");
    CHECK(std::find(facts.env.begin(), facts.env.end(), "A=b") != facts.env.end());
    CHECK(facts.exposed_ports == std::vector<std::string>{"8080/tcp"});
    CHECK(facts.labels == std::map<std::string, std::string>{{"shallop.contract", "cgi"}});
}

TEST_CASE("an image without anything to run is refused unless a command is given", "[docker][registry]") {
    Lab lab;
    TestImage image("ENV A=b");
    const auto refused = lab.put("f", image.document());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::invalid);
    CHECK(refused.error().pointer == "/image");
    CHECK(lab.put("f", image.document(R"(,"command":["/x"])")));
}

TEST_CASE("an image that asks for another contract by its label is refused in words", "[docker][registry]") {
    Lab lab;
    TestImage image("CMD [\"/x\"]\\nLABEL shallop.contract=lambda");
    const auto refused = lab.put("f", image.document());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().pointer == "/contract");
    CHECK(lab.put("f", image.document(R"(,"contract":"cgi")")));
}

TEST_CASE("two functions cannot have one route, whichever way the second comes to it", "[docker][registry]") {
    Lab lab;
    REQUIRE(lab.put("a", debian + R"(,"routes":[{"path":"/same"}]})"));
    REQUIRE(lab.put("b", debian + "}"));
    for (const auto& refused : {lab.put("c", debian + R"(,"routes":[{"path":"/same"}]})"),
                                lab.patch("b", R"({"routes":[{"path":"/same"}]})")}) {
        REQUIRE_FALSE(refused);
        CHECK(refused.error().fault == Fault::conflict);
        CHECK(refused.error().pointer.starts_with("/routes"));
        CHECK(contains(refused.error().detail, "a"));
    }
    CHECK(lab.find("c") == nullptr);
    CHECK(lab.find("b")->version == 1);
    CHECK(lab.route("/same") == "a");
    CHECK(lab.put("b", debian + R"(,"routes":[{"path":"/function/x"}]})").error().pointer == "/routes/0/path");
}

TEST_CASE("preconditions guard put, patch and remove", "[docker][registry]") {
    Lab lab;
    const auto failed = [](const auto& result) {
        return !result && result.error().fault == Fault::conflict &&
               result.error().pointer == registry::precondition_failed;
    };
    CHECK(failed(lab.put("f", debian + "}", {.if_match = "*", .if_none_match = {}})));
    const auto first = lab.put("f", debian + "}", {.if_match = {}, .if_none_match = "*"}).value().function;
    CHECK(failed(lab.put("f", debian + "}", {.if_match = {}, .if_none_match = "*"})));
    const registry::Precondition matching{"\"" + first->etag + "\"", std::nullopt};
    REQUIRE(lab.patch("f", R"({"env":{"A":"1"}})", matching));
    CHECK(failed(lab.put("f", debian + "}", matching)));
    CHECK(failed(lab.patch("f", R"({"env":{"A":"2"}})", matching)));
    CHECK(failed(lab.remove("f", matching)));
    CHECK(lab.find("f")->version == 2);
    CHECK(lab.remove("f", {"\"" + lab.find("f")->etag + "\"", std::nullopt}));
}

TEST_CASE("there is a limit on functions, which changes to those there are do not meet", "[docker][registry]") {
    registry::Settings settings;
    settings.functions = 2;
    Lab lab(settings);
    REQUIRE(lab.put("a", debian + "}"));
    REQUIRE(lab.put("b", debian + "}"));
    const auto refused = lab.put("c", debian + "}");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::conflict);
    CHECK(contains(refused.error().detail, "2 functions"));
    CHECK(lab.put("a", debian + R"(,"user":"5"})"));
    REQUIRE(lab.remove("b"));
    CHECK(lab.put("c", debian + "}"));
}

TEST_CASE("a bind mount needs an operator's root", "[docker][registry]") {
    const std::string with_bind = debian + R"(,"mounts":[{"type":"bind","source":"/usr/share","target":"/data"}]})";
    CHECK(Lab().put("f", with_bind).error().pointer == "/mounts/0/source");
    registry::Settings settings;
    settings.bind_roots = {"/usr/share"};
    CHECK(Lab(settings).put("f", with_bind));
}

TEST_CASE("a stored function that cannot be read is left out, and can be deployed again", "[docker][registry]") {
    Lab lab;
    REQUIRE(lab.put("good", debian + "}"));
    store::StoredFunction broken{"broken", 4, R"({"image":"i","no-such-member":1})", "{}", "e", "c", "u"};
    REQUIRE(lab.loop.run(lab.store().put_function(broken)));
    lab.reopen();
    CHECK(lab.find("good"));
    CHECK(lab.find("broken") == nullptr);
    CHECK(lab.put("broken", debian + "}").value().function->version == 5);
}

TEST_CASE("the largest resource that is accepted is there after a restart", "[docker][registry]") {
    Lab lab;
    std::string document = R"({"image":"debian:bookworm-slim","command":[")" + std::string(60'000, 'c') +
                           R"("],"env":{"A":")" + std::string(60'000, 'e') + R"("},"routes":[)";
    for (int n = 0; n < 64; ++n)
        document += (n > 0 ? "," : "") + (R"({"path":"/)" + std::to_string(n) + std::string(1000, 'p') + "\"}");
    const auto put = lab.put("f", document + "]}");
    REQUIRE(put);
    lab.reopen();
    REQUIRE(lab.find("f"));
    CHECK(lab.find("f")->spec == put->function->spec);
}
