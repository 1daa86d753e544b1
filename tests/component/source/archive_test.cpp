// SPDX-License-Identifier: Apache-2.0
// What archives are taken, and what is in the tree then.
#include "component/source/support.h"

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/stat.h>

using namespace shallop;
using base::Fault;
using Catch::Matchers::ContainsSubstring;
using test::Opened;
using test::Tar;
using Names = std::vector<std::string>;

namespace {

Tar sample() { return Tar().file("main.py", "print('hi')\n").file("lib/util.py", "x = 1\n").file("run", "data", 0755); }

mode_t mode_of(const std::string& path) {
    struct stat facts{};
    REQUIRE(::stat(path.c_str(), &facts) == 0);
    return facts.st_mode & 07777;
}

}  // namespace

TEST_CASE("a tar is taken plain and by each compression, and is the same tree", "[source]") {
    test::TemporaryDirectory dir;
    Opened store(dir.path() + "/code");
    const auto plain = store.put_archive(sample().bytes());
    REQUIRE(plain);
    CHECK(plain->files == Names{"lib/util.py", "main.py", "run"});
    CHECK(plain->bytes == 22);
    for (const auto* filter : {"gzip", "bzip2", "xz", "zstd"}) {
        CAPTURE(filter);
        const auto tree = store.put_archive(test::compress(sample().bytes(), filter));
        REQUIRE(tree);
        CHECK(tree->id == plain->id);
    }
    CHECK(store.in("trees") == Names{plain->id.substr(7)});
    CHECK(store.in("tmp").empty());
}

TEST_CASE("a zip of the same files is the same tree", "[source]") {
    test::TemporaryDirectory dir;
    Opened store(dir.path() + "/code");
    const auto tar = store.put_archive(sample().bytes());
    const auto zip = store.put_archive(
        test::zip({{"run", "data", 0755}, {"main.py", "print('hi')\n"}, {"lib/", ""}, {"lib/util.py", "x = 1\n"}}));
    REQUIRE(zip);
    CHECK(zip->id == tar->id);
}

TEST_CASE("files are 0644 or 0755 and directories 0755, whatever the archive says", "[source]") {
    test::TemporaryDirectory dir;
    Opened store(dir.path() + "/code");
    const auto before = ::umask(077);
    const auto tree = store.put_archive(Tar()
                                            .file("secret", "1", 0600)
                                            .file("suid", "2", 06755)
                                            .file("odd", "3", 0001)
                                            .file("none", "4", 0)
                                            .entry("closed", '5', "", 01000)
                                            .file("closed/in", "5", 0444)
                                            .bytes());
    ::umask(before);
    REQUIRE(tree);
    const auto root = store.tree(tree->id);
    CHECK(mode_of(root) == 0755);
    CHECK(mode_of(root + "/secret") == 0644);
    CHECK(mode_of(root + "/suid") == 0755);
    CHECK(mode_of(root + "/odd") == 0755);
    CHECK(mode_of(root + "/none") == 0644);
    CHECK(mode_of(root + "/closed") == 0755);
    CHECK(mode_of(root + "/closed/in") == 0644);
}

TEST_CASE("a script and a program are executable though nobody says so", "[source]") {
    test::TemporaryDirectory dir;
    Opened store(dir.path() + "/code");
    const auto script = store.put_file("#!/bin/sh\necho hi\n", "hello.sh");
    REQUIRE(script);
    CHECK(mode_of(store.tree(script->id) + "/hello.sh") == 0755);
    const auto program = store.put_file(std::string("\177ELF\2\1\1", 7), "main");
    REQUIRE(program);
    CHECK(mode_of(store.tree(program->id) + "/main") == 0755);
    const auto zipped = store.put_archive(test::zip({{"hello.sh", "#!/bin/sh\necho hi\n"}}));
    REQUIRE(zipped);
    CHECK(zipped->id == script->id);
}

TEST_CASE("the only directory at the top is the tree", "[source]") {
    test::TemporaryDirectory dir;
    Opened store(dir.path() + "/code");
    const auto bare = store.put_archive(sample().bytes());
    Tar wrapped;
    wrapped.directory("./").directory("project/").file("./project/main.py", "print('hi')\n");
    wrapped.file("project/lib/util.py", "x = 1\n").file("project/run", "data", 0755);
    const auto inner = store.put_archive(wrapped.bytes());
    REQUIRE(inner);
    CHECK(inner->id == bare->id);

    // Not where something is beside it, not twice, and not where files are given by name.
    CHECK(store.put_archive(wrapped.file("README", "").bytes())->files.front() == "README");
    CHECK(store.put_archive(wrapped.directory("project-2").bytes())->files.back() == "project/run");
    CHECK(store.put_archive(Tar().file("a/b/c.py", "").bytes())->files == Names{"b/c.py"});
    const std::map<std::string, std::string> files{{"a/b.py", "1"}};
    CHECK(store.run(store->put_files(files))->files == Names{"a/b.py"});
}

TEST_CASE("names of any language, and long ones, come through", "[source]") {
    test::TemporaryDirectory dir;
    Opened store(dir.path() + "/code");
    const auto long_name = std::string(150, 'd') + "/" + std::string(200, 'n') + ".py";
    const auto tar =
        store.put_archive(Tar().file("größe.py", "1").long_name("日本/語.py", "2").long_name(long_name, "3").bytes());
    REQUIRE(tar);
    CHECK(tar->files == Names{long_name, "größe.py", "日本/語.py"});
    const auto zip = store.put_archive(test::zip({{"größe.py", "1"}, {"日本/語.py", "2"}, {long_name, "3"}}));
    REQUIRE(zip);
    CHECK(zip->id == tar->id);
}

TEST_CASE("what macOS puts beside the files is left out", "[source]") {
    test::TemporaryDirectory dir;
    Opened store(dir.path() + "/code");
    const auto tree = store.put_archive(test::zip({{"app/main.py", "1"}, {"__MACOSX/app/._main.py", "junk"}}));
    REQUIRE(tree);
    CHECK(tree->files == Names{"main.py"});
}

TEST_CASE("a sparse file is as large as it says", "[source]") {
    test::TemporaryDirectory dir;
    const auto made = dir.path() + "/sparse";
    const auto command =
        "cd " + dir.path() + " && truncate -s 100000 hole && printf end >> hole && tar --sparse -cf " + made + " hole";
    REQUIRE(std::system(command.c_str()) == 0);
    Opened store(dir.path() + "/code");
    const auto tree = store.put_archive(test::read_file(made));
    REQUIRE(tree);
    CHECK(test::read_file(store.tree(tree->id) + "/hole") == std::string(100000, '\0') + "end");
}

TEST_CASE("what tar, zip and python make is taken", "[source]") {
    test::TemporaryDirectory dir;
    const auto& at = dir.path();
    REQUIRE(std::system(("mkdir -p " + at + "/app/lib && cd " + at +
                         "/app && echo 1 > main.py && echo 2 > lib/x.py && "
                         "tar -C .. -czf ../a.tgz app && tar -cJf ../b.txz . && git init -q . && git add . && "
                         "git -c user.name=t -c user.email=t@t commit -qm t && git archive -o ../c.zip HEAD && "
                         "git archive --prefix=app/ -o ../d.tar.gz HEAD && rm -r .git && "
                         "/usr/bin/python3 -m zipfile -c ../e.zip main.py lib/")
                            .c_str()) == 0);
    Opened store(at + "/code");
    std::set<std::string> ids;
    for (const auto* name : {"a.tgz", "b.txz", "c.zip", "d.tar.gz", "e.zip"}) {
        CAPTURE(name);
        const auto tree = store.put_archive(test::read_file(at + "/" + name));
        REQUIRE(tree);
        CHECK(tree->files == Names{"lib/x.py", "main.py"});
        ids.insert(tree->id);
    }
    CHECK(ids.size() == 1);
}
