// SPDX-License-Identifier: Apache-2.0
// Trees, and the places they are filled into.
#include <shallop/async/task_group.h>
#include <shallop/base/fd.h>

#include "component/source/support.h"

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

using namespace shallop;
using base::Fault;
using Catch::Matchers::ContainsSubstring;
using test::Opened;
using test::read_file;
using test::Tar;
using test::TemporaryDirectory;
using Files = std::map<std::string, std::string>;
using Names = std::vector<std::string>;
namespace fs = std::filesystem;

namespace {

/// A small file system of its own, at a directory that is there.
class Mount {
public:
    explicit Mount(std::string path) : path_(std::move(path)) {
        mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=1m") == 0;
    }
    Mount(const Mount&) = delete;
    Mount& operator=(const Mount&) = delete;
    ~Mount() {
        if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
    }
    bool mounted() const { return mounted_; }

private:
    std::string path_;
    bool mounted_;
};

std::string put(Opened& store, const Files& files) {
    const auto tree = store.run(store->put_files(files));
    REQUIRE(tree);
    return tree->id;
}

ino_t inode(const std::string& path) {
    struct stat facts{};
    REQUIRE(::stat(path.c_str(), &facts) == 0);
    return facts.st_ino;
}

/// Waits for what a pool thread does in the background: it is done when what was queued after it is.
void settle(Opened& store) { store.run(store->find("nothing")); }

const Files sample{{"main.py", "print()"}, {"lib/x.py", "x"}, {"lib/deep/y.py", ""}};

}  // namespace

TEST_CASE("what was put is found again, by a later run too", "[source]") {
    TemporaryDirectory dir;
    std::string id;
    {
        Opened store(dir.path() + "/a/b/code");
        id = put(store, sample);
        CHECK(id.starts_with("sha256:"));
        CHECK(id.size() == 71);
    }
    Opened store(dir.path() + "/a/b/code");
    const auto found = store.run(store->find(id));
    REQUIRE(found);
    CHECK(found->id == id);
    CHECK(found->files == Names{"lib/deep/y.py", "lib/x.py", "main.py"});
    CHECK(found->bytes == 8);
    CHECK(read_file(store.tree(id) + "/main.py") == "print()");
}

TEST_CASE("what is no tree is not found, whatever it looks like", "[source]") {
    TemporaryDirectory dir;
    Opened store(dir.path() + "/code");
    const auto id = put(store, sample);
    int number = 0;  // a place that is dropped is there until a thread has removed it
    for (const std::string& odd :
         {std::string(), std::string("sha256:"), std::string("sha256:..%2f"), std::string("sha256:../trees"),
          "sha256:" + std::string(64, 'a'), "sha256:" + std::string(64, 'A'), id + "0", id.substr(7), id.substr(0, 70),
          "sha512:" + id.substr(7),
          std::string("sha256:../../../../../../../../../../../../../../../../../../../../etc")}) {
        CAPTURE(odd);
        CHECK(store.run(store->find(odd)).error().fault == Fault::not_found);
        const auto place = "i" + std::to_string(++number);
        REQUIRE(store->make_place(place));
        CHECK(store.run(store->fill(place, odd)).error().fault == Fault::not_found);
        store->drop(place);
    }
}

TEST_CASE("the id is of paths, contents and the executable bit, and of nothing else", "[source]") {
    TemporaryDirectory dir;
    Opened store(dir.path() + "/code");
    const auto id = [&](const Tar& tar) { return store.put_archive(tar.bytes()).value().id; };
    const auto base = id(Tar().file("a", "1").file("d/b", "2"));
    CHECK(id(Tar().file("d/b", "2", 0600).directory("d").file("a", "1")) == base);
    CHECK(put(store, {{"a", "1"}, {"d/b", "2"}}) == base);
    CHECK(id(Tar().file("a", "1", 0755).file("d/b", "2")) != base);
    CHECK(id(Tar().file("a", "1").file("d/c", "2")) != base);
    CHECK(id(Tar().file("a", "1").file("d/b", "3")) != base);
    CHECK(id(Tar().file("a", "2").file("d/b", "1")) != base);
    CHECK(id(Tar().file("a", "1").file("d/b", "2").directory("empty")) != base);
    CHECK(store.in("trees").size() == 6);
    CHECK(store.in("tmp").empty());
}

TEST_CASE("an id stays what it is: a later version finds what an earlier one has put", "[source]") {
    TemporaryDirectory dir;
    Opened store(dir.path() + "/code");
    CHECK(put(store, {{"main.py", "print('hi')\n"}, {"lib/x", "#!/bin/sh\n"}}) ==
          "sha256:463542f9b491fb91830016972c7fd3f03961efb4c9fd58a208c19cdabedefa34");
}

TEST_CASE("the same content put twenty times at once is one tree", "[source]") {
    TemporaryDirectory dir;
    Opened store(dir.path() + "/code", {}, 4);
    std::set<std::string> ids;
    int left = 20;
    const auto one = [](source::CodeStore* of, std::set<std::string>& into, int& count) -> async::Task<void> {
        auto files = sample;
        const auto tree = co_await of->put_files(std::move(files));
        if (tree) into.insert(tree->id);
        --count;
    };
    base::Log log(-1);
    {
        async::TaskGroup group(store.loop().executor(), log);
        for (int n = 0; n < 20; ++n) group.spawn("put", one(store.operator->(), ids, left));
        store.loop().run(group.join());
    }
    CHECK(left == 0);
    CHECK(ids.size() == 1);
    CHECK(store.in("trees").size() == 1);
    CHECK(store.in("tmp").empty());
}

TEST_CASE("a put that is cancelled leaves a whole tree or none", "[source]") {
    TemporaryDirectory dir;
    Opened store(dir.path() + "/code");
    const auto one = [](source::CodeStore* of) -> async::Task<void> {
        auto files = sample;
        co_await of->put_files(std::move(files));
    };
    base::Log log(-1);
    {
        async::TaskGroup group(store.loop().executor(), log);
        for (int n = 0; n < 5; ++n) group.spawn("put", one(store.operator->()));
        store.loop().turn();
        group.cancel();
        store.loop().run(group.join());
    }
    CHECK(store.in("tmp").empty());
    for (const auto& tree : store.in("trees")) CHECK(store.run(store->find("sha256:" + tree))->files.size() == 3);
}

TEST_CASE("copies of files are the tree that the same texts are, and a link leads to none", "[source]") {
    TemporaryDirectory dir, other;
    Opened store(dir.path() + "/code");
    const auto root = dir.path() + "/from";
    fs::create_directories(root + "/lib");
    test::write_file(root + "/main.py", "a");
    test::write_file(root + "/lib/b.py", "b");
    test::write_file(other.path() + "/secret", "s");
    const auto copied = [&](std::vector<source::Copy> files) {
        return store.run(store->put_copies(root, std::move(files)));
    };
    const auto tree = copied({{"main.py", "main.py"}, {"lib/b.py", "lib/b.py"}});
    REQUIRE(tree);
    CHECK(tree->id == put(store, {{"main.py", "a"}, {"lib/b.py", "b"}}));
    CHECK(copied({{"main.py", "main.py", true}})->id != copied({{"main.py", "main.py"}})->id);
    fs::create_symlink(other.path() + "/secret", root + "/link");
    fs::remove_all(dir.path() + "/code/trees/" + tree->id.substr(7));
    store.run(store->put_many_copies(
        root,
        {{{"main.py", "main.py"}, {"lib/b.py", "lib/b.py"}}, {{"x", "link"}}, {{"y", "main.py"}}, {{"y", "main.py"}}}));
    CHECK(store.run(store->find(tree->id)));
    CHECK(store.run(store->find(put(store, {{"y", "a"}}))));
    std::vector<std::vector<source::Copy>> many;  // which are flushed together
    for (int n = 0; n < 20; ++n) many.push_back({{std::to_string(n), "main.py"}});
    store.run(store->put_many_copies(root, many));
    CHECK(store.in("trees").size() == 4 + many.size());
    fs::create_directory_symlink(other.path(), root + "/way");
    REQUIRE(::mkfifo((root + "/pipe").c_str(), 0600) == 0);
    for (const auto* place : {"link", "way/secret", "../from/main.py", "pipe", "lib", "nothing", "/etc/hostname"}) {
        INFO(place);
        const auto refused = copied({{"x", place}});
        REQUIRE_FALSE(refused);
        CHECK(refused.error().fault == Fault::invalid);
    }
    CHECK(store.in("tmp").empty());
}

TEST_CASE("inline files and single uploads are held to the same rules", "[source]") {
    TemporaryDirectory dir;
    source::Limits limits;
    limits.unpacked = 1000;
    limits.entries = 3;
    Opened store(dir.path() + "/code", limits);
    const auto fault = [&](const Files& files) { return store.run(store->put_files(files)).error().fault; };
    CHECK(fault({}) == Fault::invalid);
    CHECK(fault({{"../x", ""}}) == Fault::invalid);
    CHECK(fault({{"/x", ""}}) == Fault::invalid);
    CHECK(fault({{"", ""}}) == Fault::invalid);
    CHECK(fault({{"a/", ""}}) == Fault::invalid);
    CHECK(fault({{"a", ""}, {"./a", ""}}) == Fault::invalid);
    CHECK(fault({{"a", ""}, {"a/b", ""}}) == Fault::invalid);
    CHECK(fault({{"a", std::string(1001, 'x')}}) == Fault::too_large);
    CHECK(fault({{"a/b/c/d", ""}}) == Fault::too_large);
    for (const std::string name : {"", ".", "..", "a/b", "/a", "../a", "a\nb"}) {
        CAPTURE(name);
        CHECK(store.put_file("x", name).error().fault == Fault::invalid);
    }
    CHECK(store.put_file(std::string(1001, 'x'), "big").error().fault == Fault::too_large);
    CHECK(store.in("trees").empty());
    CHECK(store.in("tmp").empty());
    CHECK(store.put_file(std::string(1000, 'x'), "hello.py")->files == Names{"hello.py"});
    CHECK(store.run(store->put_file(dir.path() + "/nowhere", "x")).error().fault == Fault::storage);
    CHECK(store.run(store->put_archive(dir.path() + "/nowhere")).error().fault == Fault::storage);
}

TEST_CASE("a place is filled by hard links, and goes without the tree", "[source]") {
    TemporaryDirectory dir;
    Opened store(dir.path() + "/code", {}, 1);
    const auto id = put(store, sample);
    REQUIRE(store->make_place("one"));
    CHECK(fs::is_empty(store.place("one")));
    const auto place = inode(store.place("one"));
    REQUIRE(store.run(store->fill("one", id)));
    // The directory that a container has mounted is still the same one.
    CHECK(inode(store.place("one")) == place);
    CHECK(read_file(store.place("one") + "/main.py") == "print()");
    CHECK(inode(store.place("one") + "/lib/deep/y.py") == inode(store.tree(id) + "/lib/deep/y.py"));
    CHECK((fs::status(store.place("one") + "/lib").permissions() & fs::perms::others_exec) != fs::perms::none);
    store->drop("one");
    settle(store);
    CHECK(store.in("instances").empty());
    CHECK(read_file(store.tree(id) + "/main.py") == "print()");
    store->drop("one");
    store->drop("never");
}

TEST_CASE("where the file system has no links between them, a place is filled by copies", "[source]") {
    TemporaryDirectory dir;
    Opened store(dir.path() + "/code");
    const Mount other(dir.path() + "/code/instances");
    REQUIRE(other.mounted());  // needs CAP_SYS_ADMIN
    const auto id = put(store, {{"run", "#!/bin/sh\n"}, {"lib/big", std::string(300'000, 'x')}, {"empty", ""}});
    REQUIRE(store->make_place("one"));
    REQUIRE(store.run(store->fill("one", id)));
    CHECK(read_file(store.place("one") + "/lib/big") == std::string(300'000, 'x'));
    CHECK((fs::status(store.place("one") + "/run").permissions() & fs::perms::mask) == fs::perms(0755));
    CHECK(fs::file_size(store.place("one") + "/empty") == 0);
    const auto large = put(store, {{"large", std::string(2'000'000, 'x')}});
    REQUIRE(store->make_place("two"));
    CHECK(store.run(store->fill("two", large)).error().fault == Fault::storage);
}

TEST_CASE("a place that is there already, not there, or no name is refused", "[source]") {
    TemporaryDirectory dir;
    Opened store(dir.path() + "/code");
    const auto id = put(store, sample);
    REQUIRE(store->make_place("one"));
    CHECK(!store->make_place("one"));
    REQUIRE(store.run(store->fill("one", id)));
    CHECK(store.run(store->fill("one", id)));  // what is there stays
    CHECK(!store.run(store->fill("two", id)));
    for (const std::string name : {"", ".", "..", "../trees", "a/b", "/x"}) {
        CAPTURE(name);
        CHECK(!store->make_place(name));
        CHECK(!store.run(store->fill(name, id)));
        store->drop(name);
    }
    settle(store);
    CHECK(store.run(store->find(id)));
}

TEST_CASE("what an earlier run left half-done is gone with the next", "[source]") {
    TemporaryDirectory dir;
    const auto at = dir.path() + "/code";
    std::string id;
    {
        Opened store(at);
        id = put(store, sample);
        fs::create_directories(at + "/tmp/1/lib");
        test::write_file(at + "/tmp/1/lib/half.py", "pri");
        test::write_file(at + "/tmp/2", "an upload");
        REQUIRE(store->make_place("old"));
        REQUIRE(store.run(store->fill("old", id)));
    }
    Opened store(at);
    CHECK(store.in("tmp").empty());
    CHECK(store.in("instances").empty());
    CHECK(store.run(store->find(id)));
    CHECK((fs::status(at).permissions() & fs::perms::mask) == fs::perms(0700));
}

TEST_CASE("trees that nothing uses go after an hour, and no others", "[source]") {
    TemporaryDirectory dir;
    const auto at = dir.path() + "/code";
    std::string used, old, young;
    {
        Opened store(at);
        used = put(store, {{"a", "used"}});
        old = put(store, {{"a", "old"}});
        young = put(store, {{"a", "young"}});
        // Touched in this run: spared, though the wall clock says otherwise.
        store.age(old);
        CHECK(store.run(store->collect({used})) == 0);
    }
    Opened store(at);
    store.age(used);
    store.age(old);
    fs::create_directory(at + "/trees/lost+found");
    CHECK(store.run(store->collect({used})) == 1);
    CHECK(store.run(store->find(used)));
    CHECK(store.run(store->find(young)));
    CHECK(store.run(store->find(old)).error().fault == Fault::not_found);
    CHECK(store.in("tmp").empty());
    CHECK(fs::exists(at + "/trees/lost+found"));
}

TEST_CASE("a tree that is put, found or filled in again is young again", "[source]") {
    TemporaryDirectory dir;
    const auto at = dir.path() + "/code";
    std::string a, b, c;
    {
        Opened store(at);
        a = put(store, {{"a", "1"}});
        b = put(store, {{"b", "1"}});
        c = put(store, {{"c", "1"}});
    }
    Opened store(at);
    for (const auto& id : {a, b, c}) store.age(id);
    put(store, {{"a", "1"}});
    REQUIRE(store.run(store->find(b)));
    REQUIRE(store->make_place("i"));
    REQUIRE(store.run(store->fill("i", c)));
    CHECK(store.run(store->collect({})) == 0);
}

TEST_CASE("a tree is put again and again while it is collected again and again, and each put has a whole one",
          "[source]") {
    TemporaryDirectory dir;
    source::Limits limits;
    limits.unused = std::chrono::seconds(0);  // nothing is spared
    Opened store(dir.path() + "/code", limits, 4);
    int broken = 0;
    int collected = 0;
    const auto putting = [](source::CodeStore* of, int& bad) -> async::Task<void> {
        for (int n = 0; n < 100; ++n) {
            auto files = sample;
            const auto tree = co_await of->put_files(std::move(files));
            if (!tree) ++bad;
            auto id = tree ? tree->id : std::string();
            const auto found = co_await of->find(id);
            // Gone is right, half there is not.
            if (!found && found.error().fault != Fault::not_found && found.error().fault != Fault::storage) ++bad;
        }
    };
    const auto collecting = [](source::CodeStore* of, int& count) -> async::Task<void> {
        for (int n = 0; n < 300; ++n) {
            std::set<std::string> none;
            count += static_cast<int>(co_await of->collect(std::move(none)));
        }
    };
    base::Log log(-1);
    {
        async::TaskGroup group(store.loop().executor(), log);
        for (int n = 0; n < 3; ++n) group.spawn("put", putting(store.operator->(), broken));
        group.spawn("collect", collecting(store.operator->(), collected));
        store.loop().run(group.join());
    }
    CHECK(broken == 0);
    CHECK(collected > 0);
    CHECK(store.in("tmp").empty());
}

TEST_CASE("a full disk is a storage fault that leaves nothing, and there is room again after it", "[source]") {
    TemporaryDirectory dir;
    const Mount disk(dir.path());
    REQUIRE(disk.mounted());  // needs CAP_SYS_ADMIN
    Opened store(dir.path() + "/code");
    const auto kept = put(store, {{"small", "1"}});
    const auto full = store.run(store->put_files({{"big", std::string(3 << 20, 'x')}}));
    REQUIRE(!full);
    CHECK(full.error().fault == Fault::storage);
    CHECK_THAT(full.error().detail, ContainsSubstring("No space left"));
    CHECK(store.in("tmp").empty());
    CHECK(store.in("trees").size() == 1);
    CHECK(store.run(store->find(kept)));
    put(store, {{"fits", std::string(500'000, 'x')}});
}

TEST_CASE("a directory that cannot be made is a storage fault that names it", "[source]") {
    TemporaryDirectory dir;
    test::write_file(dir.path() + "/file", "");
    async::BlockingPool pool(1);
    base::Log log(-1);
    const auto opened = source::CodeStore::open(dir.path() + "/file/code", pool, log);
    REQUIRE(!opened);
    CHECK(opened.error().fault == Fault::storage);
    CHECK_THAT(opened.error().detail, ContainsSubstring("/file/code"));
}

TEST_CASE("a tree can be remembered under a name, as long as it is there", "[source]") {
    TemporaryDirectory home;
    source::Limits limits;
    limits.unused = {};
    Opened store(home.path(), limits);
    const std::string name(64, 'a');
    CHECK(store.run(store->recall(name)).error().fault == Fault::not_found);
    const auto id = put(store, {{"a", "1"}});
    REQUIRE(store.run(store->remember(name, id)));
    CHECK(store.run(store->recall(name)).value() == id);
    const auto other = put(store, {{"a", "2"}});
    REQUIRE(store.run(store->remember(name, other)));
    CHECK(store.run(store->recall(name)).value() == other);
    CHECK(store.run(store->remember("../trees/x", id)).error().fault == Fault::invalid);
    CHECK(store.run(store->recall("../tmp/x")).error().fault == Fault::not_found);

    CHECK(store.run(store->collect({id})) == 1);
    CHECK(store.run(store->recall(name)).error().fault == Fault::not_found);
    CHECK(store.in("names").empty());
}

TEST_CASE("a file of a tree can be read, and nothing beside it", "[source]") {
    TemporaryDirectory home;
    Opened store(home.path());
    const auto id = put(store, {{"a", "12345"}, {"b/c", ""}});
    CHECK(store.run(store->read(id, "a", 5)).value() == "12345");
    CHECK(store.run(store->read(id, "b/c", 5)).value().empty());
    CHECK(store.run(store->read(id, "a", 4)).error().fault == Fault::too_large);
    CHECK(store.run(store->read(id, "b", 5)).error().fault == Fault::not_found);
    CHECK(store.run(store->read(id, "nothing", 5)).error().fault == Fault::not_found);
    CHECK(store.run(store->read(id, "../../names", 5)).error().fault == Fault::invalid);
    CHECK(store.run(store->read("sha256:" + std::string(64, '0'), "a", 5)).error().fault == Fault::not_found);
}

TEST_CASE("packages keep their only directory, and lie beside the code, which wins", "[source]") {
    TemporaryDirectory home;
    Opened store(home.path());
    const auto archive = store->new_upload();
    test::write_file(archive, Tar().file("lib/mine", "theirs").file("lib/more", "x").bytes());
    const auto packages = store.run(store->put_packages(archive));
    REQUIRE(packages);
    CHECK(packages->files == Names{"lib/mine", "lib/more"});
    const auto code = put(store, {{"lib/mine", "mine"}, {"main.py", ""}});
    REQUIRE(store->make_place("one"));
    REQUIRE(store.run(store->fill("one", code)));
    REQUIRE(store.run(store->fill("one", packages->id)));
    CHECK(read_file(store.place("one") + "/lib/mine") == "mine");
    CHECK(read_file(store.place("one") + "/lib/more") == "x");
}

TEST_CASE("of packages there may be more than of code", "[source]") {
    TemporaryDirectory home;
    source::Limits limits;
    limits.entries = 4;
    Opened store(home.path(), limits);
    Tar tar;
    for (int i = 0; i < 20; ++i) tar.file(std::to_string(i), "x");
    const auto archive = store->new_upload();
    test::write_file(archive, tar.bytes());
    CHECK(store.run(store->put_archive(archive)).error().fault == Fault::too_large);
    CHECK(store.run(store->put_packages(archive)));
    test::write_file(archive, tar.file("one too many", "x").bytes());
    CHECK(store.run(store->put_packages(archive)).error().fault == Fault::too_large);
}
