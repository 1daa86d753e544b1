// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/shim/channel.h>

#include <protocol.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

/// The frames of docs/protocol.md as values, both ways.
namespace shallop::shim {

using Octets = std::span<const unsigned char>;

// What the daemon sends.
Result<std::string> encode_exec(std::uint32_t id, const ExecRequest& request);
Result<std::string> encode_connect(std::uint32_t id, std::string_view address, Duration timeout, bool until_listening);
Result<std::string> encode_listen(std::uint32_t id, std::string_view address, std::uint32_t backlog);
std::string encode_signal(std::uint32_t id, wire::Target target, int number);
std::string encode_cancel(std::uint32_t id);
std::string encode_usage(std::uint32_t id);
/// Without its bytes, which are sent behind it. Faults: invalid (the name), too_large.
Result<std::string> encode_file(std::uint32_t id, std::string_view name, unsigned mode, std::size_t size);

// What the shim sends.
struct Hello {
    std::uint32_t max_frame, max_processes, command_words;
    bool counts_oom;
    bool operator==(const Hello&) const = default;
};
struct Started {
    int pid;
    bool operator==(const Started&) const = default;
};
struct Failed {
    wire::Step step;
    int error;          ///< errno
    std::string what;   ///< the program, directory or interpreter's user it is about; may be empty
    std::string where;  ///< the PATH that was searched; may be empty
    bool operator==(const Failed&) const = default;
};
struct Connected {
    bool operator==(const Connected&) const = default;
};
struct Listening {
    unsigned port;
    bool operator==(const Listening&) const = default;
};
struct Accepted {
    bool operator==(const Accepted&) const = default;
};
struct Used {
    std::optional<Duration> cpu;  ///< nothing: not known
    bool operator==(const Used&) const = default;
};

struct Written {
    bool operator==(const Written&) const = default;
};

using Message = std::variant<Hello, Started, Exit, Failed, Connected, Listening, Accepted, Used, Written>;

struct Received {
    std::uint32_t id;
    Message message;
};

/// The largest frame a shim has reason to send.
inline constexpr std::size_t max_answer = wire::header_size + wire::failed_fixed + 2 * (wire::max_text + 1);

/// Nothing where `frame` is not exactly one frame that a shim may send, with values that make sense.
std::optional<Received> decode(Octets frame);

/// How many descriptors must come with it.
std::size_t descriptors_of(const Message& message);

/// The failure in words for people; `subject` is what was asked for (a program, an address).
base::Error explain(const Failed& failed, std::string_view subject);

}  // namespace shallop::shim
