// SPDX-License-Identifier: Apache-2.0
#include <shallop/folder/code.h>

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <shallop/base/units.h>

#include "folder/ignore.h"

namespace shallop::folder {
namespace {

namespace fs = std::filesystem;

constexpr const char* ignore_file = ".shallopignore";
constexpr std::uint64_t largest_ignore_file = 256 << 10;

/// The ends of archives' names, the longest first, and their media types.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> archives{{
    {".tar.gz", "application/gzip"},
    {".tgz", "application/gzip"},
    {".tar.xz", "application/x-tar"},
    {".txz", "application/x-tar"},
    {".tar.zst", "application/x-tar"},
    {".tar.bz2", "application/x-tar"},
    {".tbz2", "application/x-tar"},
    {".tar", "application/x-tar"},
    {".zip", "application/zip"},
    {".jar", "application/zip"},
}};

Complaint unreadable(const std::string& place) {
    return {"cannot read " + place + ": " + std::strerror(errno), "check that it is there and that you may read it"};
}

Complaint too_much(const std::string& place, const std::string& what) {
    return {place + " holds more than " + what,
            std::string("name what is no part of the code in ") + place + "/" + ignore_file};
}

Result<CodeFile> file_at(const std::string& place, const std::string& path) {
    struct stat about{};
    if (::stat(place.c_str(), &about) != 0) return unreadable(place);
    if (!S_ISREG(about.st_mode)) {
        return Complaint{place + " is neither a file nor a folder", "give a file with code, or a folder of such"};
    }
    constexpr std::int64_t second = 1'000'000'000;
    CodeFile file{path, place, (about.st_mode & 0100) != 0, static_cast<std::uint64_t>(about.st_size)};
    file.number = about.st_ino;
    file.changed = about.st_ctim.tv_sec * second + about.st_ctim.tv_nsec;
    return file;
}

/// Collects the files of a folder.
class Walk {
public:
    Walk(Code& code, const IgnoreList& ignored, const CodeLimits& limits)
        : code_(code), ignored_(ignored), limits_(limits) {}

    Done enter(const fs::path& folder, const std::string& prefix, int depth) {
        if (depth > limits_.depth) {
            return too_much(code_.place, std::to_string(limits_.depth) + " folders in each other (at " + prefix + ")");
        }
        std::error_code failed;
        auto entries = fs::directory_iterator(folder, failed);
        if (failed) return Complaint{"cannot read the folder " + folder.string() + ": " + failed.message(), fix};
        for (const auto end = fs::directory_iterator(); entries != end; entries.increment(failed)) {
            if (failed) break;
            const auto done = take(*entries, prefix + entries->path().filename().string(), depth);
            if (!done) return done;
        }
        if (failed) return Complaint{"cannot read the folder " + folder.string() + ": " + failed.message(), fix};
        return {};
    }

private:
    static constexpr const char* fix = "check that you may read it, or leave it out with a .shallopignore";

    Done take(const fs::directory_entry& entry, const std::string& path, int depth) {
        std::error_code failed;
        const auto status = entry.symlink_status(failed);
        const bool folder = fs::is_directory(status);
        if (ignored_.leaves_out(path, folder)) return {};
        const auto place = entry.path().string();
        if (fs::is_symlink(status)) {
            return Complaint{place + " is a symbolic link, and code has none",
                             "put a copy of the file in its place, or leave it out with a line in " + code_.place +
                                 "/" + ignore_file};
        }
        if (path.size() > limits_.path) {
            return Complaint{place + ": its path is longer than " + std::to_string(limits_.path) + " bytes",
                             "give it a shorter name, or leave it out with a .shallopignore"};
        }
        if (folder) return enter(entry.path(), path + "/", depth + 1);
        auto file = file_at(place, path);
        if (!file) return file.error();
        return add(std::move(*file));
    }

    Done add(CodeFile file) {
        code_.bytes += file.size;
        if (code_.files.size() >= limits_.files) {
            return too_much(code_.place, std::to_string(limits_.files) + " files (at " + file.path + ")");
        }
        if (code_.bytes > limits_.bytes) {
            return too_much(code_.place, base::format_bytes(limits_.bytes) + " (at " + file.path + ")");
        }
        code_.files.push_back(std::move(file));
        return {};
    }

    Code& code_;
    const IgnoreList& ignored_;
    const CodeLimits& limits_;
};

Result<IgnoreList> ignore_list_of(const std::string& folder) {
    IgnoreList list;
    const auto place = folder + "/" + ignore_file;
    std::error_code failed;
    if (!fs::exists(place, failed)) return list;
    const auto file = file_at(place, ignore_file);
    if (!file) return file.error();
    if (file->size > largest_ignore_file) return Complaint{place + " is larger than 256Ki", "leave fewer lines in it"};
    const auto text = read_whole(*file);
    if (!text) return text.error();
    if (const auto added = list.add(*text, place); !added) return added.error();
    return list;
}

Done read_folder(Code& code, const CodeLimits& limits) {
    const auto ignored = ignore_list_of(code.place);
    if (!ignored) return ignored.error();
    if (const auto walked = Walk(code, *ignored, limits).enter(code.place, "", 1); !walked) return walked;
    if (code.files.empty()) {
        return Complaint{"there is no file in " + code.place + " that could be deployed",
                         "put the function's code there; to begin with one: shallop init python " + code.place};
    }
    std::sort(code.files.begin(), code.files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return {};
}

}  // namespace

std::optional<std::string> archive_stem(const std::string& name) {
    for (const auto& [end, type] : archives) {
        if (name.size() > end.size() && name.ends_with(end)) return name.substr(0, name.size() - end.size());
    }
    return std::nullopt;
}

std::string archive_type(const std::string& name) {
    for (const auto& [end, type] : archives) {
        if (name.ends_with(end)) return std::string(type);
    }
    return "application/octet-stream";
}

Result<Code> read_code(const std::string& place, const CodeLimits& limits) {
    Code code;
    code.place = place;
    while (code.place.size() > 1 && code.place.ends_with('/')) code.place.pop_back();
    std::error_code failed;
    if (fs::is_directory(code.place, failed)) {
        code.form = Code::Form::folder;
        if (const auto read = read_folder(code, limits); !read) return read.error();
        return code;
    }
    const auto name = fs::path(code.place).filename().string();
    if (archive_stem(name)) code.form = Code::Form::archive;
    auto file = file_at(code.place, name);
    if (!file) return file.error();
    const bool archive = code.form == Code::Form::archive;
    if (file->size > limits.upload) {
        return Complaint{code.place + " is larger than " + base::format_bytes(limits.upload),
                         archive ? "put less into the archive" : "is it code? a function's code has to be smaller"};
    }
    code.bytes = file->size;
    code.files.push_back(std::move(*file));
    return code;
}

Result<std::string> read_whole(const CodeFile& file) {
    const File stream(std::fopen(file.place.c_str(), "rb"));
    if (!stream) return unreadable(file.place);
    std::string content(file.size + 1, '\0');
    content.resize(std::fread(content.data(), 1, content.size(), stream.get()));
    if (std::ferror(stream.get()) != 0) return unreadable(file.place);
    if (content.size() != file.size) return Complaint{file.place + " changed while it was read", "try again"};
    return content;
}

}  // namespace shallop::folder
