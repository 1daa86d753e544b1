// SPDX-License-Identifier: Apache-2.0
#include "function/signature_claim.h"

#include <shallop/function/signature.h>

#include <algorithm>
#include <charconv>

namespace shallop::function {
namespace {

using base::Error;
using base::Fault;
using base::Fields;
using base::Result;

constexpr std::size_t most_signatures = 16;
constexpr std::size_t longest_id = 256;
constexpr std::size_t longest_time = 12;

Error malformed(const std::string& field, const std::string& form) {
    return {Fault::invalid, "the field " + field + " is not of the form " + form};
}

/// A second field of that name could be the one that somebody else looks at.
Result<std::string> only(const Fields& fields, const std::string& name) {
    const auto same = [&](const base::Field& field) { return base::same_name(field.name, name); };
    const auto at = std::find_if(fields.begin(), fields.end(), same);
    if (at == fields.end())
        return Error(Fault::invalid, "the field " + name + " is missing: this path takes signed requests only");
    if (std::find_if(at + 1, fields.end(), same) != fields.end())
        return Error(Fault::invalid, "the field " + name + " is there more than once");
    return at->value;
}

std::optional<std::int64_t> seconds_of(std::string_view text) {
    std::int64_t seconds = 0;
    const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (text.empty() || text.size() > longest_time || !digits) return std::nullopt;
    std::from_chars(text.data(), text.data() + text.size(), seconds);
    return seconds;
}

/// Digits of either case as we spell them.
std::string lower_hex(std::string_view text) {
    std::string lower(text);
    for (auto& c : lower) c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    return lower;
}

/// Takes what stands before the next `end` off the front.
std::string_view take_until(std::string_view& text, char end) {
    const auto piece = text.substr(0, text.find(end));
    text.remove_prefix(std::min(text.size(), piece.size() + 1));
    return piece;
}

/// One field with one signature, of which `prefix` is not part.
Result<Claim> one_signature(const Fields& fields, const std::string& name, const std::string& prefix, bool base64) {
    const auto value = only(fields, name);
    if (!value) return value.error();
    if (!value->starts_with(prefix)) return malformed(name, prefix + "SIGNATURE");
    Claim claim;
    claim.field = name;
    claim.base64 = base64;
    const auto given = std::string_view(*value).substr(prefix.size());
    claim.given.push_back(base64 ? std::string(given) : lower_hex(given));
    return claim;
}

/// Reads the time from a field of its own; what it was is signed as it was written.
Result<std::string> read_time(Claim& claim, const Fields& fields, const std::string& name) {
    auto text = only(fields, name);
    if (!text) return text.error();
    claim.time = seconds_of(*text);
    if (!claim.time) return malformed(name, "of seconds since 1970");
    return text;
}

/// GitLab's secret token is sent as it is; nothing is signed.
Result<Claim> gitlab(const Fields& fields) {
    const std::string name = gitlab_field;
    auto value = only(fields, name);
    if (!value) return value.error();
    Claim claim;
    claim.field = name;
    claim.token = true;
    claim.given.push_back(std::move(*value));
    return claim;
}

/// "t=SECONDS,v1=HEX,v1=HEX,v0=…": each v1 is one of a secret of theirs; other versions are not looked at.
Result<Claim> stripe(const Fields& fields) {
    Claim claim;
    claim.field = "Stripe-Signature";
    const std::string form = "t=SECONDS,v1=SIGNATURE";
    const auto value = only(fields, claim.field);
    if (!value) return value.error();
    std::string time;
    for (std::string_view rest = *value; !rest.empty();) {
        auto piece = take_until(rest, ',');
        const auto key = take_until(piece, '=');
        if (key == "t" && !time.empty()) return malformed(claim.field, form);
        if (key == "t") time = piece;
        if (key == "v1") claim.given.push_back(lower_hex(piece));
        if (claim.given.size() > most_signatures) return malformed(claim.field, form);
    }
    claim.time = seconds_of(time);
    if (!claim.time || claim.given.empty()) return malformed(claim.field, form);
    claim.before = time + ".";
    return claim;
}

Result<Claim> slack(const Fields& fields) {
    auto claim = one_signature(fields, "X-Slack-Signature", "v0=", false);
    if (!claim) return claim;
    const auto time = read_time(*claim, fields, "X-Slack-Request-Timestamp");
    if (!time) return time.error();
    claim->before = "v0:" + *time + ":";
    return claim;
}

/// Standard Webhooks 1.0: "v1,BASE64 v1,BASE64"; other versions are not looked at.
Result<Claim> standard_webhooks(const Fields& fields) {
    Claim claim;
    claim.field = "webhook-signature";
    claim.base64 = true;
    const auto id = only(fields, "webhook-id");
    if (!id) return id.error();
    if (id->empty() || id->size() > longest_id) return malformed("webhook-id", "of 1 to 256 characters");
    const auto time = read_time(claim, fields, "webhook-timestamp");
    if (!time) return time.error();
    const auto value = only(fields, claim.field);
    if (!value) return value.error();
    for (std::string_view rest = *value; !rest.empty();) {
        auto piece = take_until(rest, ' ');
        if (take_until(piece, ',') == "v1") claim.given.emplace_back(piece);
        if (claim.given.size() > most_signatures) break;
    }
    if (claim.given.empty() || claim.given.size() > most_signatures) return malformed(claim.field, "v1,SIGNATURE");
    claim.before = *id + "." + *time + ".";
    return claim;
}

Result<Claim> plain_hmac(const Signature& signature, const Fields& fields) {
    auto claim = one_signature(fields, signature.header, signature.prefix, signature.encoding == "base64");
    if (!claim) return claim;
    claim->algorithm = signature.algorithm;
    std::string time;
    if (!signature.timestamp_header.empty()) {
        auto read = read_time(*claim, fields, signature.timestamp_header);
        if (!read) return read.error();
        time = std::move(*read);
    }
    const auto filled = [&](std::string text) {
        constexpr std::string_view place = "{timestamp}";
        const auto at = text.find(place);
        return at == std::string::npos ? text : text.replace(at, place.size(), time);
    };
    constexpr std::string_view body = "{body}";
    const auto at = signature.signed_text.find(body);
    claim->before = filled(signature.signed_text.substr(0, at));
    claim->after = filled(signature.signed_text.substr(at + body.size()));
    return claim;
}

}  // namespace

Result<Claim> read_claim(const Signature& signature, const Fields& fields) {
    switch (signature.scheme) {
        case SignatureScheme::github:
            return one_signature(fields, "X-Hub-Signature-256", "sha256=", false);
        case SignatureScheme::gitlab:
            return gitlab(fields);
        case SignatureScheme::gitea:
            return one_signature(fields, "X-Gitea-Signature", "", false);
        case SignatureScheme::stripe:
            return stripe(fields);
        case SignatureScheme::slack:
            return slack(fields);
        case SignatureScheme::standard_webhooks:
            return standard_webhooks(fields);
        case SignatureScheme::hmac:
            break;
    }
    return plain_hmac(signature, fields);
}

base::Status check_time(const Claim& claim, Duration tolerance, std::chrono::system_clock::time_point now) {
    if (!claim.time) return {};
    const auto ours = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
    const auto away = *claim.time < ours ? ours - *claim.time : *claim.time - ours;
    if (std::chrono::seconds(away) <= tolerance) return {};
    return Error(Fault::invalid, "the signature is of a time more than " + base::format_duration(tolerance) +
                                     " away from this server's clock");
}

}  // namespace shallop::function
