// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::http {

/// Bounds of a reply that comes from a server. What passes them is refused.
struct ReplyLimits {
    std::size_t head = 64 * 1024;  ///< status line and fields, with the interim heads before them
    std::size_t fields = 256;
    int interim = 16;  ///< 1xx heads before the final one
};

/// Reads a reply's head from raw bytes, without I/O, as strictly as HeadParser reads a request's: RFC 9112, CRLF only,
/// no folded fields, one framing that all readers agree on. 1xx heads are read over, but for a 101 that was asked for.
///
/// Keeps its storage from one reply to the next.
class ReplyParser {
public:
    enum class Progress { more, done, refused };
    enum class Framing { none, length, chunked, until_close };

    /// What the request was, as far as the reply's meaning hangs on it.
    struct Asked {
        bool head = false;     ///< a HEAD: no body comes
        bool upgrade = false;  ///< 101 is an answer
    };

    struct Field {
        std::string_view name;
        std::string_view value;
        bool hop_by_hop = false;  ///< of the connection, or the framing's: never handed on
    };

    explicit ReplyParser(ReplyLimits limits = {}) : limits_(limits) {}

    /// Forgets the last reply.
    void start(Asked asked);

    /// `bytes`: all that was received since start(); lines that an earlier call saw whole are not looked at again.
    Progress parse(std::string_view bytes);

    /// Why it is refused, in words that follow "the function sent".
    const std::string& refusal() const { return refusal_; }

    // Once done; `bytes` are those of the last parse().
    /// How many bytes the head took, with the interim ones.
    std::size_t size() const { return line_; }
    int status() const { return head_.status; }
    std::string_view reason(std::string_view bytes) const;
    std::size_t fields() const { return fields_.size(); }
    Field field(std::size_t index, std::string_view bytes) const;
    Framing framing() const { return head_.framing; }
    /// Also for HEAD and 304, where it is news about what a GET would bring.
    std::optional<std::uint64_t> content_length() const { return head_.content_length; }
    /// Whether the connection may carry another request when the body has been read.
    bool keep_alive() const { return head_.keep_alive; }
    /// For how many seconds the server says it keeps an idle connection open (Keep-Alive: timeout=N).
    std::optional<unsigned> idle_seconds() const { return head_.idle_seconds; }

private:
    struct Span {
        std::uint32_t begin = 0;
        std::uint32_t size = 0;
    };
    struct Stored {
        Span name;
        Span value;
        bool hop_by_hop = false;
    };
    struct Head {
        int status = 0;
        int version = 11;
        Span reason;
        std::optional<std::uint64_t> content_length;
        std::optional<unsigned> idle_seconds;
        bool chunked = false;
        bool asks_close = false;
        bool asks_keep_alive = false;
        bool names_fields = false;  ///< Connection lists other fields
        bool has_upgrade = false;
        bool keep_alive = false;
        Framing framing = Framing::none;
    };

    Progress refuse(std::string why);
    bool refused(std::string why);
    bool line(std::string_view bytes, std::string_view text);
    bool status_line(std::string_view bytes, std::string_view text);
    bool field_line(std::string_view bytes, std::string_view text);
    bool known_field(std::string_view name, std::string_view value, bool& hop_by_hop);
    bool content_length(std::string_view value);
    bool transfer_encoding(std::string_view value);
    void connection(std::string_view value);
    void keep_alive(std::string_view value);
    bool finish(std::string_view bytes);
    bool finish_interim();
    bool finish_switch();
    void drop_named(std::string_view bytes);

    ReplyLimits limits_;
    Asked asked_;
    Head head_;
    std::vector<Stored> fields_;
    std::string refusal_;
    std::size_t seen_ = 0;  ///< no LF before this but at the ends of lines that were taken
    std::size_t line_ = 0;  ///< where the current line starts
    int interim_ = 0;
    bool done_ = false;
};

}  // namespace shallop::http
