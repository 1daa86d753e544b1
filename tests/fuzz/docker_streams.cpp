// SPDX-License-Identifier: Apache-2.0
#include "docker/streams.h"

#include <shallop/base/result.h>

#include <algorithm>

using namespace shallop::docker;

/// Log frames and lines must not depend on how the bytes are cut: the first byte says how.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    const std::size_t step = data[0] + std::size_t{1};

    LogFrames whole(1 << 20), cut(1 << 20);
    const bool fine = whole.feed(bytes);
    bool fine_cut = true;
    for (std::size_t at = 0; at < bytes.size() && fine_cut; at += step) fine_cut = cut.feed(bytes.substr(at, step));
    shallop::base::ensure(fine == fine_cut, "frames are valid or not, however they are cut");
    if (fine) shallop::base::ensure(whole.take() == cut.take(), "frames hold the same, however they are cut");

    Lines one(1 << 20), many(1 << 20);
    std::string first, second;
    one.feed(bytes);
    while (const auto line = one.next()) first += *line + "\n";
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        many.feed(bytes.substr(at, step));
        while (const auto line = many.next()) second += *line + "\n";
    }
    shallop::base::ensure(first == second && one.inside() == many.inside(), "lines are the same, however they are cut");
    return 0;
}
