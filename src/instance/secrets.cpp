// SPDX-License-Identifier: Apache-2.0
// How the secrets of a function come into its instances, and new values of them.
#include <shallop/instance/launcher.h>

#include <algorithm>
#include <utility>

namespace shallop::instance {
namespace {

using base::Error;
using base::Fault;

constexpr unsigned owner_reads = 0400;

Error not_given(const std::string& name, const Error& cause) {
    return {Fault::launch_failed, "secret '" + name + "' cannot be given to the function: " + cause.detail};
}

Instance* find_holder(const std::set<Instance*>& holders, const std::string& id) {
    const auto found =
        std::find_if(holders.begin(), holders.end(), [&](const Instance* one) { return one->id() == id; });
    return found == holders.end() ? nullptr : *found;
}

}  // namespace

/// Before any code of the function runs. From the first one on the instance is told of new values, so that none is missed in between.
Task<base::Status> Launcher::give_secrets(Instance& instance) {
    const auto function = instance.function_;
    if (function->spec.secrets.empty()) co_return base::Status();
    holders_.insert(&instance);
    instance.holders_ = &holders_;
    for (const auto& [name, file] : function->spec.secrets) {
        if (!settings_.open_secret) co_return Error(Fault::launch_failed, "this server keeps no secrets");
        auto value = settings_.open_secret(name);
        if (!value) co_return not_given(name, value.error());
        const auto written = co_await instance.channel_->write_file(file, owner_reads, std::move(*value));
        if (!written) co_return not_given(name, written.error());
    }
    co_return base::Status();
}

Task<void> Launcher::renew_secret(std::string name) {
    for (const auto* const instance : holders_) {
        for (const auto& secret : instance->function().spec.secrets) {
            if (secret.name == name) renewals_.spawn("secret", renew_in(instance->id(), secret));
        }
    }
    co_await renewals_.join();
}

/// The instance may have ended by now, and may end meanwhile.
Task<void> Launcher::renew_in(std::string id, function::SecretFile secret) {
    auto* const instance = find_holder(holders_, id);
    if (instance == nullptr) co_return;
    const auto function = instance->function_;
    auto value = settings_.open_secret(secret.name);
    if (!value) co_return;  // it was removed since
    auto writing = instance->channel_->write_file(secret.file, owner_reads, std::move(*value));
    const auto written = co_await std::move(writing);
    if (written) co_return;
    log_.warn("an instance could not be given the new value of a secret and ends",
              {{"function", function->spec.name}, {"secret", secret.name}, {"reason", written.error().detail}});
    if (auto* const still = find_holder(holders_, id)) still->channel_->close("a secret in it is an old one");
}

}  // namespace shallop::instance
