// SPDX-License-Identifier: Apache-2.0
#include "docker/codec_container.h"
#include "docker/codec_engine.h"
#include "docker/refusal.h"

#include <shallop/base/result.h>

using namespace shallop::docker;

/// Any bytes as the answer to any verb: nothing but "no" may come of it, and what is shown of it is log-safe.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    decode_version(body);
    decode_info(body);
    decode_image(body);
    decode_event(body);
    decode_pull_line(body);
    decode_created(body);
    decode_container(body);
    decode_list(body);
    decode_wait(body);
    const auto error = refusal(Verb::start, 500, body);
    shallop::base::ensure(error.detail.size() <= 1024 && !error.detail.empty(),
                          "an error has a detail within its limit");
    for (const char c : error.detail) {
        shallop::base::ensure(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "a detail has no control byte");
    }
    return 0;
}
