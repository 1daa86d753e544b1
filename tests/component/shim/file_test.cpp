// SPDX-License-Identifier: Apache-2.0
#include "support/room.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace shallop;
using namespace shallop::test;
using base::Fault;
using base::SecretBytes;
using Catch::Matchers::ContainsSubstring;

namespace {

base::Status write(Room& room, const std::string& name, std::string_view bytes, unsigned mode = 0400) {
    return room.loop.run(room.channel->write_file(name, mode, SecretBytes::copy_of(bytes)));
}

Sandbox::Options as(unsigned uid) {
    Sandbox::Options options;
    options.uid = uid;
    return options;
}

}  // namespace

TEST_CASE("a file is there with its bytes, its mode and the container's user as its owner", "[shim]") {
    Room room(as(65534));
    REQUIRE(ok(write(room, "db-password", "hunter2")));
    const auto ran = room.run("stat -c '%a %u' /run/secrets/db-password; cat /run/secrets/db-password");
    REQUIRE(ok(ran));
    CHECK(ran->out == "400 65534\nhunter2");
    CHECK(room.run("ls -A /run/secrets")->out == "db-password\n");
}

TEST_CASE("a file's bytes may be any, and as many as a frame holds", "[shim]") {
    Room room;
    std::string bytes(150 * 1024, '\0');
    for (std::size_t at = 0; at < bytes.size(); ++at) bytes[at] = static_cast<char>(at * 7 % 251);
    REQUIRE(ok(write(room, "large", bytes)));
    CHECK(room.run("cat /run/secrets/large")->out == bytes);
    REQUIRE(ok(write(room, "none", "")));
    CHECK(room.run("wc -c < /run/secrets/none")->out == "0\n");
    const auto refused = write(room, "larger", std::string(160 * 1024, 'x'));
    REQUIRE_FALSE(ok(refused));
    CHECK(refused.error().fault == Fault::too_large);
    CHECK(room.channel->is_open());
}

TEST_CASE("a new file takes the place of the old one at once, also under a reader", "[shim]") {
    Room room;
    REQUIRE(ok(write(room, "a", "old")));
    const auto ran = room.start(
        "exec 3< /run/secrets/a; echo ready > /tmp/ready; while [ ! -e /tmp/go ]; do :; done; "
        "cat <&3 > /tmp/seen; cat /run/secrets/a >> /tmp/seen");
    REQUIRE(ok(ran));
    REQUIRE(ok(room.run("while [ ! -e /tmp/ready ]; do :; done")));
    REQUIRE(ok(write(room, "a", "new")));
    REQUIRE(room.run("touch /tmp/go; while [ \"$(wc -c < /tmp/seen)\" != 6 ]; do :; done; cat /tmp/seen")->out ==
            "oldnew");
}

TEST_CASE("a name that is no plain one is not sent", "[shim]") {
    Room room;
    for (const std::string name : {"", ".", "..", ".x", "a/b", "../../tmp/x"}) {
        CAPTURE(name);
        const auto refused = write(room, name, "x");
        REQUIRE_FALSE(ok(refused));
        CHECK(refused.error().fault == Fault::invalid);
    }
    CHECK_FALSE(ok(write(room, std::string(65, 'a'), "x")));
    CHECK_FALSE(ok(write(room, std::string("a\0b", 3), "x")));
    CHECK(room.channel->is_open());
}

TEST_CASE("what the function lays into the way is never followed", "[shim]") {
    Room room;
    REQUIRE(ok(room.run("echo mine > /tmp/mine; ln -s /tmp/mine /run/secrets/a; ln -s /tmp/mine /run/secrets/.a.new")));
    REQUIRE(ok(write(room, "a", "secret")));
    CHECK(room.run("cat /tmp/mine")->out == "mine\n");
    CHECK(room.run("cat /run/secrets/a; test -L /run/secrets/a || echo plain")->out == "secretplain\n");
    REQUIRE(ok(room.run("rm /run/secrets/a; mkdir /run/secrets/a /run/secrets/.b.new")));
    CHECK_THAT(write(room, "a", "secret").error().detail, ContainsSubstring("cannot write the file a"));
    CHECK_THAT(write(room, "b", "secret").error().detail, ContainsSubstring("cannot write the file b"));
    CHECK(room.channel->is_open());
}

TEST_CASE("without its directory, or the right to write there, a file is a fault and the container goes on", "[shim]") {
    Room room(as(65534));
    REQUIRE(ok(write(room, "a", "1")));
    REQUIRE(ok(room.run("chmod 0 /run/secrets/a")));
    REQUIRE(ok(write(room, "a", "2")));
    Sandbox::Options options;
    options.secrets = false;
    Room bare(options);
    const auto refused = write(bare, "a", "1");
    REQUIRE_FALSE(ok(refused));
    CHECK(refused.error().fault == Fault::function_failed);
    CHECK_THAT(refused.error().detail, ContainsSubstring("No such file"));
    CHECK(bare.run("echo on")->out == "on\n");
}
