// SPDX-License-Identifier: Apache-2.0
#include <shim/codec.h>
#include <support/results.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cerrno>
#include <string>

using namespace shallop::shim;
using shallop::base::Fault;

namespace {

template <std::size_t N>
std::string bytes(const char (&text)[N]) {
    return {text, N - 1};
}

std::optional<Received> decoded(const std::string& frame) {
    return decode(Octets(reinterpret_cast<const unsigned char*>(frame.data()), frame.size()));
}

std::string framed(wire::Type type, std::uint32_t id, const std::string& body) {
    std::string frame(wire::header_size, '\0');
    wire::store_header(reinterpret_cast<unsigned char*>(frame.data()),
                       {type, id, static_cast<std::uint32_t>(body.size())});
    return frame + body;
}

std::string number(std::uint64_t value, int size = 4) {
    std::string text;
    for (int i = 0; i < size; ++i) text.push_back(static_cast<char>(value >> (8 * i)));
    return text;
}

std::string exited(std::uint32_t code, std::uint32_t signal, std::uint64_t user = 0, std::uint64_t rss = 0,
                   std::uint32_t flags = 0) {
    return framed(wire::Type::exited, 9,
                  number(code) + number(signal) + number(flags) + number(user, 8) + number(7, 8) + number(rss, 8));
}

std::string failed(std::uint32_t step, std::uint32_t error, const std::string& texts) {
    return framed(wire::Type::failed, 9, number(step) + number(error) + texts);
}

}  // namespace

TEST_CASE("the requests are, byte for byte, what docs/protocol.md says", "[shim]") {
    ExecRequest request;
    request.argv = {"a", "bc"};
    request.env = {"X=1"};
    request.cwd = "/d";
    request.sweep = true;
    request.files = 0x0403;
    CHECK(*encode_exec(0x01020304, request) == bytes("\2\1\0\0\4\3\2\1\x1c\0\0\0"
                                                     "\1\0\0\0\3\4\0\0\2\0\0\0\1\0\0\0"
                                                     "/d\0a\0bc\0X=1\0"));
    CHECK(*encode_connect(5, "tcp:127.0.0.1:80", std::chrono::milliseconds(258), true) ==
          bytes("\2\2\0\0\5\0\0\0\x19\0\0\0"
                "\1\0\0\0\2\1\0\0tcp:127.0.0.1:80\0"));
    CHECK(*encode_listen(6, "unix:/s", 16) == bytes("\2\3\0\0\6\0\0\0\x0c\0\0\0\x10\0\0\0unix:/s\0"));
    CHECK(encode_signal(7, wire::Target::group, 9) == bytes("\2\4\0\0\7\0\0\0\10\0\0\0\1\0\0\0\11\0\0\0"));
    CHECK(encode_cancel(8) == bytes("\2\5\0\0\10\0\0\0\0\0\0\0"));
    CHECK(encode_usage(9) == bytes("\2\6\0\0\11\0\0\0\0\0\0\0"));
    CHECK(*encode_file(10, "db", 0400, 3) == bytes("\2\7\0\0\12\0\0\0\12\0\0\0\0\1\0\0db\0"));  // and the three bytes
}

TEST_CASE("a file's answer is that it is written, or why not", "[shim]") {
    CHECK(std::holds_alternative<Written>(decoded(framed(wire::Type::written, 9, ""))->message));
    CHECK_FALSE(decoded(framed(wire::Type::written, 9, "x")));
    CHECK_FALSE(decoded(framed(wire::Type::written, 0, "")));
    const auto no_room = decoded(failed(10, ENOSPC, bytes("db\0\0")));
    const auto error = explain(std::get<Failed>(no_room->message), "");
    CHECK(error.fault == Fault::function_failed);
    CHECK(error.detail == "cannot write the file db: No space left on device");
}

TEST_CASE("a timeout is rounded up to a millisecond and bounded", "[shim]") {
    const auto timeout_of = [](shallop::base::Duration timeout) {
        const auto frame = *encode_connect(1, "unix:/s", timeout, false);
        return wire::load(reinterpret_cast<const unsigned char*>(frame.data()) + 16);
    };
    CHECK(timeout_of(std::chrono::nanoseconds(1)) == 1);
    CHECK(timeout_of(std::chrono::seconds(-5)) == 0);
    CHECK(timeout_of(std::chrono::hours(100)) == 600000);
}

TEST_CASE("what does not fit a frame is refused before it is sent", "[shim]") {
    ExecRequest request;
    request.argv.assign(4097, "x");
    CHECK(encode_exec(1, request).error().fault == Fault::too_large);
    request.argv = {std::string(wire::max_frame, 'x')};
    CHECK(encode_exec(1, request).error().fault == Fault::too_large);
    // A frame of exactly the largest size is one.
    request.argv = {std::string(wire::max_frame - wire::header_size - wire::exec_fixed - 2, 'x')};
    CHECK(encode_exec(1, request)->size() == wire::max_frame);
    request.argv = {std::string("a\0b", 3)};
    CHECK(encode_exec(1, request).error().fault == Fault::invalid);
    CHECK(encode_connect(1, std::string(129, 'x'), {}, false).error().fault == Fault::invalid);
    CHECK(encode_listen(1, std::string("unix:/\0", 7), 1).error().fault == Fault::invalid);
}

TEST_CASE("the answers are read", "[shim]") {
    const auto hello = decoded(framed(wire::Type::hello, 0, number(163840) + number(1024) + number(2) + number(1)));
    REQUIRE(hello);
    CHECK(std::get<Hello>(hello->message) == Hello{163840, 1024, 2, true});

    const auto started = decoded(framed(wire::Type::started, 9, number(12)));
    REQUIRE(started);
    CHECK(started->id == 9);
    CHECK(std::get<Started>(started->message).pid == 12);

    CHECK(std::holds_alternative<Connected>(decoded(framed(wire::Type::connected, 9, ""))->message));
    CHECK(std::holds_alternative<Accepted>(decoded(framed(wire::Type::accepted, 9, ""))->message));
    CHECK(std::get<Listening>(decoded(framed(wire::Type::listening, 9, number(8080)))->message).port == 8080);

    const auto failure = decoded(failed(5, ENOENT, bytes("tool\0/bin\0")));
    REQUIRE(failure);
    CHECK(std::get<Failed>(failure->message) == Failed{wire::Step::program, ENOENT, "tool", "/bin"});
}

TEST_CASE("an exit carries a code or a signal", "[shim]") {
    const auto code = std::get<Exit>(decoded(exited(3, 0, 1500, 2048, 1))->message);
    CHECK(code.code == 3);
    CHECK(code.signal == 0);
    CHECK(code.out_of_memory);
    CHECK(code.user == std::chrono::microseconds(1500));
    CHECK(code.system == std::chrono::microseconds(7));
    CHECK(code.max_rss == 2048 * 1024);
    const auto signal = std::get<Exit>(decoded(exited(UINT32_MAX, 9))->message);
    CHECK(signal.code == -1);
    CHECK(signal.signal == 9);

    CHECK_FALSE(decoded(exited(256, 0)));
    CHECK_FALSE(decoded(exited(UINT32_MAX, 0)));
    CHECK_FALSE(decoded(exited(0, 9)));
    CHECK_FALSE(decoded(exited(UINT32_MAX, 65)));
}

TEST_CASE("numbers that lie cannot overflow", "[shim]") {
    const auto exit = std::get<Exit>(decoded(exited(0, 0, UINT64_MAX, UINT64_MAX))->message);
    CHECK(exit.user > std::chrono::hours(1));
    CHECK(exit.user + exit.system > exit.user);
    CHECK(exit.max_rss > 0);
}

TEST_CASE("used CPU time is nanoseconds, bounded, or not known", "[shim]") {
    const auto cpu = [](std::uint64_t value) {
        return std::get<Used>(decoded(framed(wire::Type::used, 9, number(value, 8)))->message).cpu;
    };
    CHECK(cpu(0) == shallop::base::Duration{});
    CHECK(cpu(0x0102030405060708) == std::chrono::nanoseconds(0x0102030405060708));
    CHECK(cpu(UINT64_MAX) == std::nullopt);
    REQUIRE(cpu(UINT64_MAX - 1));
    CHECK(*cpu(UINT64_MAX - 1) > std::chrono::hours(24 * 365));
    CHECK(*cpu(UINT64_MAX - 1) + *cpu(UINT64_MAX - 1) > *cpu(UINT64_MAX - 1));

    CHECK_FALSE(decoded(framed(wire::Type::used, 9, number(5, 4))));
    CHECK_FALSE(decoded(framed(wire::Type::used, 9, number(5, 8) + "x")));
    CHECK_FALSE(decoded(framed(wire::Type::used, 0, number(5, 8))));
}

TEST_CASE("a frame that is not exactly one answer is refused", "[shim]") {
    auto frame = framed(wire::Type::started, 9, number(12));
    CHECK(decoded(frame));
    CHECK_FALSE(decoded(frame + "x"));
    CHECK_FALSE(decoded(frame.substr(0, frame.size() - 1)));
    for (std::size_t size = 0; size < wire::header_size; ++size) CHECK_FALSE(decoded(frame.substr(0, size)));
    for (const std::size_t at : {0, 2, 3}) {
        auto wrong = frame;
        wrong[at] = 7;
        CHECK_FALSE(decoded(wrong));
    }
    for (const int type : {0, 1, 2, 3, 4, 5, 6, 7, 128, 136, 137, 255}) {
        auto wrong = frame;
        wrong[1] = static_cast<char>(type);
        CHECK_FALSE(decoded(wrong));
    }
    CHECK_FALSE(decoded(framed(wire::Type::started, 0, number(12))));
    CHECK_FALSE(decoded(framed(wire::Type::started, 9, number(1))));
    CHECK_FALSE(decoded(framed(wire::Type::started, 9, number(0xffffffff))));
    CHECK_FALSE(decoded(framed(wire::Type::hello, 1, number(1) + number(1) + number(1) + number(1))));
    CHECK_FALSE(decoded(framed(wire::Type::listening, 9, number(65536))));
    CHECK_FALSE(decoded(framed(wire::Type::connected, 9, "x")));
}

TEST_CASE("a failure with texts that do not end is refused", "[shim]") {
    CHECK(decoded(failed(9, 1, bytes("\0\0"))));
    CHECK_FALSE(decoded(failed(0, 1, bytes("\0\0"))));
    CHECK_FALSE(decoded(failed(11, 1, bytes("\0\0"))));
    CHECK_FALSE(decoded(failed(5, 0, bytes("\0\0"))));
    CHECK_FALSE(decoded(failed(5, 4096, bytes("\0\0"))));
    CHECK_FALSE(decoded(failed(5, 1, "")));
    CHECK_FALSE(decoded(failed(5, 1, bytes("\0"))));
    CHECK_FALSE(decoded(failed(5, 1, bytes("ab"))));
    CHECK_FALSE(decoded(failed(5, 1, bytes("a\0b"))));
    CHECK_FALSE(decoded(failed(5, 1, bytes("a\0b\0c\0"))));
    CHECK_FALSE(decoded(failed(5, 1, std::string(1025, 'x') + bytes("\0\0"))));
}

TEST_CASE("only the frames that carry a socket come with a descriptor", "[shim]") {
    CHECK(descriptors_of(Connected{}) == 1);
    CHECK(descriptors_of(Accepted{}) == 1);
    CHECK(descriptors_of(Started{5}) == 0);
    CHECK(descriptors_of(Failed{}) == 0);
    CHECK(descriptors_of(Used{}) == 0);
}

TEST_CASE("every failure has words and the right fault", "[shim]") {
    const auto words = [](wire::Step step, int error, const char* what = "", const char* where = "") {
        return explain(Failed{step, error, what, where}, "subject");
    };
    CHECK(words(wire::Step::program, ENOENT, "foo", "/bin:/usr/bin").detail ==
          "no such file: foo (looked in PATH /bin:/usr/bin)");
    CHECK(words(wire::Step::program, EACCES, "/foo", "/bin").detail == "not an executable file: /foo");
    CHECK(words(wire::Step::program, ENOEXEC, "/foo").detail.starts_with("exec format error: /foo"));
    CHECK(words(wire::Step::program, ENOMEM, "/foo").detail == "cannot run /foo: Cannot allocate memory");
    CHECK(words(wire::Step::fork, EAGAIN).detail.find("limits.pids") != std::string::npos);
    CHECK(words(wire::Step::command, ENOENT).fault == Fault::launch_failed);
    CHECK(words(wire::Step::request, EINVAL).fault == Fault::invalid);
    CHECK(words(wire::Step::request, EAGAIN).fault == Fault::overloaded);
    CHECK(words(wire::Step::request, EMFILE).fault == Fault::overloaded);
    CHECK(words(wire::Step::request, EEXIST).fault == Fault::internal);
    CHECK(words(wire::Step::connect, ETIMEDOUT).fault == Fault::timed_out);
    CHECK(words(wire::Step::connect, ECONNREFUSED).detail == "cannot connect to subject: Connection refused");
    CHECK(words(wire::Step::listen, EADDRINUSE).fault == Fault::function_failed);
    CHECK(words(wire::Step::descriptor, ETOOMANYREFS).fault == Fault::overloaded);
}
