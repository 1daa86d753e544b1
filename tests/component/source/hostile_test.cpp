// SPDX-License-Identifier: Apache-2.0
// What no archive may do. Each refusal names the entry, and leaves nothing.
#include "component/source/support.h"

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <filesystem>

using namespace shallop;
using base::Fault;
using Catch::Matchers::ContainsSubstring;
using test::Opened;
using test::Tar;

namespace {

/// A store in a room that is looked at afterwards: nothing half-stored, nothing outside.
class Room {
public:
    explicit Room(source::Limits limits = {}) : store_(dir_.path() + "/code", limits) {}

    /// The refusal: "invalid: why".
    std::string refusal(const std::string& archive) {
        const auto tree = store_.put_archive(archive);
        CHECK(store_.in("tmp").empty());
        CHECK(store_.in("instances").empty());
        if (tree) return "taken";
        CHECK(store_.in("trees").empty());
        const auto beside = std::distance(std::filesystem::directory_iterator(dir_.path()), {});
        CHECK(beside == 1);
        return std::string(base::name(tree.error().fault)) + ": " + tree.error().detail;
    }

private:
    test::TemporaryDirectory dir_;
    Opened store_;
};

std::string gzip(const Tar& tar) { return test::compress(tar.bytes(), "gzip"); }

}  // namespace

TEST_CASE("paths that lead out of the tree are refused in tar and zip", "[source]") {
    Room room;
    for (const std::string name :
         {"../evil", "/tmp/evil", "a/../../evil", "./../evil", "..", "//evil", "a\\..\\..\\evil"}) {
        CAPTURE(name);
        CHECK_THAT(room.refusal(Tar().file("fine", "1").file(name, "2").bytes()),
                   ContainsSubstring("invalid") && ContainsSubstring("'" + name + "'"));
        CHECK_THAT(room.refusal(Tar().long_name(name, "2").bytes()), ContainsSubstring("'" + name + "'"));
        // libarchive may turn backslashes of a zip into slashes: then it leads out all the same.
        CHECK_THAT(room.refusal(test::zip({{"fine", "1"}, {name, "2"}})), ContainsSubstring("invalid"));
    }
    CHECK_THAT(room.refusal(Tar().directory("../d").bytes()), ContainsSubstring("'../d'"));
}

TEST_CASE("links are refused, wherever they lead", "[source]") {
    Room room;
    for (const std::string target : {"/etc/passwd", "../../x", "fine", "."}) {
        CAPTURE(target);
        for (const char type : {'1', '2'}) {
            CHECK_THAT(room.refusal(Tar().file("fine", "1").entry("link", type, "", 0777, target).bytes()),
                       ContainsSubstring("invalid: 'link' is a link"));
        }
    }
    // A link to a directory, and a file through it.
    CHECK_THAT(room.refusal(Tar().entry("d", '2', "", 0777, "/tmp").file("d/evil", "x").bytes()),
               ContainsSubstring("'d' is a link"));
}

TEST_CASE("devices, pipes and sockets are refused", "[source]") {
    Room room;
    for (const char type : {'3', '4', '6'})
        CHECK_THAT(room.refusal(Tar().entry("odd", type, "", 0666).bytes()),
                   ContainsSubstring("invalid: 'odd' is no file"));
}

TEST_CASE("an entry twice, or as a file and a directory, is refused", "[source]") {
    Room room;
    CHECK_THAT(room.refusal(Tar().file("a", "1").file("a", "2").bytes()), ContainsSubstring("'a' is there twice"));
    CHECK_THAT(room.refusal(Tar().file("a", "1").file("./a", "2").bytes()), ContainsSubstring("'a' is there twice"));
    CHECK_THAT(room.refusal(test::zip({{"a", "1"}, {"a", "2"}})), ContainsSubstring("'a' is there twice"));
    for (const auto& tar : {Tar().file("a", "1").file("a/b", "2"), Tar().file("a/b", "1").file("a", "2"),
                            Tar().file("a", "1").directory("a"), Tar().directory("a").file("a", "1")})
        CHECK_THAT(room.refusal(tar.bytes()), ContainsSubstring("'a' is there as a file and as a directory"));
}

TEST_CASE("names with control characters or no UTF-8 are refused, and shown harmless", "[source]") {
    Room room;
    CHECK_THAT(room.refusal(Tar().file("a\x1b[2Jb", "1").bytes()), ContainsSubstring("'a?[2Jb'"));
    CHECK_THAT(room.refusal(Tar().file("a\nb", "1").bytes()), ContainsSubstring("'a?b'"));
    CHECK_THAT(room.refusal(Tar().file("caf\xe9.py", "1").bytes()),
               ContainsSubstring("invalid") && ContainsSubstring("UTF-8"));
    CHECK_THAT(room.refusal(Tar().long_name(std::string(1100, 'x'), "1").bytes()), ContainsSubstring("too_large"));
    std::string deep;
    for (int n = 0; n < 33; ++n) deep += "d/";
    CHECK_THAT(room.refusal(Tar().file(deep + "f", "1").bytes()), ContainsSubstring("too_large"));
    CHECK_THAT(room.refusal(Tar().file("dir/", "1").bytes()), ContainsSubstring("invalid"));
}

TEST_CASE("an encrypted zip is refused by that name", "[source]") {
    CHECK_THAT(Room().refusal(test::zip({{"main.py", "print()"}}, "secret")),
               ContainsSubstring("'main.py' is encrypted") && ContainsSubstring("without a password"));
}

TEST_CASE("what is no archive is refused with what to send", "[source]") {
    Room room;
    for (const std::string bytes : {"", "print('hi')\n", "PK", "\x1f\x8b",
                                    "\x7f"
                                    "ELF"}) {
        CAPTURE(bytes);
        CHECK_THAT(room.refusal(bytes), ContainsSubstring("invalid") && ContainsSubstring("tar.gz"));
    }
    CHECK_THAT(room.refusal(Tar().bytes()), ContainsSubstring("there is no file in it"));
    CHECK_THAT(room.refusal(Tar().directory("a/").bytes()), ContainsSubstring("there is no file in it"));
    // Formats of libarchive that were not asked for.
    CHECK_THAT(room.refusal("!<arch>\nfile/           0           0     0     644     4         `\ndata"),
               ContainsSubstring("invalid"));
    CHECK_THAT(room.refusal("#mtree\n/etc/passwd type=file\n"), ContainsSubstring("invalid"));
}

TEST_CASE("an archive that is cut anywhere is refused or whole", "[source]") {
    Tar tar;
    std::string noise;
    for (int n = 0; n < 3000; ++n) noise += static_cast<char>((n * 7919 >> 3) ^ n);
    tar.file("main.py", noise).file("lib/x.py", noise + "2");
    const auto files = std::vector<test::ZipFile>{{"main.py", noise}, {"lib/x.py", noise + "2"}};
    for (const auto& whole :
         {gzip(tar), test::compress(tar.bytes(), "xz"), test::compress(tar.bytes(), "zstd"), test::zip(files)}) {
        Room room;
        // The end of a compressed tar is padding: cut there, all files are whole.
        for (std::size_t size = 1; size + 200 < whole.size(); size += 97) {
            CAPTURE(size, whole.size());
            CHECK_THAT(room.refusal(whole.substr(0, size)), ContainsSubstring("invalid"));
        }
    }
    Room room;
    for (const std::size_t size : {100UL, 511UL, 513UL, 3000UL, 3600UL, 4200UL, 5000UL})
        CHECK_THAT(room.refusal(tar.bytes().substr(0, size)), ContainsSubstring("invalid"));
}

TEST_CASE("an archive with a changed byte is refused, or is a tree within the limits", "[source]") {
    const auto whole = test::zip({{"main.py", std::string(3000, 'x')}, {"b", "short"}});
    for (std::size_t at = 0; at < whole.size(); ++at) {
        Room room;
        auto broken = whole;
        broken[at] = static_cast<char>(broken[at] ^ 0x41);
        CAPTURE(at);
        room.refusal(broken);  // its checks
    }
}

TEST_CASE("a tar's size that lies is refused", "[source]") {
    Room room;
    CHECK_THAT(room.refusal(Tar().entry("a", '0', "few", 0644, "", 1000000).bytes()),
               ContainsSubstring("invalid: the archive is broken"));
    CHECK_THAT(room.refusal(Tar().entry("a", '0', "few", 0644, "", 8ULL << 30).bytes()),
               ContainsSubstring("too_large"));
    CHECK_THAT(room.refusal(Tar().file("b", "").entry("d", '5', std::string(512, 'x'), 0755).bytes()),
               ContainsSubstring("invalid"));
}

TEST_CASE("a bomb of zeros is refused by its ratio before it is unpacked", "[source]") {
    Room room;
    const std::string zeros(40 << 20, '\0');
    CHECK_THAT(room.refusal(gzip(Tar().file("zeros", zeros))),
               ContainsSubstring("too_large") && ContainsSubstring("200 times") && ContainsSubstring("'zeros'"));
    CHECK_THAT(room.refusal(test::zip({{"zeros", zeros}})),
               ContainsSubstring("too_large") && ContainsSubstring("'zeros'"));
    CHECK_THAT(room.refusal(test::compress(gzip(Tar().file("zeros", zeros)), "gzip")), ContainsSubstring("too_large"));
    Tar many;
    for (int n = 0; n < 40; ++n) many.file("zeros" + std::to_string(n), zeros.substr(0, 1 << 20));
    CHECK_THAT(room.refusal(gzip(many)), ContainsSubstring("too_large"));
    // Small things compress well and are no bomb.
    CHECK(room.refusal(gzip(Tar().file("small", std::string(500'000, 'a')))) == "taken");
}

TEST_CASE("all files together are at most as large as the limit", "[source]") {
    source::Limits limits;
    limits.unpacked = 10'000;
    CHECK(Room(limits).refusal(Tar().file("a", std::string(5000, 'a')).file("b", std::string(5000, 'b')).bytes()) ==
          "taken");
    Room room(limits);
    CHECK_THAT(room.refusal(Tar().file("a", std::string(5000, 'a')).file("b", std::string(5001, 'b')).bytes()),
               ContainsSubstring("too_large") && ContainsSubstring("'b'"));
}

TEST_CASE("20,000 entries are taken, one more is not", "[source]") {
    Tar tar;
    for (int n = 0; n < 20'000; ++n) tar.file("f" + std::to_string(n), "");
    CHECK(Room().refusal(tar.bytes()) == "taken");
    CHECK_THAT(Room().refusal(tar.file("last", "").bytes()),
               ContainsSubstring("too_large") && ContainsSubstring("20000"));
}

TEST_CASE("a zip whose directory is endless is refused before it is read", "[source]") {
    source::Limits limits;
    limits.entries = 100;
    std::vector<test::ZipFile> files;
    for (int n = 0; n < 101; ++n) files.push_back({std::to_string(n), ""});
    CHECK_THAT(Room(limits).refusal(test::zip(files)), ContainsSubstring("too_large"));
    auto whole = test::zip({{"a", "1"}});
    const auto header = whole.substr(whole.find("PK\1\2"), 46 + 1);
    std::string endless;
    for (int n = 0; n < 100'000; ++n) endless += header;
    CHECK_THAT(Room(limits).refusal(whole.insert(whole.find("PK\1\2"), endless)), ContainsSubstring("too_large"));
    // A library inside, stored as it is, has entries of its own.
    std::vector<test::ZipFile> inside;
    for (int n = 0; n < 50; ++n) inside.push_back({std::to_string(n), ""});
    CHECK(Room(limits).refusal(test::zip({{"lib.jar", test::zip(inside)}, {"main.py", ""}})) == "taken");
}

TEST_CASE("directories count, said or not, and so does one that is said again and again", "[source]") {
    source::Limits limits;
    limits.entries = 10;
    Tar nested;
    for (int n = 0; n < 6; ++n) nested.file("d" + std::to_string(n) + "/f", "");
    CHECK_THAT(Room(limits).refusal(nested.bytes()), ContainsSubstring("too_large"));
    Tar again;
    for (int n = 0; n < 12; ++n) again.directory("same/");
    CHECK_THAT(Room(limits).refusal(again.file("same/f", "").bytes()), ContainsSubstring("too_large"));
}

TEST_CASE("an archive of headers alone is not read for ever", "[source]") {
    source::Limits limits;
    limits.unpacked = 1 << 20;
    limits.entries = 1000;
    Tar tar;
    for (int n = 0; n < 20; ++n)
        tar.entry("h", 'x', std::string(900'000, '\0'), 0644).file("f" + std::to_string(n), "");
    CHECK_THAT(Room(limits).refusal(gzip(tar)), ContainsSubstring("too_large") || ContainsSubstring("invalid"));
}
