// SPDX-License-Identifier: Apache-2.0
#include "queue/bodies.h"

#include <shallop/base/digest.h>
#include <shallop/base/file.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "queue/codec.h"

namespace shallop::queue {
namespace {

using base::Error;
using base::Fault;

constexpr std::size_t piece = 16 * 1024;

Error cannot(const std::string& what) {
    const int reason = errno;
    if (reason == ENOSPC || reason == EDQUOT)
        return {Fault::storage, "no space is left for the body of an event: free some and try again"};
    return {Fault::storage, what + ": " + std::strerror(reason)};
}

}  // namespace

async::Task<Result<std::size_t>> KeptBody::read(std::span<char> into) {
    if (path_.empty()) {
        const auto size = std::min(into.size(), bytes_.size() - given_);
        std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(given_), size, into.begin());
        given_ += size;
        co_return size;
    }
    auto work = [this, into] { return read_file(into); };
    co_return co_await blocking_.run(work);
}

Result<std::size_t> KeptBody::read_file(std::span<char> into) {
    if (file_.get() < 0) file_ = base::Fd(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file_.get() < 0) return cannot("the body of a queued event cannot be opened");
    const auto got = ::read(file_.get(), into.data(), into.size());
    if (got < 0) return cannot("the body of a queued event cannot be read");
    return static_cast<std::size_t>(got);
}

async::Task<Status> ReplyKeeper::begin(function::ReplyHead head) {
    begun_ = true;
    into_.status = head.status;
    into_.fields = write_fields(head.fields);
    if (const auto* const asked = base::find_field(head.fields, "Retry-After")) {
        int seconds = 0;
        const auto [end, error] = std::from_chars(asked->data(), asked->data() + asked->size(), seconds);
        if (error == std::errc{} && end == asked->data() + asked->size() && seconds > 0)
            retry_after_ = std::chrono::seconds(seconds);
    }
    co_return Status();
}

async::Task<Status> ReplyKeeper::write(std::span<const char> bytes) {
    const auto room = static_cast<std::size_t>(room_ - std::min<base::Bytes>(room_, into_.body.size()));
    into_.body.append(bytes.data(), std::min(bytes.size(), room));
    into_.truncated = into_.truncated || bytes.size() > room;
    co_return Status();
}

Result<BodyFile> BodyFile::make(const std::string& directory, const std::string& name) {
    const bool is_new = mkdir(directory.c_str(), 0700) == 0;
    if (!is_new && errno != EEXIST) return cannot(directory + " cannot be made");
    if (is_new && !base::sync_directory(directory.substr(0, directory.rfind('/'))))
        return cannot(directory + " cannot be made");
    BodyFile made;
    made.directory_ = directory;
    const auto path = directory + "/" + name;
    made.file_ = base::Fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (made.file_.get() < 0) return cannot("the file of a body cannot be made");
    return made;
}

Status BodyFile::append(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto written = ::write(file_.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return cannot("the file of a body cannot be written");
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Status BodyFile::keep() {
    if (fsync(file_.get()) != 0) return cannot("the file of a body cannot be written");
    if (!base::sync_directory(directory_)) return cannot(directory_ + " cannot be written");
    return {};
}

Task<Result<Body>> Queue::read_body(function::BodySource& from, base::Bytes limit) {
    Body body;
    std::vector<char> buffer(piece);
    std::optional<BodyFile> file;
    base::Digest digest;
    for (;;) {
        auto got = co_await from.read(buffer);
        if (!got) {
            if (file) remove_files({body.file});
            co_return got.error();
        }
        if (*got == 0) break;
        body.size += *got;
        if (body.size > limit) {
            if (file) remove_files({body.file});
            co_return Error(Fault::too_large, "the body is larger than " + base::format_bytes(limit));
        }
        body.bytes.append(buffer.data(), *got);
        if (body.size <= settings_.inline_body || (file && body.bytes.size() < settings_.inline_body)) continue;
        if (body.file.empty()) body.file = parts_.ids.next();
        auto work = [&]() -> Status {
            if (!file) {
                auto made = BodyFile::make(settings_.directory + "/bodies", body.file);
                if (!made) return made.error();
                file = std::move(*made);
            }
            digest.add(body.bytes);
            return file->append(body.bytes);
        };
        const auto written = co_await parts_.blocking.run(work);
        if (!written) {
            remove_files({body.file});
            co_return written.error();
        }
        body.bytes.clear();
    }
    if (!file) co_return body;
    auto work = [&]() -> Status {
        digest.add(body.bytes);
        body.digest = digest.take_hex();
        if (auto done = file->append(body.bytes); !done) return done;
        return file->keep();
    };
    const auto kept = co_await parts_.blocking.run(work);
    if (!kept) {
        remove_files({body.file});
        co_return kept.error();
    }
    body.bytes.clear();
    co_return body;
}

}  // namespace shallop::queue
