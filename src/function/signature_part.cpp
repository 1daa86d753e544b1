// SPDX-License-Identifier: Apache-2.0
// A route's "signature" in a resource. No message has a secret in it.
#include "function/parts.h"
#include "function/words.h"

#include <shallop/function/signature.h>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace shallop::function {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_secrets = 4;
constexpr std::size_t longest_secret = 1024;
constexpr std::size_t longest_text = 256;

void checked(Object& object, std::string_view name, std::string complaint) {
    if (!complaint.empty()) object.problem(name, std::move(complaint));
}

/// A field's name: a token (RFC 9110 section 5.1).
std::string check_field_name(std::string_view name) {
    const auto legal = [](char c) {
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        return letter || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    if (!name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), legal)) return "";
    return "give the name of a field, such as \"X-Signature\"";
}

std::size_t count_of(std::string_view text, std::string_view word) {
    std::size_t count = 0;
    for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++count;
    return count;
}

/// The body has to be signed, and so has the time that is looked at.
std::string check_template(std::string_view text, bool time) {
    const auto times = count_of(text, "{timestamp}");
    if (text.size() > longest_text || count_of(text, "{body}") != 1)
        return "give what is signed, with {body} in it once, in at most 256 characters";
    if (times != (time ? 1U : 0U)) {
        return time ? "the time of \"timestamp_header\" is not signed: put {timestamp} in here, once"
                    : "there is a {timestamp}: name its field in \"timestamp_header\", or take it out";
    }
    if (count_of(text, "{") != 1 + times) return "only {body} and {timestamp} can stand in braces here";
    return "";
}

std::string check_secret(SignatureScheme scheme, const std::string& secret) {
    if (secret == hidden_secret) return "";
    if (secret.empty() || secret.size() > longest_secret) return "give a secret of 1 to 1024 characters";
    const auto key = signing_key(scheme, secret);
    return key ? "" : key.error().detail;
}

/// A text, which is the secret itself, or {"name": "…"} of one that the server keeps.
void read_secret(Object& object, const Json& value, const std::string& pointer, Signature& into) {
    if (value.is_string()) {
        into.secrets.push_back(value.get<std::string>());
        return checked(object, "secret", check_secret(into.scheme, into.secrets.back()));
    }
    if (!value.is_object()) return object.problems().add(pointer, "give a text, or {\"name\": \"…\"} of a secret");
    Object named(value, pointer, object.problems());
    auto& name = into.secret_names.emplace_back();
    named.text("name", name);
    named.finish();
    checked(named, "name", check_secret_name(name));
}

void read_secrets(Object& object, Signature& into) {
    const auto* const value = object.find_set("secret");
    if (value == nullptr) return object.problem("secret", "give the secret that both sides know, or a list of them");
    const auto pointer = object.pointer("secret");
    if (!value->is_array()) return read_secret(object, *value, pointer, into);
    const auto all = object.array("secret", most_secrets);
    for (std::size_t at = 0; at < all.size(); ++at) read_secret(object, *all[at], append_pointer(pointer, at), into);
    if (all.empty()) object.problem("secret", "give one secret at least, as a text or in a list");
}

void read_text(Object& object, std::string_view name, std::string& into, const std::vector<std::string_view>& words) {
    if (object.find_set(name) == nullptr) return;
    if (const auto word = object.word(name, words)) into = words[*word];
}

void read_hmac(Object& object, Signature& into) {
    static const std::vector<std::string_view> algorithms{"sha256", "sha1", "sha512"};
    static const std::vector<std::string_view> encodings{"hex", "base64"};
    object.text("header", into.header);
    checked(object, "header", check_field_name(into.header));
    read_text(object, "algorithm", into.algorithm, algorithms);
    read_text(object, "encoding", into.encoding, encodings);
    object.text_or_null("prefix", into.prefix);
    if (into.prefix.size() > longest_text) object.problem("prefix", "give at most 256 characters");
    object.text_or_null("timestamp_header", into.timestamp_header);
    const bool time = !into.timestamp_header.empty();
    if (time) checked(object, "timestamp_header", check_field_name(into.timestamp_header));
    if (time) into.signed_text = "{timestamp}.{body}";
    object.text_or_null("template", into.signed_text);
    checked(object, "template", check_template(into.signed_text, time));
}

bool has_hidden(const Signature& signature) {
    return std::find(signature.secrets.begin(), signature.secrets.end(), hidden_secret) != signature.secrets.end();
}

/// What `route` had; nullptr: it is not known. `before` is nullptr where there was no function.
const std::vector<std::string>* secrets_before(const Route& route, const Spec* before) {
    if (before == nullptr) return nullptr;
    const std::vector<std::string>* same_scheme = nullptr;
    const std::vector<std::string>* same_path = nullptr;
    bool one_for_all = true;
    for (const auto& old : before->routes) {
        if (!old.signature || old.signature->scheme != route.signature->scheme) continue;
        const auto& secrets = old.signature->secrets;
        if (secrets.empty()) continue;  // the server keeps them
        const bool same = old.path == route.path && old.host == route.host;
        if (same && old.methods == route.methods) return &secrets;
        if (same && same_path == nullptr) same_path = &secrets;
        one_for_all = one_for_all && (same_scheme == nullptr || *same_scheme == secrets);
        same_scheme = &secrets;
    }
    if (same_path != nullptr) return same_path;
    return one_for_all ? same_scheme : nullptr;
}

/// `secrets` with those of `old` in the place of the hidden one.
std::vector<std::string> with_kept(const std::vector<std::string>& secrets, const std::vector<std::string>& old) {
    std::vector<std::string> all;
    const auto add = [&](const std::string& secret) {
        if (std::find(all.begin(), all.end(), secret) == all.end()) all.push_back(secret);
    };
    for (const auto& secret : secrets) {
        if (secret != hidden_secret) {
            add(secret);
        } else {
            for (const auto& kept : old) add(kept);
        }
    }
    return all;
}

}  // namespace

const std::vector<std::string_view>& scheme_words() {
    static const std::vector<std::string_view> words{
        "github", "gitlab", "gitea", "stripe", "slack", "standard-webhooks", "hmac"};
    return words;
}

std::string scheme_name(const Signature& signature) {
    return std::string(scheme_words().at(static_cast<std::size_t>(signature.scheme)));
}

bool has_time(const Signature& signature) {
    switch (signature.scheme) {
        case SignatureScheme::stripe:
        case SignatureScheme::slack:
        case SignatureScheme::standard_webhooks:
            return true;
        case SignatureScheme::hmac:
            return !signature.timestamp_header.empty();
        default:
            return false;
    }
}

void read_signature(Object& route, std::optional<Signature>& signature) {
    const auto* const value = route.find_set("signature");
    if (value == nullptr) return;
    Object object(*value, route.pointer("signature"), route.problems());
    auto& into = signature.emplace();
    if (object.find("scheme") == nullptr) object.problem("scheme", "say who signs, such as \"github\", or \"hmac\"");
    if (const auto scheme = object.word("scheme", scheme_words())) into.scheme = static_cast<SignatureScheme>(*scheme);
    read_secrets(object, into);
    if (into.scheme == SignatureScheme::hmac) read_hmac(object, into);
    if (has_time(into)) object.duration("tolerance", into.tolerance, 1s, 24h);
    object.finish();
}

base::Status keep_secrets(Spec& spec, const Spec* before) {
    for (std::size_t at = 0; at < spec.routes.size(); ++at) {
        auto& route = spec.routes[at];
        if (!route.signature || !has_hidden(*route.signature)) continue;
        const auto pointer = "/routes/" + std::to_string(at) + "/signature/secret";
        const auto* const old = secrets_before(route, before);
        if (old == nullptr)
            return base::Error(base::Fault::invalid, "no secret is known here that could be kept: give it", pointer);
        auto all = with_kept(route.signature->secrets, *old);
        if (all.size() + route.signature->secret_names.size() > most_secrets) {
            return base::Error(base::Fault::invalid,
                               "with those that are kept there are more than " + std::to_string(most_secrets) +
                                   " secrets: give those that are still in use",
                               pointer);
        }
        route.signature->secrets = std::move(all);
    }
    return {};
}

}  // namespace shallop::function
