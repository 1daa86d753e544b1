// SPDX-License-Identifier: Apache-2.0
#include <shallop/instance/launcher.h>

#include <utility>

namespace shallop::instance {

Instance::Instance(std::string id, std::string container, function::FunctionPtr function,
                   std::unique_ptr<shim::Channel> channel, Janitor& janitor)
    : id_(std::move(id)),
      container_(std::move(container)),
      function_(std::move(function)),
      channel_(std::move(channel)),
      janitor_(janitor) {}

Instance::~Instance() {
    driver_.reset();
    channel_.reset();
    janitor_.retire(id_, container_);
}

}  // namespace shallop::instance
