// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/http/wire.h>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

/// What Wire's waits are made of: a part of wire.cpp and wire_tls.cpp.
namespace shallop::http {

inline constexpr std::size_t turn_bytes = 256 * 1024;  ///< sent at most before others have a turn of the loop

/// Sets a deadline for as long as the wait for it lasts, however that ends.
class Until {
public:
    Until(Instant& slot, Instant until) : slot_(slot) { slot_ = until; }
    ~Until() { slot_ = Instant::max(); }
    Until(const Until&) = delete;
    Until& operator=(const Until&) = delete;

private:
    Instant& slot_;
};

/// Among the idle ones of the roster for as long as it lives, or until the roster wants it to end.
struct Wire::Idle {
    explicit Idle(Wire& w) : wire(w) {
        wire.idle_ = wire.fresh_idle_ = true;
        wire.roster_.to_idle(wire.place_);
    }
    Idle(const Idle&) = delete;
    Idle& operator=(const Idle&) = delete;
    ~Idle() {
        if (wire.idle_) wire.roster_.to_busy(wire.place_);
        wire.idle_ = false;
    }
    Wire& wire;
};

inline base::Error late() { return {base::Fault::timed_out, "The peer was too slow."}; }

inline base::Error hung_up_error() { return {base::Fault::client_gone, "The peer has hung up."}; }

inline void unwind_if_cancelled(const boost::system::error_code& failed) {
    if (failed == boost::asio::error::operation_aborted) throw boost::system::system_error(failed);
}

}  // namespace shallop::http
