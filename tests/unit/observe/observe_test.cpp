// SPDX-License-Identifier: Apache-2.0
#include <shallop/observe/invocations.h>
#include <shallop/observe/log_book.h>
#include <shallop/observe/metrics.h>

#include "support/loop.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using namespace std::chrono_literals;

namespace {

observe::Invocation one(const std::string& id, const std::string& status, bool ended) {
    observe::Invocation invocation;
    invocation.id = id;
    invocation.function = "f";
    invocation.status = status;
    if (ended) invocation.ended = std::chrono::system_clock::now();
    return invocation;
}

observe::LogLine line(const std::string& text) { return {0, std::chrono::system_clock::now(), "stderr", "i", text}; }

}  // namespace

TEST_CASE("ended invocations are kept up to a bound, running ones always", "[observe]") {
    observe::Invocations invocations(3);
    invocations.report(one("0", "running", false));
    for (const auto* id : {"1", "2", "3", "4"}) invocations.report(one(id, "succeeded", true));
    CHECK(invocations.find("0") != nullptr);
    CHECK(invocations.find("1") == nullptr);
    CHECK(invocations.find("4") != nullptr);
    invocations.report(one("0", "failed", true));
    CHECK(invocations.list("", "running", "", 10).empty());
}

TEST_CASE("invocations list newest first, by filter and cursor", "[observe]") {
    observe::Invocations invocations;
    for (const auto* id : {"1", "2", "3"}) invocations.report(one(id, id[0] == '2' ? "failed" : "succeeded", true));
    CHECK(invocations.list("", "", "", 2)[0].id == "3");
    CHECK(invocations.list("", "", "3", 2)[0].id == "2");
    CHECK(invocations.list("f", "failed", "", 9).size() == 1);
    CHECK(invocations.list("other", "", "", 9).empty());
}

TEST_CASE("a chatty function cannot make the log book grow without bound", "[observe]") {
    test::Loop loop;
    observe::LogBook book(loop.executor(), 4096, 8192);
    for (int i = 0; i < 1000; ++i) book.add("f", line(std::string(100, 'x')));
    book.add("g", line("kept"));
    CHECK(book.read("f", 0, {}, 10'000).size() < 41);
    CHECK(book.read("g", 0, {}, 10).size() == 1);
    CHECK(book.read("f", 0, {}, 5).size() == 5);
    const auto last = book.read("f", 0, {}, 1).front().sequence;
    CHECK(book.read("f", last, {}, 10).empty());
    book.forget("f");
    CHECK(book.read("f", 0, {}, 10).empty());
}

TEST_CASE("metrics count outcomes and forget a removed function", "[observe]") {
    observe::Metrics metrics;
    metrics.invocation("f", "ok", 1ms, 2ms, 3ms, 4ms);
    metrics.invocation("f", "timed_out", 1ms, 2ms, 3ms, 4ms);
    metrics.gauge("shallop_test", "A test.", [] { return 42.0; });
    CHECK(metrics.text().find("shallop_invocations_total{function=\"f\",outcome=\"ok\"} 1") != std::string::npos);
    CHECK(metrics.text().find("shallop_test 42") != std::string::npos);
    metrics.forget("f");
    CHECK(metrics.text().find("function=\"f\"") == std::string::npos);
    metrics.invocation("f", "ok", 1ms, 2ms, 3ms, 4ms);
    CHECK(metrics.text().find("outcome=\"ok\"} 1") != std::string::npos);
}
