// SPDX-License-Identifier: Apache-2.0
#include "cli/token_text.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using Json = nlohmann::ordered_json;

TEST_CASE("a list of tokens says what each may do, and until when", "[cli]") {
    const std::chrono::system_clock::time_point now{std::chrono::seconds(1'763'726'400)};  // 2025-11-21T12:00:00Z
    const auto tokens = Json::parse(R"([
        {"name": "admin", "scope": "admin", "hint": null, "created": null, "expires": null, "expired": false, "last_used": null},
        {"name": "ci", "scope": "deploy", "hint": "shallop_1a2b", "created": "2025-11-21T11:55:00.000Z",
         "expires": "2026-02-19T12:00:00.000Z", "expired": false, "last_used": "2025-11-21T11:00:00.000Z"},
        {"name": "old\n", "scope": "invoke", "hint": "shallop_3c4d", "created": "2025-11-12T12:00:00.000Z",
         "expires": "2025-11-20T12:00:00.000Z", "expired": true, "last_used": null}, 5])");
    CHECK(cli::token_table(tokens, now) ==
          "NAME     SCOPE   TOKEN         AGE  EXPIRES                   USED\n"
          "admin    admin   -             -    never                     -\n"
          "ci       deploy  shallop_1a2b  5m   2026-02-19T12:00:00.000Z  2025-11-21T11:00:00.000Z\n"
          "old\\x0a  invoke  shallop_3c4d  9d   expired                   -\n");
}

TEST_CASE("a line of the audit log is shown for people", "[cli]") {
    CHECK(cli::audit_text(
              R"({"time":"T","event":"change","who":"ci","from":"10.0.0.1","method":"POST","path":"/v1/jobs",)"
              R"("status":201,"result":"/v1/jobs/1"})") == "T  ci (10.0.0.1)  POST /v1/jobs  201 /v1/jobs/1");
    CHECK(cli::audit_text(R"({"time":"T","event":"refused","from":"unix","method":"GET","path":"/x","status":401,)"
                          R"("fault":"unauthorized","missing":3})") ==
          "T  - (unix)  GET /x  401 unauthorized  (3 lines before it are missing)");
    CHECK(cli::audit_text(
              R"({"time":"T","event":"change","who":"folder","method":"PUT","path":"a.py","function":"a"})") ==
          "T  folder  PUT a.py  done");
    CHECK(cli::audit_text("no\x1bjson") == "no\\x1bjson");
}
