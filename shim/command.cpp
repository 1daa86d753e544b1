// SPDX-License-Identifier: Apache-2.0
#include "command.h"

#include <string.h>

namespace shallop::shim {
namespace {

constexpr char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

char* words[wire::max_words + 3];
char** own_command = nullptr;
char** own_environment = nullptr;
uint32_t own_words = 0;

bool same_name(const char* a, const char* b) {
    while (*a == *b && *a != '=' && *a != 0) ++a, ++b;
    return (*a == '=' || *a == 0) && (*b == '=' || *b == 0);
}

/// The next zero-terminated string between `at` and `end`, or null.
char* next_string(char*& at, char* end) {
    char* text = at;
    char* zero = static_cast<char*>(memchr(at, 0, static_cast<size_t>(end - at)));
    if (zero == nullptr) return nullptr;
    at = zero + 1;
    return text;
}

}  // namespace

void remember_own_command(int argc, char** argv, char** environment) {
    own_words = argc > 0 ? static_cast<uint32_t>(argc - 1) : 0;
    own_command = argv + (argc > 0 ? 1 : 0);
    own_environment = environment;
}

uint32_t command_words() { return own_words; }

const char* path_of(char** environment) {
    for (; *environment != nullptr; ++environment) {
        if (strncmp(*environment, "PATH=", 5) == 0) return *environment + 5;
    }
    return default_path;
}

/// Fills `words` with argv, then the container's environment as the request changes it. False: malformed.
bool read_exec(char* body, size_t length, Command& command) {
    const auto* fixed = reinterpret_cast<const unsigned char*>(body);
    if (length < wire::exec_fixed) return false;
    command.flags = wire::load(fixed);
    command.files = wire::load(fixed + 4);
    const uint32_t argc = wire::load(fixed + 8);
    const uint32_t added = wire::load(fixed + 12);
    if (argc > wire::max_words || added > wire::max_words) return false;

    char* at = body + wire::exec_fixed;
    char* const end = body + length;
    command.cwd = next_string(at, end);
    if (command.cwd == nullptr) return false;

    size_t used = 0;
    command.argv = argc == 0 ? own_command : words;
    for (uint32_t i = 0; i < argc; ++i) {
        if (used == wire::max_words) return false;
        words[used] = next_string(at, end);
        if (words[used++] == nullptr) return false;
    }
    words[used++] = nullptr;

    command.environment = words + used;
    const size_t first_added = used;
    for (uint32_t i = 0; i < added; ++i) {
        if (used >= wire::max_words) return false;
        words[used] = next_string(at, end);
        if (words[used++] == nullptr) return false;
    }
    if (at != end) return false;
    const size_t last_added = used;
    for (char** own = own_environment; *own != nullptr; ++own) {
        bool overridden = false;
        for (size_t i = first_added; i < last_added && !overridden; ++i) overridden = same_name(*own, words[i]);
        if (overridden) continue;
        if (used >= wire::max_words) return false;
        words[used++] = *own;
    }
    // A name without "=" only takes the container's own variable away.
    size_t kept = first_added;
    for (size_t i = first_added; i < used; ++i) {
        if (strchr(words[i], '=') != nullptr) words[kept++] = words[i];
    }
    words[kept] = nullptr;
    return true;
}

}  // namespace shallop::shim
