// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fd.h>
#include <shallop/base/units.h>
#include <shallop/function/event.h>

#include <string>

namespace shallop::contract {

/// Holds a request body of unknown length until it is whole, so that CONTENT_LENGTH can be told; then gives it out once.
///
/// The first 64 KiB are kept in memory, what is more in a file without a name.
class BodySpool final : public function::BodySource {
public:
    static constexpr std::size_t in_memory = 64 * 1024;

    explicit BodySpool(std::string directory) : directory_(std::move(directory)) {}

    /// Reads `from` to its end. Faults: those of `from`, too_large (over `limit`), storage.
    async::Task<base::Status> fill(function::BodySource& from, base::Bytes limit);

    base::Bytes size() const { return size_; }

    async::Task<base::Result<std::size_t>> read(std::span<char> into) override;

private:
    base::Status keep(std::span<const char> bytes);

    std::string directory_;
    std::string memory_;
    base::Fd file_;
    base::Bytes size_ = 0;
    base::Bytes given_ = 0;
};

}  // namespace shallop::contract
