// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/digest.h>
#include <shallop/base/encoding.h>
#include <shallop/function/signature.h>

#include "function/signature_claim.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>

namespace shallop::function {
namespace {

using base::Error;
using base::Fault;

struct FreeMac {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using Mac = std::unique_ptr<EVP_MAC_CTX, FreeMac>;

Mac start_mac(const std::string& algorithm, const std::string& key) {
    EVP_MAC* const kind = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    Mac mac(EVP_MAC_CTX_new(kind));
    EVP_MAC_free(kind);
    auto digest = algorithm;
    const std::array<OSSL_PARAM, 2> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0), OSSL_PARAM_construct_end()};
    const auto* const bytes = reinterpret_cast<const unsigned char*>(key.data());
    base::ensure(mac && EVP_MAC_init(mac.get(), bytes, key.size(), parameters.data()) == 1, "HMAC is there");
    return mac;
}

void feed(const Mac& mac, std::span<const char> bytes) {
    const auto* const data = reinterpret_cast<const unsigned char*>(bytes.data());
    base::ensure(EVP_MAC_update(mac.get(), data, bytes.size()) == 1, "HMAC goes on");
}

std::string finish(const Mac& mac) {
    std::string digest(EVP_MAX_MD_SIZE, '\0');
    std::size_t size = 0;
    auto* const into = reinterpret_cast<unsigned char*>(digest.data());
    base::ensure(EVP_MAC_final(mac.get(), into, &size, digest.size()) == 1, "HMAC ends");
    digest.resize(size);
    return digest;
}

/// Of tokens digests are compared, so that not even their lengths can be told.
std::string hashed(std::string_view text) { return base::sha256(text); }

/// Editors and `echo` leave one behind what was meant.
std::string_view without_line_end(std::string_view secret) {
    if (secret.ends_with('\n')) secret.remove_suffix(1);
    if (secret.ends_with('\r')) secret.remove_suffix(1);
    return secret;
}

/// Takes as long whatever is given; only that lengths differ can be told, and those are known to all.
bool same(std::string_view given, std::string_view expected) {
    return given.size() == expected.size() && CRYPTO_memcmp(given.data(), expected.data(), given.size()) == 0;
}

bool is_base64(std::string_view text) {
    const auto end = text.find_last_not_of('=') + 1;
    const auto digit = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
    };
    for (const char c : text.substr(0, end)) {
        if (!digit(c)) return false;
    }
    return end > 0 && text.size() % 4 == 0 && text.size() - end <= 2;
}

}  // namespace

struct SignatureCheck::State {
    Claim claim;
    std::vector<Mac> macs;            ///< one for each secret, fed side by side
    std::vector<std::string> tokens;  ///< of gitlab, in their place: their digests
    bool unfit = false;               ///< a secret is none of the scheme

    void add(SignatureScheme scheme, std::string_view secret);
};

/// Another secret that will do.
void SignatureCheck::State::add(SignatureScheme scheme, std::string_view secret) {
    auto key = signing_key(scheme, secret);
    if (!key || key->empty()) {  // an empty one would be everybody's
        unfit = true;
        return;
    }
    if (scheme == SignatureScheme::gitlab) {
        tokens.push_back(hashed(secret));
        base::wipe(*key);
        return;
    }
    const auto& mac = macs.emplace_back(start_mac(claim.algorithm, *key));
    base::wipe(*key);
    feed(mac, claim.before);
}

SignatureCheck::SignatureCheck(std::unique_ptr<State> state) : state_(std::move(state)) {}
SignatureCheck::SignatureCheck(SignatureCheck&&) noexcept = default;
SignatureCheck& SignatureCheck::operator=(SignatureCheck&&) noexcept = default;
SignatureCheck::~SignatureCheck() = default;

base::Result<SignatureCheck> SignatureCheck::begin(const Signature& signature, const base::Fields& fields,
                                                   std::chrono::system_clock::time_point now,
                                                   const SecretOpener& open) {
    auto claim = read_claim(signature, fields);
    if (!claim) return claim.error();
    if (const auto timely = check_time(*claim, signature.tolerance, now); !timely) return timely.error();
    auto state = std::make_unique<State>();
    state->claim = std::move(*claim);
    for (const auto& secret : signature.secrets) state->add(signature.scheme, secret);
    for (const auto& name : signature.secret_names) {
        if (!open) break;
        const auto value = open(name);
        if (value) state->add(signature.scheme, without_line_end(value->view()));
    }
    if (state->macs.empty() && state->tokens.empty()) {
        return Error(Fault::invalid, state->unfit
                                         ? "no signature can match: the secret of this path is none of its scheme"
                                         : "no signature can match: the secret of this path is not here");
    }
    return SignatureCheck(std::move(state));
}

void SignatureCheck::update(std::span<const char> bytes) {
    for (const auto& mac : state_->macs) feed(mac, bytes);
}

base::Status SignatureCheck::end() {
    auto& claim = state_->claim;
    bool matches = false;
    const auto compare = [&](std::string_view expected) {
        for (const auto& given : claim.given) matches = same(given, expected) || matches;
    };
    for (const auto& mac : state_->macs) {
        feed(mac, claim.after);
        const auto digest = finish(mac);
        compare(claim.base64 ? base::to_base64(digest) : base::to_hex(digest));
    }
    if (!state_->tokens.empty()) {
        for (auto& given : claim.given) given = hashed(given);
        for (const auto& token : state_->tokens) compare(token);
    }
    if (matches) return {};
    return Error(Fault::invalid, claim.token ? "the token in " + claim.field + " is not the one that was agreed on"
                                             : "the signature in " + claim.field +
                                                   " does not match: the secret is another one, or the body was "
                                                   "changed on its way");
}

base::Result<std::string> signing_key(SignatureScheme scheme, std::string_view secret) {
    if (scheme != SignatureScheme::standard_webhooks) return std::string(secret);
    std::string_view text = secret;
    if (text.starts_with("whsec_")) text.remove_prefix(6);
    if (!is_base64(text)) return Error(Fault::invalid, "the secret is no base64, with or without whsec_ before it");
    std::string key(text.size() / 4 * 3, '\0');
    const auto* const data = reinterpret_cast<const unsigned char*>(text.data());
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(key.data()), data, static_cast<int>(text.size()));
    if (size < 0) return Error(Fault::invalid, "the secret is no base64, with or without whsec_ before it");
    key.resize(static_cast<std::size_t>(size) - (text.size() - (text.find_last_not_of('=') + 1)));
    return key;
}

}  // namespace shallop::function
