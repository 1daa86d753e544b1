// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Just enough HTTP/1.1 over blocking sockets for EngineProxy and the test registry: heads, lengths, chunks.
namespace shallop::test {

/// Follows the framing of one body, to know where it ends.
class BodyEnd {
public:
    /// From a message's head. `none` = the message has no body whatever its fields say (HEAD, 204, 304).
    BodyEnd(const std::string& head, bool none, bool until_close);

    /// How many of `bytes` belong to the body.
    std::size_t take(std::string_view bytes);
    bool done() const { return kind_ == Kind::length && left_ == 0; }

private:
    enum class Kind { length, chunked, close };
    enum class Part { size, data, after, trailer };
    void chunk_byte(char c);

    Kind kind_ = Kind::length;
    Part part_ = Part::size;
    std::uint64_t left_ = 0;
    std::string line_;
};

/// One side of a connection, with what was received and not yet used.
struct Wire {
    int fd = -1;
    std::string rest;

    /// Reads up to the end of a head; "" at the end of the stream.
    std::string head();
    /// Reads more into `rest`; false at the end of the stream.
    bool more();
    bool send(std::string_view bytes) const;
};

/// The value of a field of `head`, without blanks around it; names without case.
std::string field(const std::string& head, std::string_view name);

int connect_unix(const std::string& path);
int listen_unix(const std::string& path);

}  // namespace shallop::test
