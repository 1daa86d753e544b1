// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/http/body.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace shallop::test {

/// What came of a body.
struct Fed {
    std::string body;
    bool done = false;
    int refused = 0;           ///< the status, or 0
    std::size_t consumed = 0;  ///< bytes that belong to the body
};

/// Feeds `bytes` in pieces of `piece`, through a buffer of `room`, until the body ends, is refused, or wants more.
inline Fed feed(http::BodyDecoder decoder, std::string_view bytes, std::size_t piece = 1'000'000,
                std::size_t room = 1'000'000) {
    Fed outcome;
    std::string buffer(room, '\0');
    std::size_t fed = 0;
    while (!decoder.done() && !decoder.refused()) {
        const auto step = decoder.decode(bytes.substr(outcome.consumed, fed - outcome.consumed), buffer);
        outcome.consumed += step.consumed;
        outcome.body += buffer.substr(0, step.produced);
        if (step.consumed == 0 && fed == bytes.size()) break;
        if (step.consumed == 0) fed = std::min(bytes.size(), fed + piece);
    }
    outcome.done = decoder.done();
    outcome.refused = decoder.refused() ? decoder.refusal().status : 0;
    return outcome;
}

}  // namespace shallop::test
