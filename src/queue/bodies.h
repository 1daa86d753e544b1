// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/blocking_pool.h>
#include <shallop/base/fd.h>
#include <shallop/function/event.h>
#include <shallop/queue/queue.h>

namespace shallop::queue {

/// What is kept of an event's body as the input of a run.
class KeptBody final : public function::BodySource {
public:
    /// `file`: a path, or "" for `bytes`, which outlive this.
    KeptBody(const std::string& bytes, std::string file, async::BlockingPool& blocking)
        : bytes_(bytes), path_(std::move(file)), blocking_(blocking) {}

    async::Task<Result<std::size_t>> read(std::span<char> into) override;

private:
    Result<std::size_t> read_file(std::span<char> into);

    const std::string& bytes_;
    std::string path_;
    async::BlockingPool& blocking_;
    base::Fd file_;
    std::size_t given_ = 0;
};

/// A reply as it is kept: its head, and as much of its body as has room.
class ReplyKeeper final : public function::ReplySink {
public:
    ReplyKeeper(store::KeptReply& into, base::Bytes room) : into_(into), room_(room) {}

    async::Task<Status> begin(function::ReplyHead head) override;
    async::Task<Status> write(std::span<const char> bytes) override;
    bool begun() const override { return begun_; }

    /// What a 429 or 503 asked for; zero if nothing.
    Duration retry_after() const { return retry_after_; }

private:
    store::KeptReply& into_;
    base::Bytes room_;
    Duration retry_after_{};
    bool begun_ = false;
};

/// Writes what comes to a new file, which is on the disk when it is done. Blocking.
class BodyFile {
public:
    static Result<BodyFile> make(const std::string& directory, const std::string& name);
    Status append(std::string_view bytes);
    /// The file and its name outlive a power cut.
    Status keep();

private:
    std::string directory_;
    base::Fd file_;
};

}  // namespace shallop::queue
