// SPDX-License-Identifier: Apache-2.0
#include <shallop/instance/launcher.h>

#include <utility>

namespace shallop::instance {

Instance::Instance(std::string id, std::string container, function::FunctionPtr function,
                   std::unique_ptr<shim::Channel> channel, Janitor& janitor, source::CodeStore* code)
    : id_(std::move(id)),
      container_(std::move(container)),
      function_(std::move(function)),
      channel_(std::move(channel)),
      janitor_(janitor),
      code_(code) {}

Instance::~Instance() {
    if (holders_ != nullptr) holders_->erase(this);
    driver_.reset();
    channel_.reset();
    janitor_.retire(id_, container_);
    if (code_ != nullptr) code_->drop(id_);
}

Task<base::Duration> Instance::cpu_since_last() {
    const auto told = cpu_told_;  // this may be gone when the answer comes
    const auto used = co_await channel_->cpu_used();
    if (!used || *used <= *told) co_return base::Duration{};
    const auto before = std::exchange(*told, *used);
    co_return *used - before;
}

}  // namespace shallop::instance
