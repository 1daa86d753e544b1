// SPDX-License-Identifier: Apache-2.0

// What a hostile program prints: two bytes of choices, then its output. Whatever it is, the head that comes out is a head, and how the output is
// cut into pieces changes nothing a client could rely on.
#include "contract/cgi_reply.h"
#include "contract/field_rules.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

using namespace shallop;
using contract::CgiReply;
using Step = CgiReply::Step;

namespace {

void claim(bool truth) {
    if (!truth) std::abort();
}

void check_head(const function::ReplyHead& head) {
    claim(head.status >= 200 && head.status <= 599);
    claim(std::none_of(head.reason.begin(), head.reason.end(), contract::is_control));
    for (const auto& [name, value] : head.fields) {
        claim(!name.empty() && std::all_of(name.begin(), name.end(), contract::is_token_char));
        claim(std::none_of(value.begin(), value.end(), contract::is_control));
        claim(!contract::is_hop_by_hop(name) && !contract::is_platform_field(name) &&
              !base::same_name(name, "Content-Length"));
    }
}

struct Seen {
    bool failed = false, cut = false;
    int status = 0;
    std::string body, target;
};

Seen run(const contract::ReplyRules& rules, std::string_view output, std::size_t piece) {
    CgiReply reply(rules);
    Seen seen;
    std::string lent;
    std::uint64_t promised = 0;
    bool begun = false, promise = false;
    for (;;) {
        const auto step = reply.next();
        if (!step) {
            claim(!begun && step.error().fault == base::Fault::function_failed);
            seen.failed = true;
            return seen;
        }
        switch (*step) {
            case Step::read:
                lent = output.substr(0, piece);
                output.remove_prefix(lent.size());
                lent.empty() ? reply.finish() : reply.feed(lent);
                break;
            case Step::begin:
                claim(!begun);
                begun = true;
                check_head(reply.head());
                seen.status = reply.head().status;
                promise = reply.head().content_length.has_value() && contract::may_have_body(seen.status) &&
                          !rules.head_request;
                promised = reply.head().content_length.value_or(0);
                break;
            case Step::write:
                claim(begun && !reply.body().empty());
                seen.body.append(reply.body().data(), reply.body().size());
                break;
            case Step::local_redirect:
                claim(!begun && reply.target().starts_with('/') && !reply.target().starts_with("//"));
                seen.target = reply.target();
                return seen;
            case Step::cut:
                claim(begun);
                seen.cut = true;
                return seen;
            case Step::end:
                claim(begun && (!promise || rules.head_request || seen.body.size() == promised));
                return seen;
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    contract::ReplyRules rules;
    rules.output = static_cast<function::Output>(data[0] & 3);
    rules.head_request = (data[0] & 4) != 0;
    if ((data[0] & 8) != 0) rules.body_limit = 16;
    rules.head_limit = 256;
    rules.max_fields = 8;
    const std::string_view output(reinterpret_cast<const char*>(data) + 2, size - 2);
    const auto whole = run(rules, output, output.size() + 1);
    const auto pieces = run(rules, output, data[1] % 16 + 1);
    // A wrong promise, and the limit of a body, may be seen sooner in one of them.
    if (!whole.cut && !pieces.cut && !rules.body_limit && whole.body.size() == pieces.body.size()) {
        claim(whole.failed == pieces.failed && whole.status == pieces.status && whole.body == pieces.body &&
              whole.target == pieces.target);
    }
    claim(whole.body.starts_with(pieces.body) || pieces.body.starts_with(whole.body));
    return 0;
}
