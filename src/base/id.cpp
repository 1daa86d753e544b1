// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/id.h>
#include <shallop/base/result.h>

#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace shallop::base {
namespace {

void fill_random(unsigned char* into, std::size_t size) {
    ensure(::getrandom(into, size, 0) == static_cast<ssize_t>(size), "getrandom gives what was asked");
}

}  // namespace

void RandomIds::write_next(std::string& into) {
    constexpr std::string_view letters = "0123456789abcdefghjkmnpqrstvwxyz";
    constexpr std::size_t wanted = 16;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
    if (ms != last_ms_) {
        last_ms_ = ms;
        auto left = ms;
        for (std::size_t at = time_.size(); at-- > 0; left >>= 5) time_[at] = letters[left & 31];
    }
    if (used_ + wanted > ahead_.size()) {
        fill_random(ahead_.data(), ahead_.size());  // many at once: a system call each would cost more than the rest
        used_ = 0;
    }
    into.assign(time_.data(), time_.size());
    into.resize(time_.size() + wanted);
    for (auto* at = into.data() + time_.size(); at != into.data() + into.size(); ++at)
        *at = letters[ahead_[used_++] & 31];
}

std::string RandomIds::secret(int bytes) {
    constexpr std::string_view hex = "0123456789abcdef";
    std::vector<unsigned char> random(static_cast<std::size_t>(bytes));
    fill_random(random.data(), random.size());
    std::string text;
    for (const auto byte : random) {
        text += hex[byte >> 4];
        text += hex[byte & 15];
    }
    return text;
}

}  // namespace shallop::base
