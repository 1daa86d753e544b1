// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task_group.h>
#include <shallop/store/store.h>

#include "support/loop.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace shallop::test {

/// A directory that is gone with everything in it when the test ends.
class TempDir {
public:
    TempDir() {
        std::string name = "/tmp/shallop-store-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        path_ = name;
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

/// A store with its loop and pool. Closing it is a clean stop.
class Opened {
public:
    explicit Opened(const std::string& directory, unsigned threads = 2, store::Limits limits = {})
        : pool_(threads), store_(store::Store::open(directory, pool_, log_, limits).value()) {}

    store::Store* operator->() { return store_.get(); }
    store::Store& operator*() { return *store_; }
    Loop& loop() { return loop_; }

    template <typename T>
    T run(async::Task<T> task) {
        return loop_.run(std::move(task));
    }

private:
    Loop loop_;
    base::Log log_{-1};
    async::BlockingPool pool_;
    std::unique_ptr<store::Store> store_;
};

/// Opens and closes.
inline base::Status try_open(const std::string& directory) {
    async::BlockingPool pool(1);
    base::Log log(-1);
    auto opened = store::Store::open(directory, pool, log);
    if (!opened) return opened.error();
    return {};
}

inline store::StoredFunction some_function(const std::string& name, std::int64_t version) {
    const auto n = std::to_string(version);
    return {name, version, R"({"spec":)" + n + "}", R"({"image":)" + n + "}", "etag-" + n, "then", "now"};
}

}  // namespace shallop::test
