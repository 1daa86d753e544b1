// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "contract/http_buffers.h"

#include <shallop/contract/driver.h>
#include <shallop/http/reply_parser.h>
#include <shallop/http/wire.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::contract {

/// One connection to a function's server, with the storage that its requests and replies use again and again. The parser is for HTTP.
class Upstream {
public:
    /// What comes ahead of a body in one receive; larger than any head that is taken.
    static constexpr std::size_t largest_buffer = 72 * 1024;

    /// `socket` as Channel::connect gives it; `roster` and `clock` outlive the Upstream.
    Upstream(http::Roster& roster, async::Executor executor, async::Clock& clock, base::Fd socket);

    http::Wire& wire() { return wire_; }
    http::ReplyParser& parser() { return parser_; }
    std::string& head() { return head_; }

    unsigned used = 0;                      ///< the round of IdleUpstreams in which its last reply ended
    Instant usable_until = Instant::max();  ///< the server has said that it closes then
    bool grown = false;                     ///< its buffers have taken more than a small reply
    int replies = 0;                        ///< in a row after which all was in order
    Instant idle_since{};

private:
    Upstream(http::Roster& roster, async::Executor executor, async::Clock& clock, int family, base::Fd socket);

    http::Wire wire_;
    http::ReplyParser parser_;
    std::string head_;
};

/// The idle connections of one server, most recently used last.
class IdleUpstreams {
public:
    explicit IdleUpstreams(std::size_t most) : most_(most) {}

    /// The latest one that can be used; closes those that cannot. Null: none is left.
    std::unique_ptr<Upstream> take(const async::Clock& clock);

    void give(std::unique_ptr<Upstream> upstream, Instant now);

    /// Ends a round: closes those unused in all of it, but for one that holds little memory.
    void trim();

    /// Closes the one that was used longest ago, if there is any.
    void drop_one() {
        if (!idle_.empty()) idle_.erase(idle_.begin());
    }

    void set_most(std::size_t most) { most_ = most; }

    bool empty() const { return idle_.empty(); }
    std::size_t size() const { return idle_.size(); }

private:
    std::size_t most_;
    unsigned round_ = 0;
    std::vector<std::unique_ptr<Upstream>> idle_;
};

/// One connection while an event has it. Closed unless it is given back: so does a cancelled event end.
class LentUpstream {
public:
    /// All outlive it.
    LentUpstream(IdleUpstreams& idle, const Surroundings& around) : idle_(idle), around_(around) {}

    /// False: there is no idle one.
    bool take_idle();
    void open(base::Fd socket);
    Upstream& upstream() { return *upstream_; }
    void give_back();

private:
    IdleUpstreams& idle_;
    const Surroundings& around_;
    std::unique_ptr<Upstream> upstream_;
};

/// Closes the connections that nobody has used for a while, and gives memory up; until cancelled, or until these are gone.
Task<void> keep_trimmed(std::weak_ptr<IdleUpstreams> idle, std::weak_ptr<BodyBuffers> buffers, async::Clock& clock);

/// How many idle connections a server is left with.
std::size_t most_idle(const function::Scale& scale);

}  // namespace shallop::contract
