// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/blocking_pool.h>
#include <shallop/base/fields.h>
#include <shallop/base/result.h>
#include <shallop/base/units.h>

#include <atomic>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shallop::queue {

struct OutboundSettings {
    base::Duration connect = std::chrono::seconds(5);
    base::Duration whole = std::chrono::seconds(15);
    base::Bytes answer = 64 * 1024;    ///< so much of it is read, and nothing of it kept
    std::vector<std::string> allowed;  ///< "10.0.0.0/8", "127.0.0.1", "[::1]:8080": called though they are private
    unsigned threads = 8;              ///< calls at once
};

/// Whether nobody outside should be able to have us call it: loopback, link-local, private, shared, multicast, reserved, and the IPv4 ones in IPv6's clothes.
/// `address` as inet_ntop(3) writes it. Pure.
bool is_private(std::string_view address);

/// Whether `allowed` has the address, at that port. Faults: invalid, saying what an entry is.
base::Result<bool> is_allowed(const std::vector<std::string>& allowed, std::string_view address, std::uint16_t port);

/// Sends things to URLs that other people chose (threat T10): http and https alone, no redirect followed, no proxy used, and the address is looked at when
/// it is connected to, so that no name can lead elsewhere after a check.
///
/// Each call takes a thread of its own few while it lasts.
class Outbound {
public:
    explicit Outbound(OutboundSettings settings);

    /// POSTs, and says with which status it was answered. Faults: invalid (URL; an address that is not allowed), timed_out, function_failed (no answer).
    async::Task<base::Result<int>> post(std::string url, base::Fields fields, std::string body);

    /// Breaks off what is under way, within a second, and refuses more: shutting_down.
    void stop() { stopping_ = true; }

private:
    base::Result<int> send(const std::string& url, const base::Fields& fields, const std::string& body) const;

    OutboundSettings settings_;
    std::atomic<bool> stopping_ = false;
    async::BlockingPool pool_;
};

}  // namespace shallop::queue
