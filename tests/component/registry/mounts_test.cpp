// SPDX-License-Identifier: Apache-2.0
#include "registry/mounts.h"

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <filesystem>

using namespace shallop;
using base::Fault;
namespace fs = std::filesystem;

namespace {

/// root/allowed/data, root/outside, and links between them.
class Tree {
public:
    Tree() {
        std::string name = "/tmp/shallop-binds-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        root = fs::canonical(name).string();
        fs::create_directories(root + "/allowed/data");
        fs::create_directories(root + "/allowed-not");
        fs::create_directories(root + "/outside/secret");
        fs::create_directory_symlink(root + "/outside", root + "/allowed/link");
        fs::create_directory_symlink(root + "/allowed", root + "/alias");
    }
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;
    ~Tree() {
        std::error_code ignored;
        fs::remove_all(root, ignored);
    }

    /// "" = allowed; else what it says.
    std::string ask(const std::string& source, const registry::Settings& settings) const {
        function::Spec spec;
        spec.mounts.push_back({function::MountKind::tmpfs, "", "/t", false, 0});
        spec.mounts.push_back({function::MountKind::bind, source, "/b", true, 0});
        const auto fine = registry::check_mounts(spec, settings);
        if (fine) return {};
        CHECK(fine.error().fault == Fault::invalid);
        CHECK(fine.error().pointer == "/mounts/1/source");
        return fine.error().detail;
    }

    registry::Settings settings() const {
        registry::Settings settings;
        settings.bind_roots = {root + "/allowed"};
        return settings;
    }

    std::string root;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("no bind mount is allowed unless the operator names a root", "[registry]") {
    const Tree tree;
    CHECK(contains(tree.ask(tree.root + "/allowed/data", {}), "not allowed here"));
}

TEST_CASE("a directory below an allowed root, or the root itself, can be bound", "[registry]") {
    const Tree tree;
    CHECK(tree.ask(tree.root + "/allowed/data", tree.settings()).empty());
    CHECK(tree.ask(tree.root + "/allowed", tree.settings()).empty());
}

TEST_CASE("a root may itself be given through a link", "[registry]") {
    const Tree tree;
    auto settings = tree.settings();
    settings.bind_roots = {tree.root + "/alias/"};
    CHECK(tree.ask(tree.root + "/allowed/data", settings).empty());
}

TEST_CASE("what lies beside the root, does not exist, or goes through a link is refused", "[registry]") {
    const Tree tree;
    CHECK(contains(tree.ask(tree.root + "/outside", tree.settings()), "not below"));
    CHECK(contains(tree.ask(tree.root + "/allowed-not", tree.settings()), "not below"));
    CHECK(contains(tree.ask(tree.root, tree.settings()), "not below"));
    CHECK(contains(tree.ask(tree.root + "/allowed/none", tree.settings()), "does not exist"));
    CHECK(contains(tree.ask(tree.root + "/allowed/link", tree.settings()), "symbolic link"));
    CHECK(contains(tree.ask(tree.root + "/allowed/link/secret", tree.settings()), "symbolic link"));
    CHECK(contains(tree.ask(tree.root + "/alias/data", tree.settings()), "symbolic link"));
}

TEST_CASE("a root that does not exist allows nothing", "[registry]") {
    const Tree tree;
    auto settings = tree.settings();
    settings.bind_roots = {tree.root + "/none", ""};
    CHECK(contains(tree.ask(tree.root + "/allowed/data", settings), "not below"));
}

TEST_CASE("what belongs to the engine or the daemon is refused even below a root, and so is what holds it",
          "[registry]") {
    const Tree tree;
    auto settings = tree.settings();
    settings.bind_roots = {"/"};
    settings.bind_never.push_back(tree.root + "/outside/secret");
    for (const auto& source : {std::string("/"), std::string("/run"), std::string("/proc"), std::string("/sys/fs"),
                               std::string("/dev"), tree.root + "/outside", tree.root + "/outside/secret", tree.root}) {
        CAPTURE(source);
        CHECK(contains(tree.ask(source, settings), "belongs to the engine"));
    }
    CHECK(tree.ask(tree.root + "/allowed", settings).empty());
}

TEST_CASE("a volume of the daemon's own is refused, and others are not", "[registry]") {
    registry::Settings settings;
    settings.volumes_never = {"shallop_data"};
    function::Spec spec;
    spec.mounts.push_back({function::MountKind::volume, "other", "/a", false, 0});
    CHECK(registry::check_mounts(spec, settings));
    spec.mounts.push_back({function::MountKind::volume, "shallop_data", "/b", true, 0});
    const auto refused = registry::check_mounts(spec, settings);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::invalid);
    CHECK(refused.error().pointer == "/mounts/1/source");
    CHECK(contains(refused.error().detail, "belongs to the daemon"));
}
