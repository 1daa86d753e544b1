// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "contract/cgi_reply.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace shallop::test {

/// What a client would see of a program's output.
struct Seen {
    std::string how;  ///< whole, cut, local, failed
    int status = 0;
    std::string reason;
    std::string fields;  ///< "Name: value|Name: value"
    std::string length;  ///< "" = streamed
    std::string body;
    std::string why;  ///< of cut and failed, target of local
    bool operator==(const Seen&) const = default;
};

/// Gives `output` to a reader in pieces of `piece` bytes, until it wants no more.
inline Seen run_reply(contract::ReplyRules rules, std::string_view output, std::size_t piece) {
    using Step = contract::CgiReply::Step;
    contract::CgiReply reply(rules);
    Seen seen;
    std::string lent;  // a copy for each piece, so that reading it too late is seen by the sanitizer
    for (;;) {
        const auto step = reply.next();
        if (!step) {
            seen.how = "failed";
            seen.why = step.error().detail;
            return seen;
        }
        switch (*step) {
            case Step::read:
                lent = std::string(output.substr(0, piece));
                output.remove_prefix(lent.size());
                lent.empty() ? reply.finish() : reply.feed(lent);
                break;
            case Step::begin:
                seen.status = reply.head().status;
                seen.reason = reply.head().reason;
                for (const auto& [name, value] : reply.head().fields)
                    seen.fields += (seen.fields.empty() ? "" : "|") + name + ": " + value;
                if (reply.head().content_length) seen.length = std::to_string(*reply.head().content_length);
                break;
            case Step::write:
                seen.body.append(reply.body().data(), reply.body().size());
                break;
            case Step::local_redirect:
                seen.how = "local";
                seen.why = reply.target();
                return seen;
            case Step::end:
                seen.how = "whole";
                return seen;
            case Step::cut:
                seen.how = "cut";
                seen.why = reply.why();
                return seen;
        }
    }
}

}  // namespace shallop::test
