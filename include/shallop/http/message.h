// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fields.h>
#include <shallop/base/units.h>

#include <cstdint>
#include <optional>
#include <string>

namespace shallop::http {

using base::Bytes;
using base::Duration;
using base::Fields;

/// Every bound of a listener (L8). The status is what a client gets that passes it. Beyond the request being answered
/// no more is read ahead than a head may have.
struct Limits {
    Bytes head = Bytes{16} * 1024;                  ///< request line and fields: 431
    std::size_t fields = 100;                       ///< 431
    Bytes target = Bytes{8} * 1024;                 ///< 414
    Duration head_time = std::chrono::seconds(10);  ///< from the first byte to the end of the head: 408
    Duration idle = std::chrono::seconds(60);       ///< between requests: closed
    Bytes body_rate = 512;  ///< bytes a second over each body_grace, while the body is being read: 408
    Duration body_grace = std::chrono::seconds(10);
    Duration write_time = std::chrono::seconds(60);  ///< a write that makes no progress for so long: closed
    Bytes chunk_extensions = 1024;                   ///< in all of one body: 400
    Bytes trailers = Bytes{16} * 1024;               ///< 431
    std::size_t connections = 10'000;                ///< more: the oldest idle one is closed, else the new one
};

/// A request's head, already checked against RFC 9112 and reliability.md's strict rules.
struct Request {
    std::string method;
    std::string target;  ///< origin-form (absolute-form is reduced to it): path["?"query]
    std::string path;    ///< raw path part of target
    std::string query;   ///< raw, without '?'
    int version = 11;    ///< 10 or 11
    Fields fields;
    std::string host;  ///< lower-case, without port; IPv6 in brackets; "" for HTTP/1.0 without Host
    std::optional<std::uint64_t> content_length;
    bool chunked = false;
    bool keep_alive = true;
    std::string remote_addr;
    std::uint16_t remote_port = 0;
    std::uint16_t local_port = 0;
    bool tls = false;  ///< came over TLS
};

/// A reply's head. Framing (Content-Length, Transfer-Encoding, Connection, Date) is the connection's: never among
/// `fields`.
struct Response {
    int status = 200;
    std::string reason;  ///< empty = the standard phrase
    Fields fields;
    std::string lines{};  ///< further fields as they go over the wire, each with its CRLF: never from outside
    std::optional<std::uint64_t> content_length;  ///< nullopt = chunked to HTTP/1.1, until close to HTTP/1.0
    bool close = false;                           ///< ask for the connection's end after this reply
};

/// Why a message is refused: the status to answer and one sentence for the client.
struct Refusal {
    int status = 400;
    std::string detail;
};

/// The standard phrase, "" where there is none.
std::string_view reason_phrase(int status);

}  // namespace shallop::http
