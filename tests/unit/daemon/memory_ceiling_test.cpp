// SPDX-License-Identifier: Apache-2.0
#include "daemon/memory_ceiling.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <stdlib.h>
#include <filesystem>
#include <fstream>

using shallop::daemon::MemoryCeiling;

namespace {

/// A folder that stands for "/", with proc and sys in it.
class Root {
public:
    Root() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }
    ~Root() { std::filesystem::remove_all(path_); }

    void write(const std::string& name, const std::string& text) const {
        const auto file = std::filesystem::path(path_ + name);
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text;
    }
    double left() const { return MemoryCeiling(path_).left(); }

private:
    std::string path_ = "/tmp/shallop-ceiling-XXXXXX";
};

}  // namespace

TEST_CASE("where nothing limits memory all of it is left", "[daemon]") {
    const Root root;
    CHECK(root.left() == 1);
    root.write("/proc/self/cgroup", "0::/system.slice/shallop.service\n");
    root.write("/sys/fs/cgroup/system.slice/shallop.service/memory.max", "max\n");
    root.write("/sys/fs/cgroup/system.slice/shallop.service/memory.current", "500\n");
    CHECK(root.left() == 1);
}

TEST_CASE("the nearest limit counts, of the group itself or of one above it", "[daemon]") {
    const Root root;
    root.write("/proc/self/cgroup", "0::/system.slice/shallop.service\n");
    root.write("/sys/fs/cgroup/system.slice/shallop.service/memory.max", "1000\n");
    root.write("/sys/fs/cgroup/system.slice/shallop.service/memory.current", "500\n");
    CHECK(root.left() == Catch::Approx(0.5));
    root.write("/sys/fs/cgroup/system.slice/memory.max", "2000\n");
    root.write("/sys/fs/cgroup/system.slice/memory.current", "1900\n");
    CHECK(root.left() == Catch::Approx(0.05));
}

TEST_CASE("what the kernel keeps of files counts as left", "[daemon]") {
    const Root root;
    root.write("/proc/self/cgroup", "0::/a\n");
    root.write("/sys/fs/cgroup/a/memory.max", "1000\n");
    root.write("/sys/fs/cgroup/a/memory.current", "990\n");
    root.write("/sys/fs/cgroup/a/memory.stat",
               "anon 100\nfile 800\ninactive_file 500\nactive_file 300\nslab_reclaimable 40\n");
    CHECK(root.left() == Catch::Approx(0.85));
}

TEST_CASE("groups of the first version, with and without a namespace of their own", "[daemon]") {
    const Root root;
    root.write("/proc/self/cgroup", "9:name=systemd:/x\n4:cpu,memory:/docker/abc\n0::/\n");
    root.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    CHECK(root.left() == 1);
    root.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n");
    root.write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "700\n");
    root.write("/sys/fs/cgroup/memory/memory.stat", "total_inactive_file 100\ninactive_file 600\n");
    CHECK(root.left() == Catch::Approx(0.4));
    root.write("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "100\n");
    root.write("/sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "200\n");
    CHECK(root.left() == 0);
}

TEST_CASE("files that say nonsense limit nothing", "[daemon]") {
    const Root root;
    root.write("/proc/self/cgroup", "nonsense\n4\n4:memory\n4:memory:/../../etc\n");
    root.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "many\n");
    root.write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "-5\n");
    CHECK(root.left() == 1);
    root.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "0\n");
    CHECK(root.left() == 1);
}
