// SPDX-License-Identifier: Apache-2.0
#include "api/signed_body.h"

#include <shallop/function/resource.h>

#include "support/loop.h"
#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <vector>

using namespace shallop;
using api::SignedBody;
using base::Fault;

namespace {

function::FunctionPtr function_with(const std::string& routes) {
    function::Function made;
    made.spec = function::parse_resource(R"({"image":"i","routes":)" + routes + "}", "f").value();
    return std::make_shared<const function::Function>(std::move(made));
}

function::FunctionPtr signed_by_github() {
    return function_with(
        R"([{"path":"/a","signature":{"scheme":"github","secret":"It's a Secret to Everybody"}},{"path":"/open"}])");
}

const base::Fields signed_fields{
    {"X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}};

api::Destination by_route(const function::FunctionPtr& function, std::size_t route) {
    api::Destination destination;
    destination.function = function;
    destination.route = route;
    return destination;
}

api::Destination by_name(const function::FunctionPtr& function) {
    auto destination = by_route(function, 0);
    destination.by_name = true;
    return destination;
}

/// A body in the pieces in which it comes.
class Pieces final : public function::BodySource {
public:
    explicit Pieces(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
    async::Task<base::Result<std::size_t>> read(std::span<char> into) override {
        ++reads;
        if (next_ == pieces_.size()) co_return std::size_t{0};
        const auto& piece = pieces_[next_++];
        std::copy(piece.begin(), piece.end(), into.begin());
        co_return piece.size();
    }
    int reads = 0;

private:
    std::vector<std::string> pieces_;
    std::size_t next_ = 0;
};

async::Task<std::string> whole(function::BodySource& body) {
    std::string text;
    std::array<char, 5> room{};
    for (;;) {
        const auto got = co_await body.read(room);
        if (got.value() == 0) co_return text;
        text.append(room.data(), *got);
    }
}

const function::SecretOpener none;

base::Status take(SignedBody& body, const base::Fields& fields, function::BodySource& from) {
    return test::Loop().run(body.take(fields, from, {}));
}

}  // namespace

TEST_CASE("a signed body comes out as it went in", "[api][signature]") {
    const auto github = signed_by_github();
    base::Bytes held = 0;
    {
        SignedBody body(github, *github->spec.routes[0].signature, none, held);
        Pieces pieces({"Hello", ", ", "World!"});
        REQUIRE(take(body, signed_fields, pieces));
        CHECK(held == 13);
        CHECK(test::Loop().run(whole(body)) == "Hello, World!");
    }
    CHECK(held == 0);
}

TEST_CASE("a body that is not signed as asked is a bad signature", "[api][signature]") {
    const auto github = signed_by_github();
    base::Bytes held = 0;
    SignedBody body(github, *github->spec.routes[0].signature, none, held);
    Pieces pieces({"Hello, World?"});
    const auto refused = take(body, signed_fields, pieces);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::invalid);
    CHECK(refused.error().pointer == api::bad_signature);
}

TEST_CASE("without a signature not a byte of the body is read", "[api][signature]") {
    const auto github = signed_by_github();
    base::Bytes held = 0;
    SignedBody body(github, *github->spec.routes[0].signature, none, held);
    Pieces pieces({"Hello, World!"});
    const auto refused = take(body, {}, pieces);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().pointer == api::bad_signature);
    CHECK(pieces.reads == 0);
}

TEST_CASE("what signed bodies have in memory is bounded, each and all together", "[api][signature]") {
    const auto github = signed_by_github();
    base::Bytes held = 0;
    const api::SignedLimits limits{.one = 12, .all = 20};
    {
        SignedBody body(github, *github->spec.routes[0].signature, none, held, limits);
        Pieces pieces({"Hello, ", "World!"});
        const auto refused = take(body, signed_fields, pieces);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().fault == Fault::too_large);
    }
    CHECK(held == 0);
    held = 10;  // of others
    const api::SignedLimits roomier{.one = 13, .all = 20};
    {
        SignedBody body(github, *github->spec.routes[0].signature, none, held, roomier);
        Pieces pieces({"Hello, ", "World!"});
        const auto refused = take(body, signed_fields, pieces);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().fault == Fault::overloaded);
    }
    CHECK(held == 10);
}

TEST_CASE("a route asks for its own signature, and one without asks for none", "[api][signature]") {
    const auto github = signed_by_github();
    CHECK(api::wanted_signature(*github, by_route(github, 0)).value() == &*github->spec.routes[0].signature);
    CHECK(api::wanted_signature(*github, by_route(github, 1)).value() == nullptr);
}

TEST_CASE("a function's name is no way around its signature", "[api][signature]") {
    const auto github = signed_by_github();
    REQUIRE(api::wanted_signature(*github, by_name(github)).value() != nullptr);
    CHECK(*api::wanted_signature(*github, by_name(github)).value() == *github->spec.routes[0].signature);
    const auto open = function_with(R"([{"path":"/a"}])");
    CHECK(api::wanted_signature(*open, by_name(open)).value() == nullptr);
    const auto two = function_with(R"([{"path":"/a","signature":{"scheme":"github","secret":"x"}},
        {"path":"/b","signature":{"scheme":"github","secret":"y"}}])");
    const auto refused = api::wanted_signature(*two, by_name(two));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().pointer == api::bad_signature);
}
