// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/folder/complaint.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace shallop::folder {

/// Bounds of what is sent as code; the daemon has the same ones.
struct CodeLimits {
    std::uint64_t bytes = 256ULL << 20;
    std::uint64_t upload = 64ULL << 20;
    std::size_t files = 20'000;
    std::size_t path = 1024;
    int depth = 32;
};

/// A file of a function's code, as it lies here.
struct CodeFile {
    std::string path;   ///< in the code, with '/' between its parts
    std::string place;  ///< where it is on this machine
    bool executable = false;
    std::uint64_t size = 0;
    std::uint64_t number = 0;  ///< of its inode
    std::int64_t changed = 0;  ///< when anything of it did last, in nanoseconds
};

/// The code of a function on this machine.
struct Code {
    enum class Form { file, folder, archive };

    Form form = Form::file;
    std::string place;            ///< as it was named
    std::vector<CodeFile> files;  ///< in the order of their paths; of a file or an archive the one
    std::uint64_t bytes = 0;
};

struct CloseFile {
    void operator()(std::FILE* file) const {
        if (file != stdin) std::fclose(file);
    }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

/// Whether a file's name ends as an archive's (".zip", ".tar.gz", …): the name without that end, else nothing.
std::optional<std::string> archive_stem(const std::string& name);

/// The media type of an archive, by its name.
std::string archive_type(const std::string& name);

/// What there is at `place`: a folder without what its IgnoreList leaves out, an archive by the end of its name, else a file. Complaints name
/// the file: what is neither a file nor a folder, links among them, is refused.
Result<Code> read_code(const std::string& place, const CodeLimits& limits = {});

/// The whole of a file, which has to be of `size` bytes still.
Result<std::string> read_whole(const CodeFile& file);

}  // namespace shallop::folder
