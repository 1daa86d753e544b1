// SPDX-License-Identifier: Apache-2.0

// What the daemon writes is what the shim reads.
#include <command.cpp>

#include <shim/codec.h>
#include <support/results.h>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace shallop::shim;

namespace {

char own_texts[5][16] = {"/shim", "own", "command", "PATH=/own", "HOME=/"};
char* own_argv[] = {own_texts[0], own_texts[1], own_texts[2], nullptr};
char* own_variables[] = {own_texts[3], own_texts[4], nullptr};

std::vector<std::string> list(char** words) {
    std::vector<std::string> result;
    for (; *words != nullptr; ++words) result.emplace_back(*words);
    return result;
}

/// The request after its way through a frame; the frame stays alive until the next call.
bool pass(const ExecRequest& request, Command& command) {
    static std::string frame;
    remember_own_command(3, own_argv, own_variables);
    frame = *encode_exec(1, request);
    return read_exec(frame.data() + wire::header_size, frame.size() - wire::header_size, command);
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("a command arrives as it was sent", "[shim]") {
    ExecRequest request;
    request.argv = {"program", "", "two words"};
    request.env = {"A=1", "PATH=/ours", "EMPTY="};
    request.cwd = "/somewhere";
    request.files = 99;
    request.sweep = true;
    Command command{};
    REQUIRE(pass(request, command));
    CHECK(list(command.argv) == Words{"program", "", "two words"});
    CHECK(list(command.environment) == Words{"A=1", "PATH=/ours", "EMPTY=", "HOME=/"});
    CHECK(std::string(command.cwd) == "/somewhere");
    CHECK(std::string(path_of(command.environment)) == "/ours");
    CHECK(command.files == 99);
    CHECK(command.flags == wire::exec_sweep);
}

TEST_CASE("nothing asked for is the container's own", "[shim]") {
    Command command{};
    REQUIRE(pass(ExecRequest{}, command));
    CHECK(list(command.argv) == Words{"own", "command"});
    CHECK(list(command.environment) == Words{"PATH=/own", "HOME=/"});
    CHECK(std::string(command.cwd).empty());
}

TEST_CASE("a name alone takes the variable away, and only that one", "[shim]") {
    ExecRequest request;
    request.argv = {"x"};
    request.env = {"PATH", "HOM"};
    Command command{};
    REQUIRE(pass(request, command));
    CHECK(list(command.environment) == Words{"HOME=/"});
    CHECK(std::string(path_of(command.environment)).starts_with("/usr/local/sbin:"));
}

TEST_CASE("exactly the words that fit are taken", "[shim]") {
    ExecRequest request;
    request.argv.assign(100, "a");
    request.env.assign(wire::max_words - 100 - 4, "E=1");
    Command command{};
    CHECK(pass(request, command));
    CHECK(list(command.argv).size() == 100);
    CHECK(list(command.environment).size() == wire::max_words - 100 - 2);
    request.env.assign(wire::max_words - 100, "E=1");
    CHECK_FALSE(pass(request, command));
    request.argv.assign(wire::max_words, "a");
    request.env.clear();
    CHECK_FALSE(pass(request, command));
}
