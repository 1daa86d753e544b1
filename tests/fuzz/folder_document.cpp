// SPDX-License-Identifier: Apache-2.0

// What somebody wrote beside code, in shallop.yaml and .shallopignore: the daemon reads both where it serves a folder.
#include <shallop/folder/document.h>
#include <shallop/folder/functions.h>

#include <cstdint>
#include <cstdlib>

#include "folder/ignore.h"

using namespace shallop;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 64 << 10) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto documents = folder::parse_documents(text, "f");
    if (!documents && documents.error().what.find("f is no manifest") == std::string::npos) std::abort();
    if (documents) {
        for (const auto& document : *documents) {
            if (!document.is_object()) std::abort();
            [[maybe_unused]] const auto dumped = document.dump(-1, ' ', false, folder::Json::error_handler_t::replace);
        }
    }
    folder::IgnoreList ignored;
    if (ignored.add(text, "f")) [[maybe_unused]]
        const bool out = ignored.leaves_out("a/b.py", false);
    const auto name = folder::name_from(text);
    if (name.size() > 63 || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
        std::abort();
    return 0;
}
