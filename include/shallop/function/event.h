// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task.h>
#include <shallop/base/fields.h>
#include <shallop/base/result.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace shallop::function {

using base::Field;
using base::Fields;

/// One thing to run a function on: the head of an HTTP request after routing. The body travels beside it as a BodySource.
struct Event {
    std::string id;  ///< the invocation's id, made by us
    std::string function;
    std::string method;
    std::string target;       ///< as received: path and query, still encoded (origin form)
    std::string script_name;  ///< matched prefix, still encoded, no trailing slash, may be empty
    std::string path_info;    ///< the rest, still encoded; empty or starts with '/'
    bool by_name = false;     ///< came by /function/NAME: script_name is no part of the function's own paths
    std::string query;        ///< raw, without '?'
    std::string protocol = "HTTP/1.1";
    std::string scheme = "http";
    std::string server_name;  ///< validated Host without port
    std::uint16_t server_port = 80;
    std::string remote_addr;
    std::uint16_t remote_port = 0;
    Fields fields;
    std::vector<std::pair<std::string, std::string>> parameters;  ///< route parameters, decoded
    std::optional<std::uint64_t> content_length;                  ///< 0 or nullopt with `chunked` false: no body
    bool chunked = false;                                         ///< a body of unknown length follows
    std::vector<std::pair<std::string, std::string>>
        variables;  ///< of the environment of the process that runs it; ours

    int attempt = 0;  ///< of a queued event, from 1; 0: somebody waits for the reply

    bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

/// A request body as it arrives. Not copied ahead: reading is what lets the client send more.
class BodySource {
public:
    virtual ~BodySource() = default;

    /// Reads 1 to into.size() bytes; 0 = the end. Faults: client_gone, too_large, invalid (framing), timed_out (body rate).
    virtual async::Task<base::Result<std::size_t>> read(std::span<char> into) = 0;
};

/// The head of a reply, framing not included: no Connection, Transfer-Encoding or Content-Length among `fields`.
struct ReplyHead {
    int status = 200;
    std::string reason;  ///< empty = the standard phrase
    Fields fields;
    std::string lines{};  ///< further fields as they go over the wire, each with its CRLF: ours, never a function's
    std::optional<std::uint64_t> content_length;  ///< nullopt = streamed
};

/// Where a reply goes while it is being made. begin() once, then write() any number of times; who called Invoker ends it.
class ReplySink {
public:
    virtual ~ReplySink() = default;

    /// Sends the head at once. Faults: client_gone.
    virtual async::Task<base::Status> begin(ReplyHead head) = 0;

    /// The same with the body's first bytes, in one system call where the wire allows it.
    virtual async::Task<base::Status> begin_with(ReplyHead head, std::span<const char> first) {
        auto begun = co_await begin(std::move(head));
        if (!begun || first.empty()) co_return begun;
        co_return co_await write(first);
    }

    /// Returns when the bytes are on their way (backpressure). Dropped for HEAD, 204 and 304. Faults: client_gone.
    virtual async::Task<base::Status> write(std::span<const char> bytes) = 0;

    virtual bool begun() const = 0;
};

}  // namespace shallop::function
