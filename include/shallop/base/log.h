// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace shallop::base {

/// One `key=value` of a log line.
struct LogField {
    LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
    LogField(std::string_view k, const char* v) : key(k), value(v) {}
    LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
    template <std::integral I>
    LogField(std::string_view k, I v) : key(k), value(std::to_string(v)) {}

    std::string_view key;
    std::string value;
};

enum class Level { debug, info, warn, error };

/// Writes one logfmt line a call to a descriptor, in one write(2): `time=… level=… msg=… key=value`.
///
/// Values that are not plain words are quoted; control bytes, quotes and backslashes in them are escaped, so nothing a
/// client or a function sends can forge a line or a terminal sequence. A value is cut at 4 KiB. Never blocks on memory: may block
/// on the descriptor, which is a file, a pipe to a supervisor or a terminal. Usable from any thread.
class Log {
public:
    using Fields = std::initializer_list<LogField>;

    explicit Log(int fd = 2, Level least = Level::info) : fd_(fd), least_(least) {}

    void debug(std::string_view msg, Fields fields = {}) { write(Level::debug, msg, fields); }
    void info(std::string_view msg, Fields fields = {}) { write(Level::info, msg, fields); }
    void warn(std::string_view msg, Fields fields = {}) { write(Level::warn, msg, fields); }
    void error(std::string_view msg, Fields fields = {}) { write(Level::error, msg, fields); }

    void set_least(Level least) { least_ = least; }

private:
    void write(Level level, std::string_view msg, Fields fields);

    int fd_;
    Level least_;
};

/// Appends `value` as logfmt writes it: bare, or quoted with \n, \xNN and so on.
void append_logfmt(std::string& line, std::string_view value);

/// RFC 3339 in UTC with milliseconds, e.g. 2026-11-21T05:37:00.123Z.
std::string format_time(std::chrono::system_clock::time_point time);

}  // namespace shallop::base
