// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace shallop::access {

/// How often each client may show a wrong token: a few at once, then one now and then. It slows down whoever guesses, and keeps their guesses from
/// filling logs; whoever shows a right one is never asked here.
///
/// A client is an IPv4 address, or the /64 network of an IPv6 one, for that is what one subscriber has. Behind a proxy all have the proxy's address.
/// Belongs to one loop.
class Failures {
public:
    struct Limits {
        int at_once = 10;
        async::Duration each = std::chrono::seconds(6);  ///< until one more is allowed again
        std::size_t clients = 4096;  ///< beyond, whoever has failed least, or longest ago, is forgotten
    };

    explicit Failures(async::Clock& clock) : Failures(clock, Limits{}) {}
    Failures(async::Clock& clock, Limits limits) : clock_(clock), limits_(limits) {}

    /// Notes a failure of the client with this address ("": a unix socket, which has none). Zero: it is within the bound. Else how long the client
    /// has to wait, and it is not counted.
    async::Duration note(std::string_view address);

    std::size_t clients() const { return settled_.size(); }

private:
    void make_room(async::Instant now);

    async::Clock& clock_;
    Limits limits_;
    /// When a client's failures will be forgiven: each one moves it on by `each`.
    std::map<std::string, async::Instant, std::less<>> settled_;
};

/// The part of an address by which a client is known: 4 bytes, or the first 8 of an IPv6 address; "" where there is none.
std::string client_of(std::string_view address);

}  // namespace shallop::access
