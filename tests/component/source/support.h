// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/source/code_store.h>

#include "support/loop.h"
#include "support/temporary_directory.h"

#include <string>
#include <vector>

namespace shallop::test {

/// Bytes of a tar, entry by entry, with whatever in them: no writer is in the way that would know better.
class Tar {
public:
    Tar& file(const std::string& name, const std::string& content, unsigned mode = 0644);
    Tar& directory(const std::string& name) { return entry(name, '5', "", 0755); }
    /// `type` is the header's: '1' a hard link, '2' a symbolic one, '3' a device, '6' a pipe. `said` is the size that the header has.
    Tar& entry(const std::string& name, char type, const std::string& content, unsigned mode,
               const std::string& target = "", std::uint64_t said = ~0ULL);
    /// A name of any bytes and length, by a pax header.
    Tar& long_name(const std::string& name, const std::string& content);
    std::string bytes() const { return bytes_ + std::string(1024, '\0'); }

private:
    std::string bytes_;
};

struct ZipFile {
    std::string name, content;
    unsigned mode = 0644;
};

/// A zip as libarchive writes it; encrypted where there is a password.
std::string zip(const std::vector<ZipFile>& files, const std::string& password = "");

/// "gzip", "bzip2", "xz" or "zstd".
std::string compress(const std::string& bytes, const std::string& filter);

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& bytes);

/// A store in a directory, with its loop and pool.
class Opened {
public:
    explicit Opened(std::string directory, source::Limits limits = {}, unsigned threads = 2)
        : directory_(std::move(directory)),
          pool_(threads),
          store_(source::CodeStore::open(directory_, pool_, log_, limits).value()) {}

    source::CodeStore* operator->() { return store_.get(); }
    Loop& loop() { return loop_; }

    template <typename T>
    T run(async::Task<T> task) {
        return loop_.run(std::move(task));
    }

    base::Result<source::Tree> put_archive(const std::string& bytes);
    base::Result<source::Tree> put_file(const std::string& bytes, const std::string& name);

    /// "tmp", "trees" or "instances": the names of what is there.
    std::vector<std::string> in(const std::string& part) const;
    std::string tree(const std::string& id) const { return directory_ + "/trees/" + id.substr(7); }
    std::string place(const std::string& instance) const { return directory_ + "/instances/" + instance; }

    /// As if nothing had touched the tree for two hours.
    void age(const std::string& id);

private:
    std::string directory_;
    Loop loop_;
    base::Log log_{-1};
    async::BlockingPool pool_;
    std::unique_ptr<source::CodeStore> store_;
};

}  // namespace shallop::test
