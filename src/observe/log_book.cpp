// SPDX-License-Identifier: Apache-2.0
#include <shallop/observe/log_book.h>

#include <algorithm>
#include <iterator>

namespace shallop::observe {
namespace {

constexpr std::size_t longest_line = 8 * 1024;

Bytes size_of(const LogLine& line) { return sizeof(LogLine) + line.text.size() + line.invocation.size(); }

}  // namespace

void LogBook::add(const std::string& function, LogLine line) {
    if (line.text.size() > longest_line) line.text.resize(longest_line);
    line.sequence = ++sequence_;
    const auto size = size_of(line);
    auto& page = pages_[function];
    page.lines.push_back(std::move(line));
    page.bytes += size;
    bytes_ += size;
    while (page.bytes > per_function_) drop_oldest(page);
    while (bytes_ > in_all_) {
        const auto largest = std::max_element(
            pages_.begin(), pages_.end(), [](const auto& a, const auto& b) { return a.second.bytes < b.second.bytes; });
        drop_oldest(largest->second);
    }
    changed_.notify_all();
}

void LogBook::forget(const std::string& function) {
    const auto at = pages_.find(function);
    if (at == pages_.end()) return;
    bytes_ -= at->second.bytes;
    pages_.erase(at);
}

std::vector<LogLine> LogBook::read(const std::string& function, std::uint64_t after, WallTime since,
                                   std::size_t tail) const {
    std::vector<LogLine> lines;
    const auto at = pages_.find(function);
    if (at == pages_.end()) return lines;
    const auto& all = at->second.lines;
    const auto first =
        std::partition_point(all.begin(), all.end(), [&](const LogLine& line) { return line.sequence <= after; });
    std::copy_if(first, all.end(), std::back_inserter(lines), [&](const LogLine& line) { return line.time >= since; });
    if (lines.size() > tail) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(tail));
    return lines;
}

void LogBook::drop_oldest(Page& page) {
    const auto size = size_of(page.lines.front());
    page.lines.pop_front();
    page.bytes -= size;
    bytes_ -= size;
}

}  // namespace shallop::observe
