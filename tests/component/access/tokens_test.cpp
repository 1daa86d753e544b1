// SPDX-License-Identifier: Apache-2.0
#include <shallop/access/tokens.h>

#include "component/store/support.h"
#include "support/manual_clock.h"
#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <iterator>

using namespace shallop;
using namespace std::chrono_literals;
using access::FirstToken;
using access::Scope;
using access::Tokens;
using base::Fault;
using test::Opened;
using test::TempDir;

namespace {

const std::string first_secret = "shallop_" + std::string(64, '0');

/// A daemon's tokens from one start to its end.
struct Stage {
    explicit Stage(const std::string& directory, FirstToken first = {first_secret, {}, {}})
        : opened(directory), tokens(std::move(first), stored, ids, clock, opened.loop().executor()) {
        REQUIRE(opened.run(tokens.load()));
    }

    access::Issued make(const std::string& name, Scope scope, std::optional<access::Seconds> expires = {}) {
        return opened.run(tokens.create({name, scope, expires})).value();
    }
    Fault refusal(const std::string& name) {
        return opened.run(tokens.create({name, Scope::invoke, {}})).error().fault;
    }
    /// "NAME SCOPE" of a secret's caller, "-" for nobody.
    std::string caller(const std::string& secret) {
        const auto checked = tokens.check(secret);
        return checked.caller ? checked.caller->name + " " + std::string(name(checked.caller->scope)) : "-";
    }

    Opened opened;
    store::Tokens stored{*opened};
    base::RandomIds ids;
    test::ManualClock clock{opened.loop().executor()};
    Tokens tokens;
};

}  // namespace

TEST_CASE("a token opens what its scope says until it is removed", "[access]") {
    TempDir dir;
    Stage stage(dir.path());
    const auto ci = stage.make("ci", Scope::deploy);
    CHECK(ci.secret.size() == 72);
    CHECK(ci.secret.starts_with("shallop_"));
    CHECK(ci.token.hint == ci.secret.substr(0, 12));
    CHECK(stage.caller(ci.secret) == "ci deploy");
    CHECK(stage.caller(first_secret) == "admin admin");
    for (const auto& wrong :
         {std::string(), ci.secret.substr(0, 71), ci.secret + "0", std::string("ci"), ci.token.hint})
        CHECK(stage.caller(wrong) == "-");
    REQUIRE(stage.opened.run(stage.tokens.remove("ci")));
    CHECK(stage.caller(ci.secret) == "-");
    CHECK(stage.opened.run(stage.tokens.remove("ci")).error().fault == Fault::not_found);
}

TEST_CASE("tokens outlive the daemon, and no secret is in its files", "[access]") {
    TempDir dir;
    std::string secret;
    {
        Stage stage(dir.path());
        secret = stage.make("ci", Scope::deploy).secret;
    }
    Stage stage(dir.path());
    CHECK(stage.caller(secret) == "ci deploy");
    CHECK(stage.tokens.list().size() == 2);
    for (const auto& file : std::filesystem::directory_iterator(dir.path())) {
        std::ifstream stream(file.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
        CHECK(bytes.find(secret.substr(12)) == bytes.npos);
    }
}

TEST_CASE("the old secret of a rotated token opens nothing", "[access]") {
    TempDir dir;
    Stage stage(dir.path());
    const auto before = stage.make("ci", Scope::deploy);
    const auto after = stage.opened.run(stage.tokens.rotate("ci")).value();
    CHECK(stage.caller(before.secret) == "-");
    CHECK(stage.caller(after.secret) == "ci deploy");
    CHECK(stage.opened.run(stage.tokens.rotate("nobody")).error().fault == Fault::not_found);
}

TEST_CASE("a token opens nothing after its end, and rotating it gives it as long again", "[access]") {
    TempDir dir;
    Stage stage(dir.path());
    const auto now = std::chrono::floor<std::chrono::seconds>(stage.clock.wall());
    const auto token = stage.make("brief", Scope::invoke, now + 1h);
    stage.clock.advance(59min);
    CHECK(stage.caller(token.secret) == "brief invoke");
    stage.clock.advance(1min);
    CHECK(stage.caller(token.secret) == "-");
    CHECK(stage.tokens.check(token.secret).expired);
    const auto again = stage.opened.run(stage.tokens.rotate("brief")).value();
    CHECK(again.token.expires == now + 2h);
    CHECK(stage.caller(again.secret) == "brief invoke");
}

TEST_CASE("the first token is rotated where it is kept, and only there", "[access]") {
    TempDir dir;
    std::string kept;
    FirstToken first{first_secret, {}, [&](std::string secret) -> async::Task<base::Status> {
                         kept = std::move(secret);
                         co_return base::Status();
                     }};
    Stage stage(dir.path(), std::move(first));
    const auto rotated = stage.opened.run(stage.tokens.rotate("admin")).value();
    CHECK(rotated.secret == kept);
    CHECK(stage.caller(first_secret) == "-");
    CHECK(stage.caller(kept) == "admin admin");
    CHECK(stage.opened.run(stage.tokens.remove("admin")).error().fault == Fault::conflict);

    TempDir other;
    Stage set(other.path());
    const auto refused = set.opened.run(set.tokens.rotate("admin"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::conflict);
    CHECK(refused.error().detail.find("--admin-token") != std::string::npos);
    CHECK(set.caller(first_secret) == "admin admin");
}

TEST_CASE("a first token that cannot be kept stays as it is", "[access]") {
    TempDir dir;
    FirstToken first{first_secret, {}, [](std::string) -> async::Task<base::Status> {
                         co_return base::Error(Fault::storage, "no room");
                     }};
    Stage stage(dir.path(), std::move(first));
    CHECK(stage.opened.run(stage.tokens.rotate("admin")).error().fault == Fault::storage);
    CHECK(stage.caller(first_secret) == "admin admin");
}

TEST_CASE("a name is used once, and tokens are bounded", "[access]") {
    TempDir dir;
    Stage stage(dir.path());
    stage.make("ci", Scope::invoke);
    CHECK(stage.refusal("ci") == Fault::conflict);
    for (const auto* name : {"admin", "anyone", "folder", "daemon", "", "CI", "-x", "a b", "a\nb", "../x"})
        CHECK(stage.refusal(name) == Fault::invalid);
    CHECK(stage.refusal(std::string(64, 'a')) == Fault::invalid);
    while (stage.tokens.list().size() < Tokens::most)
        stage.make("t" + std::to_string(stage.tokens.list().size()), Scope::invoke);
    CHECK(stage.refusal("one-more") == Fault::conflict);
}

TEST_CASE("when a token was used last is told to the hour", "[access]") {
    TempDir dir;
    Stage stage(dir.path());
    const auto token = stage.make("ci", Scope::invoke);
    CHECK_FALSE(stage.tokens.list().back().last_used);
    stage.clock.advance(90min);
    stage.caller(token.secret);
    CHECK(stage.tokens.list().back().last_used == std::chrono::floor<std::chrono::hours>(stage.clock.wall()));
}
