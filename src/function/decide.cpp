// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>

#include "function/reader.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace shallop::function {
namespace {

using base::Error;
using base::Fault;

constexpr std::string_view contract_label = "shallop.contract";

/// The first word that would run, by the rules of `docker run`; empty if there is none.
std::string_view first_word(const Spec& spec, const ImageFacts& image) {
    const auto& words = !image.entrypoint.empty() ? image.entrypoint : spec.command ? *spec.command : image.cmd;
    return words.empty() ? std::string_view() : std::string_view(words.front());
}

bool has_variable(const ImageFacts& image, std::string_view prefix) {
    const auto starts = [&](const std::string& entry) { return entry.starts_with(prefix); };
    return std::any_of(image.env.begin(), image.env.end(), starts);
}

/// What the image looks made for, where that is a contract to come; so that nobody wonders why it is run once per event.
std::string other_purpose(const ImageFacts& image) {
    if (has_variable(image, "LAMBDA_TASK_ROOT=")) {
        return "; it looks made for AWS Lambda, but contract 'lambda' is not available in this version";
    }
    if (image.exposed_ports.empty()) return {};
    return "; it exposes " + image.exposed_ports.front() + ", but contract 'http' is not available in this version";
}

}  // namespace

base::Result<Contract> decide_contract(const Spec& spec, const ImageFacts& image) {
    if (first_word(spec, image).empty()) {
        return Error(Fault::invalid,
                     "image " + in_quotes(spec.image) + " has neither an entrypoint nor a command: give \"command\"",
                     "/image");
    }
    auto contract = spec.contract;
    if (!contract.automatic) return contract;
    contract.kind = ContractKind::cgi;
    const auto label = image.labels.find(std::string(contract_label));
    if (label == image.labels.end()) {
        contract.reason = "the image has a command, which is run once per event" + other_purpose(image);
    } else if (label->second == "cgi") {
        contract.reason = "the image's label shallop.contract says so";
    } else {
        return Error(Fault::invalid,
                     "the image's label shallop.contract asks for " + in_quotes(label->second) +
                         ", which is not available in this version; say \"contract\": \"cgi\" to run its "
                         "command once per event",
                     "/contract");
    }
    return contract;
}

std::string make_etag(const Spec& spec, const ImageFacts& image, std::int64_t version) {
    constexpr std::string_view hex = "0123456789abcdef";
    const auto text = format_spec(spec) + '\n' + format_image(image) + '\n' + std::to_string(version);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    base::ensure(EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) == 1,
                 "SHA-256 is there");
    std::string tag;
    for (std::size_t at = 0; at < 8; ++at) {
        tag += hex[digest[at] >> 4];
        tag += hex[digest[at] & 15];
    }
    return tag;
}

}  // namespace shallop::function
