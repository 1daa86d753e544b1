// SPDX-License-Identifier: Apache-2.0
#include "build/contexts.h"

namespace {

struct Embedded {
    std::string_view name;
    const unsigned char* bytes;
    const unsigned long* size;
};

#include "runtime_contexts.inc"  // written by cmake/runtimes.cmake

}  // namespace

namespace shallop::build {

std::string_view context_of(std::string_view name) {
    for (const auto& one : embedded) {
        if (one.name == name) return {reinterpret_cast<const char*>(one.bytes), *one.size};
    }
    return {};
}

}  // namespace shallop::build
