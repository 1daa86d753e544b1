// SPDX-License-Identifier: Apache-2.0

// What a hostile FastCGI server sends: one byte of choices, then its bytes. However they are cut into pieces, the same comes out of them, and what is given
// out is in what came in.
#include "contract/fcgi_records.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

using namespace shallop;
using contract::FcgiReplies;
using Kind = FcgiReplies::Kind;

namespace {

void claim(bool truth) {
    if (!truth) std::abort();
}

struct Seen {
    std::string output, error;
    Kind last = Kind::more;
    std::uint32_t status = 0;
    unsigned protocol = 0;
    std::size_t consumed = 0;

    bool operator==(const Seen&) const = default;
};

Seen run(std::string_view bytes, std::size_t piece) {
    FcgiReplies replies;
    Seen seen;
    for (std::size_t here = 0;;) {
        const auto given = bytes.substr(seen.consumed, here - seen.consumed);
        const auto step = replies.next(given);
        claim(step.consumed <= given.size());
        seen.last = step.kind;
        seen.consumed += step.consumed;
        if (step.kind == Kind::output || step.kind == Kind::error) {
            claim(!step.content.empty() && step.content.size() <= step.consumed);
            claim(step.content.data() >= given.data() &&
                  step.content.data() + step.content.size() == given.data() + step.consumed);
            (step.kind == Kind::output ? seen.output : seen.error).append(step.content);
            continue;
        }
        if (step.kind == Kind::more) {
            claim(given.size() - step.consumed < 8 + 255);  // what has to wait is bounded
            if (here == bytes.size()) break;
            here = std::min(bytes.size(), here + piece);
            continue;
        }
        claim(step.kind == Kind::end ? replies.protocol_status() <= 3 : !replies.refusal().empty());
        break;
    }
    seen.status = replies.application_status();
    seen.protocol = replies.protocol_status();
    return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 1) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    claim(run(bytes, bytes.size() + 1) == run(bytes, data[0] % 32 + 1U));
    return 0;
}
