// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

/// The words of the shim protocol, for both of its ends. docs/protocol.md explains them.
///
/// Freestanding: the shim has no C++ library.
namespace shallop::shim::wire {

inline constexpr uint8_t version = 2;

/// Where the shim finds the daemon's socket, in its container.
inline constexpr char socket_path[] = "/.shallop/s";

/// One frame is one SOCK_SEQPACKET packet: a header and its body.
inline constexpr size_t max_frame = 160 * 1024;
inline constexpr size_t header_size = 12;

/// Limits of one shim.
inline constexpr size_t max_words = 4096;      // argv and env of one exec, together with the container's own env
inline constexpr size_t max_processes = 1024;  // started by exec and not yet exited
inline constexpr size_t max_connects = 256;    // connects that wait
inline constexpr size_t max_listeners = 8;
inline constexpr size_t max_address = 128;  // "unix:" + a path that fits sun_path
inline constexpr size_t max_text = 1024;    // each string of a `failed` frame
inline constexpr size_t max_file_name = 64;

/// Where `file` writes, and nowhere else: the daemon has a tmpfs mounted there.
inline constexpr char files_directory[] = "/run/secrets";

enum class Type : uint8_t {
    // daemon → shim
    exec = 1,
    connect = 2,
    listen = 3,
    signal = 4,
    cancel = 5,
    usage = 6,
    file = 7,
    // shim → daemon
    hello = 129,
    started = 130,
    exited = 131,
    failed = 132,
    connected = 133,
    listening = 134,
    accepted = 135,
    used = 136,
    written = 137,
};

/// What `failed` could not do.
enum class Step : uint32_t {
    request = 1,  // the request itself is refused: errno says why
    fork = 2,
    cwd = 3,
    command = 4,      // no program: argc 0, and the container has no command of its own
    program = 5,      // not found, not executable, not a program
    interpreter = 6,  // the program is there; what its #! line or ELF header names is not
    connect = 7,
    listen = 8,
    descriptor = 9,  // passing the socket out
    file = 10,       // writing it
};

enum class Target : uint32_t { process = 0, group = 1, all = 2 };

inline constexpr uint32_t exec_sweep = 1;               // when the process ends, its process group is killed
inline constexpr uint32_t connect_until_listening = 1;  // try again while nobody listens there, until the timeout
inline constexpr uint32_t exited_oom = 1;               // the container's count of OOM kills grew since the exec
inline constexpr uint32_t hello_counts_oom = 1;         // the shim can see OOM kills

/// Body sizes before the strings.
inline constexpr size_t exec_fixed = 16;     // flags, files, argc, envc; then cwd, argv…, env…
inline constexpr size_t connect_fixed = 8;   // flags, timeout in ms; then address
inline constexpr size_t listen_fixed = 4;    // backlog; then address
inline constexpr size_t file_fixed = 4;      // mode; then name, and the bytes up to the end
inline constexpr size_t signal_size = 8;     // target, number
inline constexpr size_t hello_size = 16;     // largest frame, processes, words of own command, flags
inline constexpr size_t started_size = 4;    // pid
inline constexpr size_t exited_size = 36;    // code, signal, flags, user µs, system µs, resident KiB
inline constexpr size_t failed_fixed = 8;    // step, errno; then what, where
inline constexpr size_t listening_size = 4;  // port
inline constexpr size_t used_size = 8;       // CPU ns

/// In `used`: nobody counts.
inline constexpr uint64_t used_unknown = UINT64_MAX;

inline void store(unsigned char* at, uint32_t value) {
    for (int i = 0; i < 4; ++i) at[i] = static_cast<unsigned char>(value >> (8 * i));
}

inline void store64(unsigned char* at, uint64_t value) {
    store(at, static_cast<uint32_t>(value));
    store(at + 4, static_cast<uint32_t>(value >> 32));
}

inline uint32_t load(const unsigned char* at) {
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value |= static_cast<uint32_t>(at[i]) << (8 * i);
    return value;
}

inline uint64_t load64(const unsigned char* at) { return load(at) | (static_cast<uint64_t>(load(at + 4)) << 32); }

/// version, type, two reserved zero bytes, id, length of the body.
struct Header {
    Type type;
    uint32_t id;
    uint32_t length;
};

inline void store_header(unsigned char* at, Header header) {
    at[0] = version;
    at[1] = static_cast<uint8_t>(header.type);
    at[2] = at[3] = 0;
    store(at + 4, header.id);
    store(at + 8, header.length);
}

/// False unless `size` bytes are exactly one frame of this version.
inline bool load_header(const unsigned char* at, size_t size, Header& header) {
    if (size < header_size || size > max_frame) return false;
    if (at[0] != version || at[2] != 0 || at[3] != 0) return false;
    header = Header{static_cast<Type>(at[1]), load(at + 4), load(at + 8)};
    return header.length == size - header_size;
}

}  // namespace shallop::shim::wire
