// SPDX-License-Identifier: Apache-2.0
#include <shallop/shim/binary.h>
#include <support/results.h>

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

using namespace shallop;

TEST_CASE("the shim is a small static program", "[shim]") {
    const auto bytes = shim::binary();
    REQUIRE(bytes.size() > 1000);
    CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), 4) ==
          "\x7f"
          "ELF");
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    CHECK(text.find("ld-linux") == std::string::npos);
    CHECK(text.find("ld-musl") == std::string::npos);
    const bool with_musl = text.find("GLIBC") == std::string::npos;
    CHECK(bytes.size() < (with_musl ? 100 : 1500) * 1024);
}

TEST_CASE("the shim is written once, executable and replaced in one step", "[shim]") {
    std::string directory = "/tmp/shallop-test-XXXXXX";
    REQUIRE(mkdtemp(directory.data()) != nullptr);
    const std::string path = directory + "/shim";
    const auto inode = [&] {
        struct stat status{};
        REQUIRE(stat(path.c_str(), &status) == 0);
        CHECK((status.st_mode & 07777) == 0555);
        CHECK(static_cast<std::size_t>(status.st_size) == shim::binary().size());
        return status.st_ino;
    };
    REQUIRE(shim::write_binary(path));
    const auto first = inode();
    REQUIRE(shim::write_binary(path));
    CHECK(inode() == first);

    std::filesystem::remove(path);
    std::ofstream(path) << "an older shim";
    REQUIRE(shim::write_binary(path));
    inode();
    CHECK(shim::write_binary(directory + "/absent/shim").error().fault == base::Fault::storage);
    std::filesystem::remove_all(directory);
}
