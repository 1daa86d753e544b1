// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fields.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace shallop::contract {

/// Finds the field lines that a program prints before its body, as they come: each byte is looked at once.
///
/// Lines end in LF or CRLF, the block in an empty line. There is no folding, no space before the colon, no control in a value.
class HeaderScanner {
public:
    enum class State {
        open,       ///< so far a header block, more must follow
        complete,   ///< the empty line is there
        malformed,  ///< not a header block; why() says what is wrong
    };

    explicit HeaderScanner(std::size_t max_fields) : max_fields_(max_fields) {}

    /// `bytes` is everything since the block began: what was given before, and more.
    State scan(std::string_view bytes);

    State state() const { return state_; }
    const base::Fields& fields() const { return fields_; }
    base::Fields& fields() { return fields_; }
    std::size_t length() const { return line_; }  ///< of the complete block, with its empty line
    const std::string& why() const { return why_; }

    /// Whether a field that RFC 3875 6.3 defines is among them.
    bool has_cgi_field() const { return has_cgi_field_; }
    /// Whether one of them has a value that only a CGI program would give it: what was begun as a header is then meant as one.
    bool surely_cgi() const { return surely_cgi_; }

private:
    State scan_name(std::string_view bytes);
    State end_line(std::string_view bytes, std::size_t end);
    State fail(std::string why);
    void note(const base::Field& field);

    std::size_t max_fields_;
    State state_ = State::open;
    std::size_t line_ = 0;   ///< where the current line begins
    std::size_t at_ = 0;     ///< first byte not looked at
    std::size_t colon_ = 0;  ///< of the current line; 0 = not reached
    base::Fields fields_;
    bool has_cgi_field_ = false;
    bool surely_cgi_ = false;
    std::string why_;
};

}  // namespace shallop::contract
