// SPDX-License-Identifier: Apache-2.0
#include <shallop/secret/vault.h>

#include "support/loop.h"
#include "support/results.h"
#include "support/temporary_directory.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

using namespace shallop;
using namespace shallop::test;
using base::Fault;
using base::SecretBytes;
using Catch::Matchers::ContainsSubstring;
using secret::Vault;

namespace {

namespace fs = std::filesystem;

std::string read_all(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

/// A vault on a store in a directory, as a daemon has it.
class Safe {
public:
    explicit Safe(const std::string& directory, secret::Settings settings = {}) : semaphore_(loop.executor(), 1) {
        if (settings.own_key.empty()) settings.own_key = directory + "/secret-key";
        store_ = store::Store::open(directory, pool_, log_).value();
        Vault::Parts parts{store::Secrets(*store_),
                           pool_,
                           loop.clock(),
                           log_,
                           [this](std::string_view name) { return users[std::string(name)]; },
                           [this] { return semaphore_.acquire(); },
                           [this](std::string name) -> async::Task<void> {
                               renewed.push_back(std::string(vault->open(name)->view()));
                               co_return;
                           }};
        vault.emplace(std::move(settings), std::move(parts), loop.executor());
        loaded = loop.run(vault->load());
    }

    base::Result<secret::Put> put(const std::string& name, std::string_view value) {
        return loop.run(vault->put(name, SecretBytes::copy_of(value)));
    }
    base::Status remove(const std::string& name) { return loop.run(vault->remove(name)); }
    std::string value(const std::string& name) {
        const auto opened = vault->open(name);
        return opened ? std::string(opened->view()) : "fault: " + opened.error().detail;
    }

    Loop loop;
    std::map<std::string, std::vector<std::string>> users;
    std::vector<std::string> renewed;
    std::optional<Vault> vault;
    base::Status loaded;

private:
    base::Log log_{-1};
    async::BlockingPool pool_{2};
    async::Semaphore semaphore_;
    std::unique_ptr<store::Store> store_;
};

/// Nothing below `directory` has `value` in it.
void check_nowhere(const std::string& directory, const std::string& value) {
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
        CAPTURE(entry.path().string());
        if (entry.is_regular_file()) CHECK(read_all(entry.path()).find(value) == std::string::npos);
    }
}

}  // namespace

TEST_CASE("T11: a value is there after a restart, and in no file of the data directory", "[secret]") {
    TemporaryDirectory directory;
    const std::string binary("one\0two\xff", 8);
    {
        Safe safe(directory.path());
        REQUIRE(safe.loaded);
        CHECK(safe.put("db", "correct horse battery staple")->created);
        CHECK_FALSE(safe.put("db", "hunter2hunter2hunter2")->created);
        REQUIRE(safe.put("tls", binary));
        CHECK(safe.renewed ==
              std::vector<std::string>{"correct horse battery staple", "hunter2hunter2hunter2", binary});
        check_nowhere(directory.path(), "correct horse");
        check_nowhere(directory.path(), "hunter2");
    }
    check_nowhere(directory.path(), "hunter2");
    Safe safe(directory.path());
    REQUIRE(safe.loaded);
    CHECK(safe.value("db") == "hunter2hunter2hunter2");
    CHECK(safe.value("tls") == binary);
    const auto shown = safe.vault->show("db").value();
    CHECK(shown.version == 2);
    CHECK(shown.bytes == 21);
    CHECK(shown.created <= shown.updated);
    CHECK(safe.vault->list("", 10).size() == 2);
    CHECK(safe.vault->list("db", 10).at(0).name == "tls");
    CHECK(safe.vault->list("", 1).size() == 1);
}

TEST_CASE("the key is made when the first secret is, for its owner alone", "[secret]") {
    TemporaryDirectory directory;
    const auto key = directory.path() + "/secret-key";
    Safe safe(directory.path());
    REQUIRE(safe.loaded);
    CHECK_FALSE(fs::exists(key));
    REQUIRE(safe.put("a", "1"));
    struct stat info{};
    REQUIRE(::stat(key.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0600);
    CHECK(read_all(key).size() == 65);
    const auto first = read_all(key);
    REQUIRE(safe.put("b", "2"));
    CHECK(read_all(key) == first);
}

TEST_CASE("without its key, or with another one, nothing starts, and it is said what to do", "[secret]") {
    TemporaryDirectory directory;
    const auto key = directory.path() + "/secret-key";
    {
        Safe safe(directory.path());
        REQUIRE(safe.put("a", "1"));
    }
    std::string says = "is not the one that the 1 secrets are sealed with";
    SECTION("another key") { std::ofstream(key) << std::string(64, '0') << "\n"; }
    SECTION("no key") {
        fs::remove(key);
        says = "is not there";
    }
    SECTION("no key at all in the file") {
        std::ofstream(key) << "password\n";
        says = "64 hexadecimal digits";
    }
    Safe safe(directory.path());
    REQUIRE_FALSE(safe.loaded);
    CHECK(safe.loaded.error().fault == Fault::invalid);
    CHECK_THAT(safe.loaded.error().detail, ContainsSubstring(says) && ContainsSubstring(key));
    CHECK(fs::exists(key) == (says != "is not there"));  // none is made in its place
}

TEST_CASE("an operator's own key is used, and none is made", "[secret]") {
    TemporaryDirectory directory, elsewhere;
    secret::Settings settings;
    settings.given_key = elsewhere.path() + "/key";
    {
        Safe none(directory.path(), settings);
        REQUIRE_FALSE(none.loaded);  // at the start, and not with the first secret
        CHECK_THAT(none.loaded.error().detail, ContainsSubstring("--secret-key-file"));
    }
    std::ofstream(settings.given_key) << std::string(64, 'a') << "\r\n";
    {
        Safe safe(directory.path(), settings);
        REQUIRE(safe.loaded);
        REQUIRE(safe.put("a", "1"));
    }
    CHECK_FALSE(fs::exists(directory.path() + "/secret-key"));
    CHECK(Safe(directory.path(), settings).value("a") == "1");
}

TEST_CASE("one value that was damaged is told by its name, and the others are there", "[secret]") {
    TemporaryDirectory directory;
    {
        Safe safe(directory.path());
        REQUIRE(safe.put("a", "1"));
        REQUIRE(safe.put("b", "2"));
    }
    {
        base::Log log(-1);
        async::BlockingPool pool(1);
        Loop loop;
        auto store = store::Store::open(directory.path(), pool, log).value();
        store::Secrets rows(*store);
        auto row = loop.run(rows.load()).value().at(0);
        row.version = 7;  // of another time
        REQUIRE(loop.run(rows.put(row)));
    }
    Safe safe(directory.path());
    REQUIRE(safe.loaded);
    CHECK_THAT(safe.value("a"), ContainsSubstring("set it again"));
    CHECK(safe.value("b") == "2");
    REQUIRE(safe.put("a", "3"));
    CHECK(safe.value("a") == "3");
}

TEST_CASE("a secret that is in use is not removed, and it is said by whom", "[secret]") {
    TemporaryDirectory directory;
    Safe safe(directory.path());
    REQUIRE(safe.put("a", "1"));
    safe.users["a"] = {"hello", "job 7"};
    const auto refused = safe.remove("a");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::conflict);
    CHECK_THAT(refused.error().detail, ContainsSubstring("hello, job 7"));
    CHECK(safe.value("a") == "1");
    CHECK(safe.vault->show("a")->used_by == safe.users["a"]);
    safe.users.clear();
    REQUIRE(safe.remove("a"));
    CHECK_FALSE(safe.vault->has("a"));
    CHECK(safe.remove("a").error().fault == Fault::not_found);
    CHECK(safe.put("a", "2")->secret.version == 1);
}

TEST_CASE("there are so many secrets at most, and each of them can still be given a new value", "[secret]") {
    TemporaryDirectory directory;
    secret::Settings settings;
    settings.secrets = 2;
    Safe safe(directory.path(), settings);
    REQUIRE(safe.put("a", "1"));
    REQUIRE(safe.put("b", "1"));
    const auto refused = safe.put("c", "1");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::conflict);
    CHECK_THAT(refused.error().detail, ContainsSubstring("2 secrets, which is the limit"));
    CHECK(safe.put("b", "2")->secret.version == 2);
}
