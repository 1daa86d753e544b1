// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/digest.h>
#include <shallop/base/encoding.h>
#include <shallop/base/result.h>

#include <openssl/evp.h>

#include <array>

namespace shallop::base {

struct Digest::State {
    State() : context(EVP_MD_CTX_new(), EVP_MD_CTX_free) { begin(); }
    void begin() const {
        ensure(context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1, "SHA-256 is there");
    }

    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context;
};

Digest::Digest() : state_(std::make_unique<State>()) {}
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;
Digest::~Digest() = default;

void Digest::add(std::string_view bytes) {
    ensure(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1, "SHA-256 goes on");
}

void Digest::add_text(std::string_view text) {
    add(std::to_string(text.size()) + ":");
    add(text);
}

std::string Digest::take() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    ensure(EVP_DigestFinal_ex(state_->context.get(), bytes.data(), &size) == 1, "SHA-256 ends");
    state_->begin();
    return {reinterpret_cast<const char*>(bytes.data()), size};
}

std::string Digest::take_hex() { return to_hex(take()); }

std::string sha256(std::string_view bytes) {
    Digest digest;
    digest.add(bytes);
    return digest.take();
}

}  // namespace shallop::base
