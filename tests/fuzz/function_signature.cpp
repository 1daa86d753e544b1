// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/signature.h>

#include <cstdint>
#include <string>
#include <string_view>

/// The first byte chooses the scheme; then come fields as lines "name: value" up to an empty one, and the body. Nothing of it is ever
/// signed: nobody here knows the secret.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shallop;
    std::string_view text(reinterpret_cast<const char*>(data), size);
    if (text.empty()) return 0;
    function::Signature signature;
    signature.scheme = static_cast<function::SignatureScheme>(static_cast<unsigned char>(text.front()) % 7);
    signature.secrets = {"c2VjcmV0IG9mIHRoZSBmdXp6ZXIsIG5vdCBvZiBpdHMgaW5wdXQ="};
    signature.header = "x-sig";
    signature.timestamp_header = "x-time";
    signature.signed_text = "{timestamp}.{body}";
    text.remove_prefix(1);
    base::Fields fields;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.empty()) break;
        const auto colon = std::min(line.find(':'), line.size());
        fields.push_back(
            {std::string(line.substr(0, colon)), std::string(line.substr(std::min(colon + 2, line.size())))});
    }
    const std::chrono::system_clock::time_point now(std::chrono::seconds(1'700'000'000));
    auto check = function::SignatureCheck::begin(signature, fields, now);
    if (!check) {
        base::ensure(!check.error().detail.empty(), "a refusal says what was wrong");
        return 0;
    }
    check->update(text);
    base::ensure(!check->end(), "nothing that is made without the secret is signed");
    return 0;
}
