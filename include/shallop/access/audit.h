// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/blocking_pool.h>
#include <shallop/async/clock.h>
#include <shallop/base/fd.h>
#include <shallop/base/log.h>
#include <shallop/base/units.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::access {

/// One thing that was done, or was not allowed. "" and 0 are what is not known, or does not apply.
struct AuditEntry {
    std::string_view event;  ///< "change", or "refused": it was not allowed
    std::string who;         ///< a token's name, "anyone" where nobody is asked for one, "folder" or "SIGHUP"
    std::string from;        ///< address of the client, "unix" for a unix socket
    std::string method, path;
    std::string function;
    std::int64_t version = 0;  ///< of the function, from then on
    int status = 0;            ///< of the answer
    std::string result;        ///< path of what came of it: an invocation, a schedule, a token
    std::string fault;         ///< why it was not done, as problem documents call it
};

/// The line of an entry, without its end: one JSON object of printable ASCII alone, at most 4 KiB, whatever is in the entry.
/// `missing`: how many lines before it were not written.
std::string format_audit_line(const AuditEntry& entry, std::chrono::system_clock::time_point time,
                              std::uint64_t missing);

/// Who changed what, and who was not let in: lines of JSON in a file of mode 0600, with its predecessors beside it as PATH.1, PATH.2, …
///
/// Belongs to one loop. A line is handed to the kernel before note() returns. Where it cannot be, the log says so once, and the next line says how many
/// are missing. Refusals, which anybody can cause, are bounded in their rate, so that they cannot push the changes out of the files.
class Audit {
public:
    struct Limits {
        base::Bytes file = base::Bytes{8} << 20;             ///< then another one is begun
        int files = 5;                                       ///< in all
        int refusals = 60;                                   ///< at once
        async::Duration refusal = std::chrono::seconds(10);  ///< until one more is written
    };
    static constexpr std::size_t longest_tail = 1000;

    Audit(std::string path, async::BlockingPool& pool, async::Clock& clock, base::Log& log)
        : Audit(std::move(path), pool, clock, log, Limits{}) {}
    Audit(std::string path, async::BlockingPool& pool, async::Clock& clock, base::Log& log, Limits limits)
        : path_(std::move(path)), pool_(pool), clock_(clock), log_(log), limits_(limits) {}

    void note(const AuditEntry& entry);

    /// The last `count` lines (at most longest_tail), oldest first, each with its end. Lines that a crash has left incomplete are left out.
    async::Task<std::string> tail(std::size_t count);

private:
    bool refusal_allowed();
    bool open();
    void rotate();
    bool append(const std::string& line);
    std::string numbered(int number) const;

    std::string path_;
    async::BlockingPool& pool_;
    async::Clock& clock_;
    base::Log& log_;
    Limits limits_;
    base::Fd file_;
    base::Bytes size_ = 0;
    std::uint64_t missing_ = 0;
    bool failing_ = false;             ///< and the log has said so
    async::Instant refusals_until_{};  ///< each refusal moves it on by Limits::refusal
};

}  // namespace shallop::access
