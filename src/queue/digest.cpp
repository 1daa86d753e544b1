// SPDX-License-Identifier: Apache-2.0
#include "queue/digest.h"

#include <openssl/evp.h>

#include <array>

namespace shallop::queue {

struct Digest::State {
    State() : context(EVP_MD_CTX_new(), EVP_MD_CTX_free) { EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr); }

    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context;
};

Digest::Digest() : state_(std::make_unique<State>()) {}
Digest::Digest(Digest&&) noexcept = default;
Digest::~Digest() = default;

void Digest::add(std::string_view bytes) { EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()); }

std::string Digest::hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    EVP_DigestFinal_ex(state_->context.get(), bytes.data(), &size);
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (unsigned at = 0; at < size; ++at) {
        text += digits[bytes.at(at) >> 4U];
        text += digits[bytes.at(at) & 15U];
    }
    return text;
}

std::string digest_of(std::initializer_list<std::string_view> texts) {
    Digest digest;
    for (const auto text : texts) {
        digest.add(std::to_string(text.size()) + ":");
        digest.add(text);
    }
    return digest.hex();
}

}  // namespace shallop::queue
