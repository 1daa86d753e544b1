// SPDX-License-Identifier: Apache-2.0
#include "codec.h"

#include <algorithm>
#include <cstring>

namespace shallop::shim {

using base::Error;
using base::Fault;
using wire::Type;

namespace {

/// Builds one frame; the header is filled in last.
class Writer {
public:
    Writer(Type type, std::uint32_t id, std::size_t expected) : type_(type), id_(id) {
        frame_.reserve(wire::header_size + expected);
        frame_.resize(wire::header_size);
    }

    Writer& number(std::uint32_t value) {
        unsigned char bytes[4];
        wire::store(bytes, value);
        frame_.append(reinterpret_cast<const char*>(bytes), sizeof bytes);
        return *this;
    }

    Writer& text(std::string_view value) {
        clean_ = clean_ && value.find('\0') == std::string_view::npos;
        frame_.append(value).push_back('\0');
        return *this;
    }

    /// `behind`: so many bytes of the body are sent behind what is here.
    std::string finish(std::size_t behind = 0) {
        const auto length = static_cast<std::uint32_t>(frame_.size() - wire::header_size + behind);
        wire::store_header(reinterpret_cast<unsigned char*>(frame_.data()), wire::Header{type_, id_, length});
        return std::move(frame_);
    }

    Result<std::string> finish_checked(const char* what, std::size_t behind = 0) {
        if (!clean_) return Error(Fault::invalid, std::string(what) + " contains a NUL byte");
        if (behind > wire::max_frame || frame_.size() > wire::max_frame - behind)
            return Error(Fault::too_large, std::string(what) + " is larger than 160 KiB");
        return finish(behind);
    }

private:
    Type type_;
    std::uint32_t id_;
    std::string frame_;
    bool clean_ = true;
};

std::size_t size_of(const std::vector<std::string>& words) {
    std::size_t size = 0;
    for (const auto& word : words) size += word.size() + 1;
    return size;
}

std::optional<Message> decode_exit(const unsigned char* body) {
    const auto code = wire::load(body);
    const auto number = wire::load(body + 4);
    // Either a code or a signal; the times cannot be so large that they overflow a Duration.
    if (number == 0 ? code > 255 : (code != UINT32_MAX || number > 64)) return std::nullopt;
    constexpr std::uint64_t most = std::uint64_t{1} << 40;
    const auto bounded = [&](std::size_t at) {
        return static_cast<std::int64_t>(std::min(most, wire::load64(body + at)));
    };
    Exit exit;
    exit.code = number == 0 ? static_cast<int>(code) : -1;
    exit.signal = static_cast<int>(number);
    exit.out_of_memory = (wire::load(body + 8) & wire::exited_oom) != 0;
    exit.user = std::chrono::microseconds(bounded(12));
    exit.system = std::chrono::microseconds(bounded(20));
    exit.max_rss = static_cast<base::Bytes>(bounded(28)) * 1024;
    return exit;
}

Used decode_used(const unsigned char* body) {
    const auto nanoseconds = wire::load64(body);
    if (nanoseconds == wire::used_unknown) return {};
    // Centuries of CPU time, of which a few still add up to a Duration.
    constexpr std::uint64_t most = std::uint64_t{1} << 60;
    return Used{Duration(static_cast<std::int64_t>(std::min(most, nanoseconds)))};
}

std::optional<Message> decode_failed(Octets body) {
    if (body.size() < wire::failed_fixed + 2 || body.back() != 0) return std::nullopt;
    const auto step = wire::load(body.data());
    const auto error = wire::load(body.data() + 4);
    if (step < static_cast<std::uint32_t>(wire::Step::request) || step > static_cast<std::uint32_t>(wire::Step::file)) {
        return std::nullopt;
    }
    if (error == 0 || error > 4095) return std::nullopt;
    const std::string_view texts(reinterpret_cast<const char*>(body.data()) + wire::failed_fixed,
                                 body.size() - wire::failed_fixed - 1);
    const auto zero = texts.find('\0');
    if (zero == std::string_view::npos) return std::nullopt;
    const auto what = texts.substr(0, zero);
    const auto where = texts.substr(zero + 1);
    if (what.size() > wire::max_text || where.size() > wire::max_text || where.find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    return Failed{static_cast<wire::Step>(step), static_cast<int>(error), std::string(what), std::string(where)};
}

std::optional<Message> decode_body(Type type, Octets body) {
    const auto* at = body.data();
    switch (type) {
        case Type::hello:
            if (body.size() != wire::hello_size) return std::nullopt;
            return Hello{wire::load(at), wire::load(at + 4), wire::load(at + 8),
                         (wire::load(at + 12) & wire::hello_counts_oom) != 0};
        case Type::started: {
            if (body.size() != wire::started_size) return std::nullopt;
            const auto pid = wire::load(at);
            if (pid < 2 || pid > (1U << 22)) return std::nullopt;
            return Started{static_cast<int>(pid)};
        }
        case Type::exited:
            return body.size() == wire::exited_size ? decode_exit(at) : std::nullopt;
        case Type::failed:
            return decode_failed(body);
        case Type::connected:
            return body.empty() ? std::optional<Message>(Connected{}) : std::nullopt;
        case Type::listening: {
            if (body.size() != wire::listening_size || wire::load(at) > 65535) return std::nullopt;
            return Listening{wire::load(at)};
        }
        case Type::accepted:
            return body.empty() ? std::optional<Message>(Accepted{}) : std::nullopt;
        case Type::used:
            return body.size() == wire::used_size ? std::optional<Message>(decode_used(at)) : std::nullopt;
        case Type::written:
            return body.empty() ? std::optional<Message>(Written{}) : std::nullopt;
        default:
            return std::nullopt;
    }
}

bool is_plain_name(std::string_view name) {
    return !name.empty() && name.size() <= wire::max_file_name && name.front() != '.' &&
           name.find('/') == std::string_view::npos;
}

}  // namespace

Result<std::string> encode_exec(std::uint32_t id, const ExecRequest& request) {
    if (request.argv.size() > wire::max_words || request.env.size() > wire::max_words) {
        return Error(Fault::too_large, "more than 4096 words in the command or its environment");
    }
    Writer frame(Type::exec, id,
                 wire::exec_fixed + request.cwd.size() + 1 + size_of(request.argv) + size_of(request.env));
    frame.number(request.sweep ? wire::exec_sweep : 0).number(request.files);
    frame.number(static_cast<std::uint32_t>(request.argv.size()))
        .number(static_cast<std::uint32_t>(request.env.size()));
    frame.text(request.cwd);
    for (const auto& word : request.argv) frame.text(word);
    for (const auto& variable : request.env) frame.text(variable);
    return frame.finish_checked("the command with its environment");
}

Result<std::string> encode_connect(std::uint32_t id, std::string_view address, Duration timeout, bool until_listening) {
    if (address.size() > wire::max_address) return Error(Fault::invalid, "the address is too long");
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    Writer frame(Type::connect, id, wire::connect_fixed + address.size() + 1);
    frame.number(until_listening ? wire::connect_until_listening : 0);
    frame.number(static_cast<std::uint32_t>(std::clamp<std::int64_t>(wait, 0, 600000))).text(address);
    return frame.finish_checked("the address");
}

Result<std::string> encode_listen(std::uint32_t id, std::string_view address, std::uint32_t backlog) {
    if (address.size() > wire::max_address) return Error(Fault::invalid, "the address is too long");
    Writer frame(Type::listen, id, wire::listen_fixed + address.size() + 1);
    frame.number(backlog).text(address);
    return frame.finish_checked("the address");
}

std::string encode_signal(std::uint32_t id, wire::Target target, int number) {
    Writer frame(Type::signal, id, wire::signal_size);
    return frame.number(static_cast<std::uint32_t>(target)).number(static_cast<std::uint32_t>(number)).finish();
}

std::string encode_cancel(std::uint32_t id) { return Writer(Type::cancel, id, 0).finish(); }

std::string encode_usage(std::uint32_t id) { return Writer(Type::usage, id, 0).finish(); }

Result<std::string> encode_file(std::uint32_t id, std::string_view name, unsigned mode, std::size_t size) {
    if (!is_plain_name(name)) return Error(Fault::invalid, "a file's name is a plain one of at most 64 bytes");
    Writer frame(Type::file, id, wire::file_fixed + name.size() + 1);
    return frame.number(mode & 0777U).text(name).finish_checked("the file", size);
}

std::optional<Received> decode(Octets frame) {
    wire::Header header{};
    if (!wire::load_header(frame.data(), frame.size(), header)) return std::nullopt;
    auto message = decode_body(header.type, frame.subspan(wire::header_size));
    if (!message) return std::nullopt;
    // Only the hello is about no request.
    if ((header.id == 0) != std::holds_alternative<Hello>(*message)) return std::nullopt;
    return Received{header.id, std::move(*message)};
}

std::size_t descriptors_of(const Message& message) {
    return std::holds_alternative<Connected>(message) || std::holds_alternative<Accepted>(message) ? 1 : 0;
}

}  // namespace shallop::shim
