// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/address.h>
#include <shallop/base/result.h>
#include <shallop/http/message.h>

#include <string>
#include <string_view>
#include <vector>

namespace shallop::api {

/// The proxies in front of the gateway that are believed: what they say of their client becomes the request's. Of all others it is a field like any.
class TrustedProxies {
public:
    TrustedProxies() = default;

    /// Entries are addresses, blocks such as "10.0.0.0/8", and "unix" for whoever comes over a unix socket. Faults: invalid, saying which is none.
    static base::Result<TrustedProxies> read(const std::vector<std::string>& entries);

    bool empty() const { return !unix_ && blocks_.empty(); }

    /// Makes of a request that such a proxy has sent that of its client: the address is the last one of X-Forwarded-For that is no trusted proxy's, and
    /// what stands before it, which the client may have made up, stays in that field; X-Forwarded-Proto, if it is http or https, is the scheme.
    void see_through(http::Request& request) const;

private:
    bool trusts(std::string_view address) const;

    std::vector<base::AddressBlock> blocks_;
    bool unix_ = false;
};

}  // namespace shallop::api
