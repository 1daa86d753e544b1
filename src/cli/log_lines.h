// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace shallop::cli {

/// Cuts a stream of the daemon's log lines, a JSON object each, into lines.
class LogLines {
public:
    explicit LogLines(std::function<void(std::string_view)> each) : each_(std::move(each)) {}

    void add(std::string_view piece);

private:
    std::function<void(std::string_view)> each_;
    std::string rest_;
};

/// What such an object says.
struct LogLine {
    std::string time, invocation, text;  ///< "-" for an invocation that it is not of
    std::string stream;
};

/// The line in an object, printable; empty texts where it is none.
LogLine log_line(std::string_view object);

}  // namespace shallop::cli
