// SPDX-License-Identifier: Apache-2.0
#include "contract/http_buffers.h"

#include <shallop/contract/driver.h>

#include <utility>

namespace shallop::contract {

std::shared_ptr<BodyBuffers> make_buffers() { return std::make_shared<BodyBuffers>(); }

BodyBuffers::Borrowed::~Borrowed() {
    if (memory_ && from_.free_.size() < most) from_.free_.push_back(std::move(memory_));
}

std::span<char> BodyBuffers::Borrowed::room() {
    if (!memory_ && !from_.free_.empty()) {
        memory_ = std::move(from_.free_.back());
        from_.free_.pop_back();
    }
    if (!memory_) memory_ = std::make_unique_for_overwrite<char[]>(size);
    return {memory_.get(), size};
}

}  // namespace shallop::contract
