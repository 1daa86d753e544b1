// SPDX-License-Identifier: Apache-2.0
#include "contract/chunked_body.h"

#include "contract/field_rules.h"

#include <algorithm>

namespace shallop::contract {
namespace {

constexpr std::size_t max_extensions = 1024;
constexpr std::size_t max_trailers = 16 * 1024;
constexpr std::size_t max_digits = 15;  // less than 2^60 bytes a chunk

}  // namespace

ChunkedBody::State ChunkedBody::state() const {
    if (phase_ == Phase::complete) return State::complete;
    return phase_ == Phase::malformed ? State::malformed : State::open;
}

std::span<const char> ChunkedBody::next(std::span<const char>& bytes) {
    while (!bytes.empty() && state() == State::open) {
        if (phase_ == Phase::content) {
            const auto run = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
            bytes = bytes.subspan(run.size());
            left_ -= run.size();
            if (left_ == 0) phase_ = Phase::content_end;
            return run;
        }
        take(bytes.front());
        bytes = bytes.subspan(1);
    }
    return {};
}

void ChunkedBody::take(char c) {
    if (cr_ && c != '\n') return fail("a CR in the chunked coding is not the end of a line");
    cr_ = c == '\r';
    switch (phase_) {
        case Phase::size:
            return take_size(c);
        case Phase::extension:
            if (c == '\n') return end_size();
            if (++extensions_ > max_extensions) fail("the chunk extensions are too long");
            return;
        case Phase::content_end:
            if (c == '\n') {
                phase_ = Phase::size;
                digits_ = 0;
            } else if (c != '\r') {
                fail("a chunk is longer than it says");
            }
            return;
        case Phase::trailer:
            return take_trailer(c);
        default:
            return;
    }
}

void ChunkedBody::take_size(char c) {
    const bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (is_digit(c) || letter) {
        if (++digits_ > max_digits) return fail("a chunk size is too large");
        left_ = left_ * 16 + static_cast<std::uint64_t>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    } else if (digits_ == 0) {
        fail("a chunk size is missing");
    } else if (c == '\n') {
        end_size();
    } else if (c == ';' || c == ' ' || c == '\t') {
        phase_ = Phase::extension;
    } else if (c != '\r') {
        fail("a chunk size is not a hexadecimal number");
    }
}

void ChunkedBody::end_size() { phase_ = left_ > 0 ? Phase::content : Phase::trailer; }

void ChunkedBody::take_trailer(char c) {
    if (++trailers_ > max_trailers) return fail("the trailers are too long");
    if (c == '\n') {
        if (line_ == 0) phase_ = Phase::complete;
        line_ = 0;
    } else if (c != '\r') {
        ++line_;
    }
}

void ChunkedBody::fail(const char* why) {
    why_ = why;
    phase_ = Phase::malformed;
}

}  // namespace shallop::contract
