// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "function/reader.h"

#include <shallop/function/resource.h>

/// The members of a resource that are more than a text, each read from its Object.
namespace shallop::function {

void read_source(Object& resource, std::optional<Source>& source, const ResourceLimits& limits);
void read_contract(Object& resource, Contract& contract, const ResourceLimits& limits);
void read_routes(Object& resource, std::vector<Route>& routes, const ResourceLimits& limits);
/// A route's "signature": absent and null are none.
void read_signature(Object& route, std::optional<Signature>& signature);
void read_env(Object& resource, std::map<std::string, std::string>& env, const ResourceLimits& limits);
void read_mounts(Object& resource, std::vector<Mount>& mounts, const ResourceLimits& limits);
void read_capabilities(Object& resource, std::vector<std::string>& capabilities);
void read_secrets(Object& resource, std::vector<SecretFile>& secrets, const ResourceLimits& limits);
void read_gpus(Object& resource, Gpus& gpus, const ResourceLimits& limits);
void read_limits(Object& resource, Limits& limits);
void read_scale(Object& resource, Scale& scale);
void read_async(Object& resource, Async& async, const ResourceLimits& limits);

/// The spellings of an enumerator, in the enum's order.
const std::vector<std::string_view>& kind_words();
const std::vector<std::string_view>& output_words();
const std::vector<std::string_view>& mount_words();
const std::vector<std::string_view>& scheme_words();

/// Whether a time is signed too.
bool has_time(const Signature& signature);

}  // namespace shallop::function
