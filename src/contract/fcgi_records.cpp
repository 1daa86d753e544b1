// SPDX-License-Identifier: Apache-2.0
#include "contract/fcgi_records.h"

#include <algorithm>

namespace shallop::contract {
namespace {

constexpr unsigned version = 1;
constexpr unsigned request_id = 1;
constexpr unsigned responder = 1;
constexpr unsigned keep_connection = 1;
constexpr unsigned last_status = 3;
constexpr std::size_t header_size = 8;
constexpr std::size_t end_size = 8;  // of its content

enum Type : unsigned {
    begin_request = 1,
    end_request = 3,
    params = 4,
    standard_in = 5,
    standard_out = 6,
    standard_error = 7
};

FcgiHeader header(Type type, std::size_t size) {
    const auto byte = [](std::size_t value) { return static_cast<char>(value & 0xff); };
    return {byte(version), byte(type), 0, byte(request_id), byte(size >> 8), byte(size), 0, 0};
}

void append_header(std::string& out, Type type, std::size_t size) {
    const auto bytes = header(type, size);
    out.append(bytes.data(), bytes.size());
}

void append_length(std::string& out, std::size_t length) {
    if (length < 128) {
        out += static_cast<char>(length);
        return;
    }
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        const auto byte = static_cast<unsigned>(length >> shift) & 0xff;
        out += static_cast<char>(shift == 24 ? byte | 0x80 : byte);
    }
}

/// Bytes of a stream, in as many records as they need; each header's length is known when its record is full.
class Params {
public:
    explicit Params(std::string& out) : out_(out) {}

    void add(std::string_view bytes) {
        while (!bytes.empty()) {
            if (open_ == 0) append_header(out_, params, 0);
            const auto size = std::min(bytes.size(), fcgi_most_content - open_);
            out_.append(bytes.substr(0, size));
            bytes.remove_prefix(size);
            open_ += size;
            if (open_ == fcgi_most_content) close();
        }
    }

    void end() {
        if (open_ > 0) close();
        append_header(out_, params, 0);
    }

private:
    void close() {
        const auto bytes = header(params, open_);
        std::copy(bytes.begin(), bytes.end(), out_.end() - static_cast<std::ptrdiff_t>(open_ + header_size));
        open_ = 0;
    }

    std::string& out_;
    std::size_t open_ = 0;  ///< bytes in the record that is being filled
};

unsigned byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

}  // namespace

FcgiHeader fcgi_stdin_header(std::size_t size) { return header(standard_in, size); }

void write_fcgi_begin(std::string& out, const std::vector<std::string>& parameters) {
    out.clear();
    append_header(out, begin_request, 8);
    out.append({0, static_cast<char>(responder), static_cast<char>(keep_connection), 0, 0, 0, 0, 0});
    Params stream(out);
    std::string lengths;
    for (const std::string_view parameter : parameters) {
        const auto name = parameter.substr(0, parameter.find('='));
        const auto value = parameter.substr(std::min(parameter.size(), name.size() + 1));
        lengths.clear();
        append_length(lengths, name.size());
        append_length(lengths, value.size());
        stream.add(lengths);
        stream.add(name);
        stream.add(value);
    }
    stream.end();
}

FcgiReplies::Step FcgiReplies::next(std::string_view bytes) {
    for (std::size_t consumed = 0;;) {
        const auto rest = bytes.substr(consumed);
        switch (place_) {
            case Place::header:
                if (rest.size() < header_size) return {Kind::more, {}, consumed};
                if (!read_header(rest)) return {Kind::refused, {}, consumed};
                consumed += header_size;
                break;
            case Place::content: {
                if (type_ == end_request) return take_end(rest, consumed);
                if (rest.empty()) return {Kind::more, {}, consumed};
                auto step = content(rest);
                step.consumed += consumed;
                return step;
            }
            case Place::padding: {
                const auto skipped = std::min(rest.size(), padding_left_);
                consumed += skipped;
                padding_left_ -= skipped;
                if (padding_left_ > 0) return {Kind::more, {}, consumed};
                place_ = Place::header;
                break;
            }
            case Place::ended:
                return {Kind::end, {}, consumed};
            case Place::refused:
                return {Kind::refused, {}, consumed};
        }
    }
}

/// The record's own end, and whatever pads it, belong to it: the connection is free only behind them.
FcgiReplies::Step FcgiReplies::take_end(std::string_view bytes, std::size_t consumed) {
    const auto whole = end_size + padding_left_;
    if (bytes.size() < whole) return {Kind::more, {}, consumed};
    for (std::size_t at = 0; at < 4; ++at) application_status_ = application_status_ << 8 | byte_at(bytes, at);
    protocol_status_ = byte_at(bytes, 4);
    if (protocol_status_ > last_status) {
        refuse("an end of the request with the unknown status " + std::to_string(protocol_status_));
        return {Kind::refused, {}, consumed};
    }
    place_ = Place::ended;
    return {Kind::end, {}, consumed + whole};
}

FcgiReplies::Step FcgiReplies::content(std::string_view bytes) {
    const auto piece = bytes.substr(0, content_left_);
    content_left_ -= piece.size();
    if (content_left_ == 0) place_ = Place::padding;
    return {type_ == standard_out ? Kind::output : Kind::error, piece, piece.size()};
}

/// The byte at its end is reserved, and the specification says nothing of what is in it.
bool FcgiReplies::read_header(std::string_view bytes) {
    if (byte_at(bytes, 0) != version) return refuse("what is no FastCGI of version 1");
    type_ = byte_at(bytes, 1);
    const bool stream = type_ == standard_out || type_ == standard_error;
    if (!stream && type_ != end_request)
        return refuse("a FastCGI record of type " + std::to_string(type_) + ", which is not for a web server");
    const auto id = byte_at(bytes, 2) << 8 | byte_at(bytes, 3);
    if (id != request_id) return refuse("a FastCGI record of request " + std::to_string(id) + ", which there is not");
    content_left_ = byte_at(bytes, 4) << 8 | byte_at(bytes, 5);
    padding_left_ = byte_at(bytes, 6);
    if (!stream && content_left_ != end_size)
        return refuse("an end of the request with " + std::to_string(content_left_) + " bytes");
    if (stream) {
        bool& ended = type_ == standard_out ? output_ended_ : error_ended_;
        if (ended && content_left_ > 0) return refuse("more output after its end");
        ended = ended || content_left_ == 0;
    }
    place_ = content_left_ > 0 ? Place::content : Place::padding;
    return true;
}

bool FcgiReplies::refuse(std::string why) {
    place_ = Place::refused;
    refusal_ = std::move(why);
    return false;
}

std::string_view fcgi_status_words(unsigned protocol_status) {
    switch (protocol_status) {
        case 0:
            return "ran the request";
        case 1:
            return "takes no further request on this connection (FCGI_CANT_MPX_CONN)";
        case 2:
            return "is overloaded (FCGI_OVERLOADED)";
        default:
            return "is no responder (FCGI_UNKNOWN_ROLE)";
    }
}

}  // namespace shallop::contract
