// SPDX-License-Identifier: Apache-2.0
#include <shallop/observe/invocations.h>
#include <shallop/observe/log_book.h>
#include <shallop/observe/metrics.h>

#include "support/loop.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using namespace std::chrono_literals;

namespace {

std::unique_ptr<observe::Invocation> start(observe::Invocations& invocations, const std::string& id) {
    auto invocation = invocations.started();
    CHECK(invocation->function.empty());
    invocation->id = id;
    invocation->function = "f";
    invocation->status = "running";
    return invocation;
}

void run(observe::Invocations& invocations, const std::string& id, const std::string& status) {
    auto invocation = start(invocations, id);
    invocation->status = status;
    invocations.ended(std::move(invocation));
}

observe::LogLine line(const std::string& text) { return {0, std::chrono::system_clock::now(), "stderr", "i", text}; }

}  // namespace

TEST_CASE("ended invocations are kept up to a bound, running ones always", "[observe]") {
    observe::Invocations invocations(3);
    auto running = start(invocations, "0");
    for (const auto* id : {"1", "2", "3", "4"}) run(invocations, id, "succeeded");
    CHECK(invocations.find("0") != nullptr);
    CHECK(invocations.find("1") == nullptr);
    CHECK(invocations.find("4") != nullptr);
    CHECK(invocations.list("", "running", "", 10).size() == 1);
    invocations.ended(std::move(running));
    CHECK(invocations.list("", "running", "", 10).size() == 1);  // as it was when it ended
    CHECK(invocations.find("0") != nullptr);
}

TEST_CASE("invocations list newest first, by filter and cursor", "[observe]") {
    observe::Invocations invocations;
    for (const auto* id : {"1", "2", "3"}) run(invocations, id, id[0] == '2' ? "failed" : "succeeded");
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
    observe::Run run{observe::Start::cold, 1ms, 2ms, 3ms, 4ms, 512ULL << 20};
    metrics.invocation("f", "ok", run);
    metrics.invocation("f", "timed_out", run);
    metrics.gauge("shallop_test", "A test.", [] { return 42.0; });
    double so_many = 7;
    metrics.total("shallop_test_total", "A total.", [&] { return so_many; });
    CHECK(metrics.text().find("shallop_test_total 7") != std::string::npos);
    so_many = 9;
    CHECK(metrics.text().find("shallop_test_total 9") != std::string::npos);
    CHECK(metrics.text().find("shallop_invocations_total{function=\"f\",outcome=\"ok\"} 1") != std::string::npos);
    CHECK(metrics.text().find("shallop_starts_total{function=\"f\",start=\"cold\"} 2") != std::string::npos);
    CHECK(metrics.text().find("shallop_memory_gigabyte_seconds_total{function=\"f\"} 0.003") != std::string::npos);
    CHECK(metrics.text().find("shallop_test 42") != std::string::npos);
    metrics.forget("f");
    CHECK(metrics.text().find("function=\"f\"") == std::string::npos);
    CHECK(metrics.text().find("shallop_starts_total") == std::string::npos);
    metrics.invocation("f", "ok", run);
    CHECK(metrics.text().find("outcome=\"ok\"} 1") != std::string::npos);
}
