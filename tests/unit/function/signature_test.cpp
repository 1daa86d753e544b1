// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/signature.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <map>

using namespace shallop;
using namespace std::chrono_literals;
using base::Fields;
using function::Signature;
using function::SignatureCheck;
using function::SignatureScheme;

namespace {

std::chrono::system_clock::time_point at(std::int64_t seconds) {
    return std::chrono::system_clock::time_point(std::chrono::seconds(seconds));
}

/// "" where it is signed, else what is said.
std::string refusal(const Signature& signature, const Fields& fields, std::string_view body, std::int64_t now = 0) {
    auto check = SignatureCheck::begin(signature, fields, at(now));
    if (!check) return check.error().detail;
    // In pieces, as a body comes.
    for (; !body.empty(); body.remove_prefix(std::min<std::size_t>(body.size(), 7))) {
        check->update(body.substr(0, 7));
    }
    const auto done = check->end();
    return done ? "" : done.error().detail;
}

bool says(const std::string& refusal, std::string_view part) { return refusal.find(part) != std::string::npos; }

Signature signed_by(SignatureScheme scheme, std::vector<std::string> secrets) {
    Signature signature;
    signature.scheme = scheme;
    signature.secrets = std::move(secrets);
    return signature;
}

// The example of GitHub's documentation, "Validating webhook deliveries".
const Signature github = signed_by(SignatureScheme::github, {"It's a Secret to Everybody"});
const std::string github_signed = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

// The example of Slack's documentation, "Verifying requests from Slack".
const Signature slack = signed_by(SignatureScheme::slack, {"8f742231b10e8888abcd99yyyzzz85a5"});
const std::string slack_body =
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&"
    "user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack."
    "com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
    "803a0bc887a14d10d2c447fce8b6703c";
const Fields slack_fields{{"X-Slack-Request-Timestamp", "1531420618"},
                          {"X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"}};

// The example of the Standard Webhooks libraries.
const Signature standard = signed_by(SignatureScheme::standard_webhooks, {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"});
const std::string standard_body = R"({"test": 2432232314})";
const std::string standard_signed = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

Fields standard_fields(const std::string& signatures) {
    return {{"webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"},
            {"webhook-timestamp", "1614265330"},
            {"webhook-signature", signatures}};
}

const Signature stripe = signed_by(SignatureScheme::stripe, {"whsec_test_secret"});
const std::string stripe_body = R"({"id":"evt_1"})";
const std::string stripe_v1 = "v1=799c4ba7bb339f3c8601adfd112f0e477c930a268be1243d341abb8286501c2f";
const std::string stripe_old = "v1=0747100650652ef72323d15ecf021fcf28463e6c3f46c75d091a00c9fbb46a37";

std::string stripe_refusal(const std::string& field, std::int64_t now = 1492774577) {
    return refusal(stripe, {{"Stripe-Signature", field}}, stripe_body, now);
}

}  // namespace

TEST_CASE("GitHub's own example is signed, and what differs from it is not", "[function][signature]") {
    CHECK(refusal(github, {{"X-Hub-Signature-256", github_signed}}, "Hello, World!").empty());
    CHECK(refusal(github,
                  {{"x-hub-signature-256", "sha256=757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C46F4379C8B043E17"}},
                  "Hello, World!")
              .empty());
    CHECK(says(refusal(github, {{"X-Hub-Signature-256", github_signed}}, "Hello, World"), "does not match"));
    CHECK(says(refusal(github, {{"X-Hub-Signature-256", github_signed.substr(0, 70)}}, "Hello, World!"), "not match"));
    const auto other = signed_by(SignatureScheme::github, {"It's another one"});
    CHECK(says(refusal(other, {{"X-Hub-Signature-256", github_signed}}, "Hello, World!"), "does not match"));
}

TEST_CASE("a signature that is missing, there twice or of another form is refused by its head",
          "[function][signature]") {
    CHECK(says(refusal(github, {}, ""), "X-Hub-Signature-256 is missing"));
    const base::Field good{"X-Hub-Signature-256", github_signed};
    CHECK(says(refusal(github, {good, good}, "Hello, World!"), "more than once"));
    CHECK(says(refusal(github, {{good.name, github_signed.substr(7)}}, "Hello, World!"), "not of the form"));
    CHECK(says(refusal(github, {{good.name, "sha1=" + github_signed.substr(7)}}, "Hello, World!"), "not of the form"));
    CHECK(says(refusal(github, {{good.name, ""}}, ""), "not of the form"));
    CHECK(says(refusal(github, {{good.name, "sha256="}}, ""), "does not match"));
}

TEST_CASE("with several secrets, each of them will do", "[function][signature]") {
    const auto rotated = signed_by(SignatureScheme::github, {"the new one", "It's a Secret to Everybody"});
    CHECK(refusal(rotated, {{"X-Hub-Signature-256", github_signed}}, "Hello, World!").empty());
    const auto done = signed_by(SignatureScheme::github, {"the new one", "a newer one"});
    CHECK_FALSE(refusal(done, {{"X-Hub-Signature-256", github_signed}}, "Hello, World!").empty());
}

TEST_CASE("secrets that the server keeps are opened for each request, beside those in clear", "[function][signature]") {
    std::map<std::string, std::string> kept{{"hook", "It's a Secret to Everybody\r\n"}};
    const function::SecretOpener open = [&](const std::string& name) -> base::Result<base::SecretBytes> {
        if (!kept.contains(name)) return base::Error(base::Fault::not_found, "no");
        return base::SecretBytes::copy_of(kept.at(name));
    };
    const Fields fields{{"X-Hub-Signature-256", github_signed}};
    const auto outcome = [&](const Signature& signature) -> std::string {
        auto check = SignatureCheck::begin(signature, fields, at(0), open);
        if (!check) return check.error().detail;
        check->update(std::string_view("Hello, World!"));
        const auto done = check->end();
        return done ? "" : done.error().detail;
    };
    auto named = signed_by(SignatureScheme::github, {});
    named.secret_names = {"hook"};
    CHECK(outcome(named).empty());
    kept["hook"] = "a new one";
    CHECK(says(outcome(named), "does not match"));
    kept["hook"] = "\n";
    CHECK(says(outcome(named), "none of its scheme"));  // nothing is no key
    kept["hook"] = "a new one";
    named.secrets = {"It's a Secret to Everybody"};
    CHECK(outcome(named).empty());
    named.secrets.clear();
    named.secret_names = {"gone"};
    CHECK(says(outcome(named), "is not here"));
    named.secret_names = {"gone", "hook"};
    CHECK(says(outcome(named), "does not match"));
}

TEST_CASE("Slack's own example is signed, at its time alone", "[function][signature]") {
    CHECK(refusal(slack, slack_fields, slack_body, 1531420618).empty());
    CHECK(refusal(slack, slack_fields, slack_body, 1531420618 + 300).empty());
    CHECK(refusal(slack, slack_fields, slack_body, 1531420618 - 300).empty());
    CHECK(says(refusal(slack, slack_fields, slack_body, 1531420618 + 301), "a time more than 5m away"));
    CHECK(says(refusal(slack, slack_fields, slack_body, 1531420618 - 301), "a time more than 5m away"));
    auto moved = slack_fields;
    moved[0].value = "1531420619";
    CHECK(says(refusal(slack, moved, slack_body, 1531420618), "does not match"));
    for (const auto* time : {"", "-1", "+1531420618", " 1531420618", "1531420618.0", "0x5b47", "9999999999999"}) {
        moved[0].value = time;
        CAPTURE(time);
        CHECK(says(refusal(slack, moved, slack_body, 1531420618), "seconds since 1970"));
    }
}

TEST_CASE("the example of Standard Webhooks is signed, among others and with or without whsec_",
          "[function][signature]") {
    const std::int64_t now = 1614265330;
    CHECK(refusal(standard, standard_fields(standard_signed), standard_body, now).empty());
    CHECK(refusal(standard, standard_fields("v1,AAAA v1a,BBBB " + standard_signed), standard_body, now).empty());
    const auto bare = signed_by(SignatureScheme::standard_webhooks, {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"});
    CHECK(refusal(bare, standard_fields(standard_signed), standard_body, now).empty());
    CHECK(says(refusal(standard, standard_fields("v2" + standard_signed.substr(2)), standard_body, now), "form"));
    CHECK(says(refusal(standard, standard_fields(standard_signed + "x"), standard_body, now), "does not match"));
    CHECK(says(refusal(standard, standard_fields(standard_signed), standard_body, now + 301), "away"));
    auto fields = standard_fields(standard_signed);
    fields[0].value = "msg_2";
    CHECK(says(refusal(standard, fields, standard_body, now), "does not match"));
    fields.erase(fields.begin());
    CHECK(says(refusal(standard, fields, standard_body, now), "webhook-id is missing"));
}

TEST_CASE("more signatures than anybody sends are refused", "[function][signature]") {
    std::string many;
    std::string stripes = "t=1492774577";
    for (int i = 0; i < 17; ++i) {
        many += "v1,AAAA ";
        stripes += ",v1=00";
    }
    CHECK(says(refusal(standard, standard_fields(many + standard_signed), standard_body, 1614265330), "form"));
    CHECK(says(stripe_refusal(stripes + "," + stripe_v1), "form"));
}

TEST_CASE("of Stripe's signatures one v1 is enough, and no other version counts", "[function][signature]") {
    CHECK(stripe_refusal("t=1492774577," + stripe_v1).empty());
    CHECK(stripe_refusal("t=1492774577," + stripe_old + "," + stripe_v1 + ",v0=6ffb").empty());
    CHECK(stripe_refusal(stripe_v1 + ",t=1492774577").empty());
    CHECK(says(stripe_refusal("t=1492774577," + stripe_old), "does not match"));
    CHECK(says(stripe_refusal("t=1492774577,v0" + stripe_v1.substr(2)), "not of the form"));
    CHECK(says(stripe_refusal("t=1492774577,t=1492774577," + stripe_v1), "not of the form"));
    CHECK(says(stripe_refusal(stripe_v1), "not of the form"));
    CHECK(says(stripe_refusal("t=1492774577"), "not of the form"));
    CHECK(says(stripe_refusal("t=1492774577," + stripe_v1, 1492774577 + 301), "away"));
    CHECK(says(stripe_refusal("t=1492774578," + stripe_v1), "does not match"));
}

TEST_CASE("Gitea signs in bare hexadecimal digits", "[function][signature]") {
    const auto gitea = signed_by(SignatureScheme::gitea, {"gitea-secret"});
    const std::string digits = "6aab54046b413afedbc6d4ff0d3b4fd694c1af82c19c0be7ee9b80438b90223d";
    CHECK(refusal(gitea, {{"X-Gitea-Signature", digits}}, R"({"ref":"refs/heads/main"})").empty());
    CHECK(says(refusal(gitea, {{"X-Gitea-Signature", "sha256=" + digits}}, R"({"ref":"refs/heads/main"})"), "match"));
}

TEST_CASE("GitLab's token is compared whole", "[function][signature]") {
    const auto gitlab = signed_by(SignatureScheme::gitlab, {"new token", "old token"});
    CHECK(refusal(gitlab, {{"X-Gitlab-Token", "old token"}}, "any body").empty());
    for (const auto* token : {"", "old", "old token ", "OLD TOKEN", "new tokenold token"}) {
        CAPTURE(token);
        CHECK(says(refusal(gitlab, {{"X-Gitlab-Token", token}}, ""), "not the one that was agreed on"));
    }
    CHECK(says(refusal(gitlab, {}, ""), "missing"));
}

TEST_CASE("a sender of one's own says how it signs", "[function][signature]") {
    auto own = signed_by(SignatureScheme::hmac, {"key"});
    own.header = "X-Sig";
    const std::string fox = "The quick brown fox jumps over the lazy dog";
    own.algorithm = "sha1";
    CHECK(refusal(own, {{"X-Sig", "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9"}}, fox).empty());
    own.algorithm = "sha512";
    own.encoding = "base64";
    const std::string base64 =
        "tCrwkFe6weLUFwjkipAuCbX/fxKrQopP6GZTxz3SSPuC+UilSfe3kaW0GRXuTR7Dk1NX5OIxclDQNyr6Lr7rOg==";
    CHECK(refusal(own, {{"X-Sig", base64}}, fox).empty());
    CHECK(says(refusal(own, {{"X-Sig", base64.substr(0, 86)}}, fox), "does not match"));
    own.algorithm = "sha256";
    own.encoding = "hex";
    own.prefix = "hmac ";
    own.timestamp_header = "X-Time";
    own.signed_text = "{timestamp}|{body}|end";
    own.tolerance = 10s;
    const std::string digits = "ff046fc38598c9ef887951e174342108fa0e476922e800654c2eed5048ad0c88";
    const Fields fields{{"X-Time", "1700000000"}, {"X-Sig", "hmac " + digits}};
    CHECK(refusal(own, fields, "{}", 1700000010).empty());
    CHECK(says(refusal(own, fields, "{}", 1700000011), "a time more than 10s away"));
    CHECK(says(refusal(own, fields, "{ }", 1700000000), "does not match"));
    CHECK(says(refusal(own, {{"X-Sig", "hmac " + digits}}, "{}", 1700000000), "X-Time is missing"));
}

TEST_CASE("no refusal has a secret in it", "[function][signature]") {
    for (const auto scheme : {SignatureScheme::github, SignatureScheme::gitlab, SignatureScheme::stripe}) {
        const auto signature = signed_by(scheme, {"hunter2-hunter2"});
        const Fields fields{
            {"X-Hub-Signature-256", "sha256=00"}, {"X-Gitlab-Token", "x"}, {"Stripe-Signature", "t=0,v1=0"}};
        CHECK_FALSE(says(refusal(signature, fields, ""), "hunter2"));
    }
}

TEST_CASE("the secret of standard-webhooks is base64, whole", "[function][signature]") {
    const auto key = [](const std::string& secret) {
        return function::signing_key(SignatureScheme::standard_webhooks, secret);
    };
    CHECK(key("whsec_AAEC").value() == std::string("\0\1\2", 3));
    CHECK(key("AAE=").value() == std::string("\0\1", 2));
    CHECK(key("AA==").value() == std::string("\0", 1));
    for (const auto* bad : {"", "whsec_", "AAE", "A===", "====", "AA=A", "AA*A", "AAE=\n", "whsec_whsec_AAEC"}) {
        CAPTURE(bad);
        CHECK_FALSE(key(bad));
    }
}
