// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <shallop/base/percent.h>

#include "cli/server.h"

namespace shallop::cli {

/// The head of an answer.
struct Head {
    long status = 0;
    std::vector<std::pair<std::string, std::string>> fields;  ///< names in lower case

    std::string field(std::string_view name) const;
};

/// One call.
struct Request {
    std::string method = "GET";
    std::string path;                 ///< with its query
    std::vector<std::string> fields;  ///< "Name: value"
    std::string body;
    std::FILE* upload = nullptr;  ///< instead of `body`: sent as it is read
    long patience_seconds = 0;    ///< for the whole call; 0 = as long as it takes
    const std::atomic<bool>* stop =
        nullptr;  ///< set from another thread: the call ends within a second, as one that failed
    /// Called with the head, before the body; returns where the body goes, or nothing for Reply::body.
    std::function<std::function<void(std::string_view)>(const Head&)> choose_sink;
};

/// How a call went: milliseconds from its start on, and the sizes of the bodies.
struct Timing {
    double resolved = 0;  ///< the server's name has become an address
    double connected = 0;
    double first_byte = 0;  ///< of the answer
    double total = 0;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
};

struct Reply {
    Head head;
    std::string body;
    Timing timing;
};

/// Speaks to one daemon over libcurl, one call at a time, blocking. No proxy is used and no redirect followed: the token goes to the daemon alone.
class Rest {
public:
    explicit Rest(Server server);
    ~Rest();

    const Server& server() const { return server_; }

    /// An answer of whatever status. Fails where there is none.
    Result<Reply> call(const Request& request);

    /// The same for a document: an answer that is no success is a complaint.
    Result<Reply> ask(const Request& request);

private:
    struct Handle;
    Complaint no_answer(int code, const char* words) const;

    Server server_;
    std::unique_ptr<Handle> handle_;
};

using base::percent_encoded;

}  // namespace shallop::cli
