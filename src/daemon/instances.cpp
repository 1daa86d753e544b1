// SPDX-License-Identifier: Apache-2.0
// What the API is told of instances.
#include "daemon/daemon.h"

namespace shallop::daemon {

api::Instances Daemon::instances() {
    api::Instances instances;
    instances.list = [this](const std::string& function) {
        std::vector<api::InstanceView> views;
        for (const auto& one : pool_.instances(function)) {
            const auto age = std::chrono::duration_cast<std::chrono::system_clock::duration>(clock_.now() - one.since);
            views.push_back(
                {one.id, one.state, one.version, one.events, one.served, clock_.wall() - age, one.container});
        }
        return views;
    };
    instances.retire = [this](const std::string& function, const std::string& id) {
        return pool_.retire(function, id);
    };
    return instances;
}

}  // namespace shallop::daemon
