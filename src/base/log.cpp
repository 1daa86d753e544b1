// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/log.h>

#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>

namespace shallop::base {
namespace {

constexpr std::size_t longest_value = 4096;

std::string_view word(Level level) {
    switch (level) {
        case Level::debug:
            return "debug";
        case Level::info:
            return "info";
        case Level::warn:
            return "warn";
        case Level::error:
            return "error";
    }
    return "error";
}

bool plain(char c) { return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\'; }

void append_escaped(std::string& line, char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
        line += '\\';
        line += c;
    } else if (c == '\n') {
        line += "\\n";
    } else if (c == '\t') {
        line += "\\t";
    } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && byte < 0xa0)) {
        std::array<char, 5> hex{};
        std::snprintf(hex.data(), hex.size(), "\\x%02x", byte);
        line += hex.data();
    } else {
        line += c;
    }
}

}  // namespace

void append_logfmt(std::string& line, std::string_view value) {
    bool bare = !value.empty();
    for (const char c : value) bare = bare && plain(c);
    if (bare && value.size() <= longest_value) {
        line += value;
        return;
    }
    line += '"';
    for (const char c : value.substr(0, longest_value)) append_escaped(line, c);
    if (value.size() > longest_value) line += "…";
    line += '"';
}

std::string format_time(std::chrono::system_clock::time_point time) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
    const std::time_t seconds = ms / 1000;
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    std::array<char, 80> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1,
                  utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, static_cast<int>(ms % 1000));
    return text.data();
}

void Log::write(Level level, std::string_view msg, Fields fields) {
    if (level < least_) return;
    std::string line = "time=" + format_time(std::chrono::system_clock::now());
    line.append(" level=").append(word(level)).append(" msg=");
    append_logfmt(line, msg);
    for (const auto& field : fields) {
        line.append(" ").append(field.key).append("=");
        append_logfmt(line, field.value);
    }
    line += '\n';
    // A log that cannot be written has nowhere to say so.
    [[maybe_unused]] const auto written = ::write(fd_, line.data(), line.size());
}

}  // namespace shallop::base
