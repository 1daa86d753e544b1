// SPDX-License-Identifier: Apache-2.0
#include "cli/log_lines.h"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace shallop;

TEST_CASE("a stream of log lines is cut where they end, wherever it was cut before", "[cli]") {
    std::vector<std::string> lines;
    cli::LogLines cutter([&](std::string_view line) { lines.emplace_back(line); });
    for (const auto* piece : {"a", "b\nc", "\n\nd"}) cutter.add(piece);
    CHECK(lines == std::vector<std::string>{"ab", "c", ""});
}

TEST_CASE("a log line is printable, whatever it is", "[cli]") {
    const auto line = cli::log_line(R"({"time":"t","invocation":null,"text":"\u001b[2J"})");
    CHECK(line.time == "t");
    CHECK(line.invocation == "-");
    CHECK(line.text == "\\x1b[2J");
    for (const auto* nonsense : {"", "[]", "{", "{\"text\":5}"}) CHECK(cli::log_line(nonsense).text.empty());
}
