// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/job.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace shallop;
using namespace std::chrono_literals;
using base::Fault;
using function::parse_job;

TEST_CASE("a job of an image has defaults for all else, and takes its output as it is", "[function][job]") {
    const auto job = parse_job(R"({"image":"worker:1","command":["run"]})");
    REQUIRE(job);
    CHECK(job->completions == 1);
    CHECK(job->parallelism == 1);
    CHECK(job->async.max_attempts == 3);
    CHECK(job->async.retention == 24h);
    CHECK_FALSE(job->timeout);
    CHECK(job->keep == "all");
    CHECK(job->input.empty());
    CHECK(job->spec.contract.output == function::Output::raw);
}

TEST_CASE("what runs a job's indexes is never used again, and has no end of its own", "[function][job]") {
    const auto job = parse_job(R"({"image":"w","completions":10,"parallelism":4,"max_attempts":20,
        "backoff":{"initial":"100ms","max":"2s"},"resources":{"memory":"64Mi"},"timeout":null})");
    REQUIRE(job);
    const auto spec = function::job_spec(*job, job->spec, "@job:1");
    CHECK(spec.name == "@job:1");
    CHECK_FALSE(spec.scale.reuse);
    CHECK(spec.scale.max == 4);
    CHECK(spec.async.concurrency == 4);
    CHECK(spec.async.max_attempts == 20);
    CHECK(spec.async.backoff_initial == 100ms);
    CHECK(spec.limits.memory == 64ULL << 20);
    CHECK(spec.limits.timeout >= 24h * 365);
    const auto bounded = parse_job(R"({"image":"w","timeout":"3s"})");
    REQUIRE(bounded);
    CHECK(function::job_spec(*bounded, bounded->spec, "@job:1").limits.timeout == 3s);
}

TEST_CASE("inputs are one for each index or one for all, texts as they are and all else as JSON", "[function][job]") {
    CHECK(parse_job(R"({"image":"w","input":"all\n"})")->input == std::vector<std::string>{"all\n"});
    CHECK(parse_job(R"({"image":"w","input":{"a":1}})")->input == std::vector<std::string>{R"({"a":1})"});
    CHECK(parse_job(R"({"image":"w","completions":3,"input":["x",2,null]})")->input ==
          std::vector<std::string>{"x", "2", "null"});
    CHECK(parse_job(R"({"image":"w","completions":3,"input":["x"]})").error().pointer == "/input");
}

TEST_CASE("a job of a function changes its command, its environment and its resources only", "[function][job]") {
    const auto job = parse_job(R"({"function":"f","env":{"A":"b"},"resources":{"cpus":2}})");
    REQUIRE(job);
    CHECK(job->function == "f");
    CHECK(job->changes == R"({"env":{"A":"b"},"limits":{"cpus":2}})");
    CHECK(parse_job(R"({"function":"f","network":"host"})").error().pointer == "/network");
}

TEST_CASE("what is no job is refused at its place", "[function][job]") {
    const std::vector<std::pair<std::string, std::string>> refused{
        {R"({})", "/image"},
        {R"({"image":"w","scale":{}})", "/scale"},
        {R"({"image":"w","routes":[]})", "/routes"},
        {R"({"image":"w","completions":10001})", "/completions"},
        {R"({"image":"w","parallelism":0})", "/parallelism"},
        {R"({"image":"w","max_attempts":101})", "/max_attempts"},
        {R"({"image":"w","backoff":{"first":"1s"}})", "/backoff/first"},
        {R"({"image":"w","timeout":"0s"})", "/timeout"},
        {R"({"image":"w","keep":"some"})", "/keep"},
        {R"({"image":"w","resources":{"memory":1}})", "/resources/memory"},
        {R"({"image":"w","colour":"red"})", "/colour"},
    };
    for (const auto& [document, pointer] : refused) {
        CAPTURE(document);
        const auto job = parse_job(document);
        REQUIRE_FALSE(job);
        CHECK(job.error().fault == Fault::invalid);
        CHECK(job.error().pointer == pointer);
    }
    CHECK_FALSE(parse_job("[]"));
    CHECK_FALSE(parse_job("{"));
}
