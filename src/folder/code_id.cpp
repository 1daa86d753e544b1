// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/digest.h>
#include <shallop/folder/code_id.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>

namespace shallop::folder {
namespace {

using Json = nlohmann::ordered_json;

/// A file that changes twice within a tick of the kernel's clock has the same time twice.
constexpr auto ticks = std::chrono::milliseconds(200);

/// What the daemon takes for a program even where nothing says so.
bool begins_as_a_program(std::string_view start) { return start.starts_with("#!") || start.starts_with("\177ELF"); }

/// The digest of a tree: of its folders and files in the order of their paths, each path, a NUL, 'd' for a folder, 'x' for a program or '-'
/// for another file, its content's digest in hex, and a line feed.
class TreeDigest {
public:
    void add(const std::string& path, bool executable, const std::string& content) {
        for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
            entries_.emplace(path.substr(0, slash), "d");
        }
        entries_[path] = (executable ? "x" : "-") + content;
    }
    std::string id() const {
        base::Digest digest;
        for (const auto& [path, rest] : entries_) digest.add(path + '\0' + rest + '\n');
        return "sha256:" + digest.take_hex();
    }

private:
    std::map<std::string, std::string> entries_;
};

Done add_file(TreeDigest& tree, const CodeFile& file, bool executable) {
    const File stream(std::fopen(file.place.c_str(), "rb"));
    if (!stream)
        return Complaint{"cannot read " + file.place + ": " + std::strerror(errno), "check that you may read it"};
    base::Digest digest;
    std::array<char, 64 << 10> piece{};
    bool first = true;
    while (const auto size = std::fread(piece.data(), 1, piece.size(), stream.get())) {
        const std::string_view bytes(piece.data(), size);
        if (first) executable = executable || begins_as_a_program(bytes);
        first = false;
        digest.add(bytes);
    }
    if (std::ferror(stream.get()) != 0) return Complaint{"cannot read " + file.place, "check that you may read it"};
    tree.add(file.path, executable, digest.take_hex());
    return {};
}

}  // namespace

Result<std::string> code_id(const Code& code) {
    if (code.form == Code::Form::archive) return std::string();
    TreeDigest tree;
    for (const auto& file : code.files) {
        const bool executable =
            file.executable && code.form == Code::Form::folder;  // a single file is sent without that
        if (const auto added = add_file(tree, file, executable); !added) return added.error();
    }
    return tree.id();
}

std::string code_stamp(const Code& code, std::chrono::system_clock::time_point now) {
    const auto settled = std::chrono::duration_cast<std::chrono::nanoseconds>((now - ticks).time_since_epoch()).count();
    base::Digest digest;
    for (const auto& file : code.files) {
        if (file.changed > settled) return "";
        digest.add(file.path + '\0' + (file.executable ? "x" : "-") + std::to_string(file.size) + ' ' +
                   std::to_string(file.number) + ' ' + std::to_string(file.changed) + '\n');
    }
    return digest.take_hex();
}

std::string code_id(const Json& resource) {
    const auto source = resource.find("source");
    if (source == resource.end() || !source->is_object()) return "";
    if (const auto code = source->find("code"); code != source->end() && code->is_string()) return *code;
    const auto files = source->find("files");
    if (files == source->end() || !files->is_object()) return "";
    TreeDigest tree;
    for (const auto& [path, content] : files->items()) {
        if (!content.is_string()) return "";
        const auto& text = content.get_ref<const std::string&>();
        base::Digest digest;
        digest.add(text);
        tree.add(path, begins_as_a_program(text), digest.take_hex());
    }
    return tree.id();
}

}  // namespace shallop::folder
