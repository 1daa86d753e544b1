// SPDX-License-Identifier: Apache-2.0
#include <shallop/queue/outbound.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace shallop;
using queue::is_allowed;
using queue::is_private;

TEST_CASE("addresses that are somebody's insides are private, whichever way they are written", "[queue]") {
    for (const std::string address :
         {// IPv4
          "0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
          "127.255.255.254", "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1",
          "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255",
          "240.0.0.1", "255.255.255.255",
          // IPv6
          "::", "::1", "100::1", "2001:db8::1", "2001::1", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1",
          "febf::1", "fec0::1", "ff02::1",
          // IPv4 inside of it: mapped, compatible, 6to4, NAT64
          "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::ffff:0:0", "::127.0.0.1", "::10.0.0.1",
          "2002:0a00:0001::1", "2002:7f00:1::", "2002:c0a8:101:1::7", "64:ff9b::10.0.0.1", "64:ff9b::7f00:1",
          "64:ff9b::169.254.169.254", "64:ff9b:1::10.0.0.1", "64:ff9b:1::8.8.8.8", "64:ff9b:1:7f00:0:100:808:808",
          // no address
          "", "localhost", "example.org", "1.2.3", "1.2.3.4.5", "0x7f.0.0.1", "2130706433", "fe80::1%eth0", "[::1]",
          "8.8.8.8 ", "256.1.1.1"}) {
        CAPTURE(address);
        CHECK(is_private(address));
    }
}

TEST_CASE("other addresses are not private", "[queue]") {
    for (const std::string address : {"1.1.1.1",
                                      "8.8.8.8",
                                      "9.255.255.255",
                                      "11.0.0.0",
                                      "100.63.255.255",
                                      "100.128.0.0",
                                      "126.255.255.255",
                                      "128.0.0.1",
                                      "169.253.255.255",
                                      "169.255.0.0",
                                      "172.15.255.255",
                                      "172.32.0.0",
                                      "192.0.1.1",
                                      "192.167.255.255",
                                      "192.169.0.0",
                                      "198.17.255.255",
                                      "198.20.0.0",
                                      "223.255.255.255",
                                      "2606:4700:4700::1111",
                                      "2a00:1450::1",
                                      "2001:4860:4860::8888",
                                      "::ffff:8.8.8.8",
                                      "2002:0808:0808::1",
                                      "64:ff9b::8.8.8.8"}) {
        CAPTURE(address);
        CHECK_FALSE(is_private(address));
    }
}

TEST_CASE("what is allowed is an address or a block, at any port or at one", "[queue]") {
    struct Row {
        std::vector<std::string> allowed;
        std::string address;
        std::uint16_t port;
        bool is;
    };
    const std::vector<Row> table{
        {{}, "127.0.0.1", 80, false},
        {{"127.0.0.1"}, "127.0.0.1", 80, true},
        {{"127.0.0.1"}, "127.0.0.2", 80, false},
        {{"127.0.0.1:9000"}, "127.0.0.1", 9000, true},
        {{"127.0.0.1:9000"}, "127.0.0.1", 9001, false},
        {{"127.0.0.1:9000"}, "127.0.0.1", 0, false},
        {{"10.0.0.0/8"}, "10.255.1.2", 443, true},
        {{"10.0.0.0/8"}, "11.0.0.0", 443, false},
        {{"10.0.0.0/8"}, "::ffff:10.1.1.1", 443, true},
        {{"10.0.0.0/8:8080"}, "10.1.1.1", 8080, true},
        {{"10.0.0.0/8:8080"}, "10.1.1.1", 80, false},
        {{"0.0.0.0/0"}, "192.168.1.1", 1, true},
        {{"0.0.0.0/0"}, "::1", 1, false},
        {{"::1"}, "::1", 1, true},
        {{"[::1]"}, "::1", 1, true},
        {{"[::1]:8080"}, "::1", 8080, true},
        {{"[::1]:8080"}, "::1", 8081, false},
        {{"fd00::/8"}, "fdff::1", 8081, true},
        {{"fd00::/8"}, "fc00::1", 8081, false},
        {{"[fd00::/8]:53"}, "fd00::1", 53, true},
        {{"1.2.3.4", "127.0.0.1:1", "127.0.0.1:2"}, "127.0.0.1", 2, true},
        {{"127.0.0.1"}, "no address", 2, false},
    };
    for (const auto& row : table) {
        CAPTURE(row.allowed, row.address, row.port);
        const auto found = is_allowed(row.allowed, row.address, row.port);
        REQUIRE(found);
        CHECK(*found == row.is);
    }
}

TEST_CASE("what is no address to allow is refused by name", "[queue]") {
    for (const std::string entry :
         {"", "localhost", "localhost:80", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8x", "::1/129",
          "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:80x", "[::1", "[::1]80", "[::1]:", "256.0.0.1"}) {
        CAPTURE(entry);
        const auto found = is_allowed({"127.0.0.1", entry}, "127.0.0.1", 80);
        REQUIRE_FALSE(found);
        CHECK(found.error().fault == base::Fault::invalid);
        CHECK(found.error().detail.find("'" + entry + "'") != std::string::npos);
    }
}
