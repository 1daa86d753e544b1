// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace shallop::contract {

/// Memory for bodies on their way, handed from one exchange to the next.
class BodyBuffers {
public:
    static constexpr std::size_t size = 64 * 1024;

    /// One of them; goes back by itself. The BodyBuffers outlive it.
    class Borrowed {
    public:
        explicit Borrowed(BodyBuffers& from) : from_(from) {}
        Borrowed(const Borrowed&) = delete;
        Borrowed& operator=(const Borrowed&) = delete;
        ~Borrowed();
        /// Taken when first asked for.
        std::span<char> room();

    private:
        BodyBuffers& from_;
        std::unique_ptr<char[]> memory_;
    };

    /// Keeps none.
    void trim() { free_.clear(); }

private:
    static constexpr std::size_t most = 4;
    std::vector<std::unique_ptr<char[]>> free_;
};

}  // namespace shallop::contract
