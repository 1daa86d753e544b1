// SPDX-License-Identifier: Apache-2.0

// What a hostile deployer uploads as an archive. Whatever is taken is files and directories, within the limits, below the one directory.
#include "source/archive.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "source/path.h"

using namespace shallop;
namespace fs = std::filesystem;

namespace {

void claim(bool truth) {
    if (!truth) std::abort();
}

/// In memory where there is such a directory: the disk is not what is tried.
std::string make_room() {
    std::string room = fs::exists("/dev/shm") ? "/dev/shm/shallop-fuzz-XXXXXX" : "/tmp/shallop-fuzz-XXXXXX";
    claim(::mkdtemp(room.data()) != nullptr);
    return room;
}

struct Room {
    std::string path = make_room();
    ~Room() { fs::remove_all(path); }
};

source::Limits small() {
    source::Limits limits;
    limits.unpacked = 100'000;
    limits.entries = 50;
    limits.path = 300;
    limits.depth = 8;
    return limits;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Room room;
    static const auto limits = small();
    const auto upload = room.path + "/upload";
    std::ofstream(upload, std::ios::binary)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    const auto root = room.path + "/tree";
    {
        source::TreeWriter writer(root, limits, size);
        const auto unpacked = source::unpack(upload, limits, writer);
        if (!unpacked) claim(source::shown(unpacked.error().detail).size() > 2);
        std::size_t entries = 0;
        base::Bytes bytes = 0;
        for (const auto& entry : fs::recursive_directory_iterator(root)) {
            claim(++entries <= limits.entries);
            claim(!entry.is_symlink() && (entry.is_directory() || entry.is_regular_file()));
            claim(source::normal_path(entry.path().string().substr(root.size() + 1), limits).has_value());
            if (entry.is_regular_file()) bytes += entry.file_size();
        }
        claim(bytes <= limits.unpacked);
        if (unpacked && writer.unwrap()) {
            const auto tree = writer.finish();
            if (tree && writer.flush())
                claim(tree->bytes == bytes && !tree->files.empty() && fs::is_directory(writer.root()));
        }
    }
    fs::remove_all(root);
    // Nothing beside it.
    claim(std::distance(fs::directory_iterator(room.path), {}) == 1);
    return 0;
}
