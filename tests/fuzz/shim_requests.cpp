// SPDX-License-Identifier: Apache-2.0

// The shim's own readers of what the daemon sends.
#include <address.cpp>
#include <command.cpp>
#include <file.cpp>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

// What they answer with.
namespace shallop::shim {
int send(wire::Type, uint32_t, const unsigned char*, size_t, int) { return 0; }
void send_failed(uint32_t, wire::Step, int, const char*, const char*) {}
void die(const char*) { std::abort(); }
}  // namespace shallop::shim

using namespace shallop::shim;

namespace {

/// Every word lies in `frame` or is one of the container's own.
void check_words(char** words, const std::vector<char>& frame, char** own) {
    for (; *words != nullptr; ++words) {
        bool known = *words >= frame.data() && *words + strlen(*words) < frame.data() + frame.size();
        for (char** at = own; *at != nullptr; ++at) known = known || *words == *at;
        if (!known) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static char own_texts[4][16] = {"/shim", "command", "PATH=/bin", "HOME=/"};
    static char* argv[] = {own_texts[0], own_texts[1], nullptr};
    static char* environment[] = {own_texts[2], own_texts[3], nullptr};
    static char* all[] = {own_texts[1], own_texts[2], own_texts[3], nullptr};
    remember_own_command(2, argv, environment);

    std::vector<char> frame(data, data + size);
    Command command = {};
    if (read_exec(frame.data(), frame.size(), command)) {
        check_words(command.argv, frame, all);
        check_words(command.environment, frame, all);
        if (path_of(command.environment) == nullptr) std::abort();
    }
    frame.push_back(0);
    NewFile file = {};
    if (read_file(frame.data(), size, file)) {
        const char* const end = frame.data() + size;
        if (file.bytes > end || file.bytes + file.size != end || file.name[strlen(file.name)] != 0) std::abort();
        if (strlen(file.name) > wire::max_file_name || strchr(file.name, '/') != nullptr) std::abort();
    }
    Address address;
    if (parse_address(frame.data(), address) > sizeof address) std::abort();
    return 0;
}
