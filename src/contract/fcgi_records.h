// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::contract {

/// The records of FastCGI 1.0 that a web server and a responder exchange, one request at a time on a connection. No I/O.

/// The most that one record carries on our side: a multiple of eight, so that nothing is padded.
inline constexpr std::size_t fcgi_most_content = 65'528;

using FcgiHeader = std::array<char, 8>;

/// The header of a record of STDIN with `size` bytes, at most fcgi_most_content; 0 ends the stream.
FcgiHeader fcgi_stdin_header(std::size_t size);

/// Writes, over what is in `out`, all that comes before a request's body: its begin as a responder on a connection that is kept, and the
/// parameters ("NAME=value") with the end of their stream.
void write_fcgi_begin(std::string& out, const std::vector<std::string>& parameters);

/// Reads what a responder sends back on one connection, as it comes. What is no record of our request is refused: nothing it might mean is guessed.
class FcgiReplies {
public:
    enum class Kind {
        more,    ///< nothing without further bytes
        output,  ///< `content` of STDOUT
        error,   ///< `content` of STDERR
        end,     ///< the request has ended: application_status(), protocol_status()
        refused  ///< no FastCGI: refusal()
    };
    struct Step {
        Kind kind = Kind::more;
        std::string_view content{};  ///< in the bytes that were given; never empty with output and error
        std::size_t consumed = 0;    ///< of the bytes that were given, `content` included
    };

    /// The start of `bytes`, which are those that no earlier step has consumed.
    Step next(std::string_view bytes);

    std::uint32_t application_status() const { return application_status_; }
    /// 0: the request was run. 1 to 3: it was not, for the reason that fcgi_status_words() says.
    unsigned protocol_status() const { return protocol_status_; }
    /// In words that follow "the function sent".
    const std::string& refusal() const { return refusal_; }

private:
    bool read_header(std::string_view bytes);
    Step content(std::string_view bytes);
    Step take_end(std::string_view bytes, std::size_t consumed);
    bool refuse(std::string why);

    enum class Place { header, content, padding, ended, refused };
    Place place_ = Place::header;
    unsigned type_ = 0;
    std::size_t content_left_ = 0;
    std::size_t padding_left_ = 0;
    bool output_ended_ = false, error_ended_ = false;
    std::uint32_t application_status_ = 0;
    unsigned protocol_status_ = 0;
    std::string refusal_;
};

/// Why a request was not run, in words that follow "the function".
std::string_view fcgi_status_words(unsigned protocol_status);

}  // namespace shallop::contract
