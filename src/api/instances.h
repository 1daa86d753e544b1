// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/api/admin.h>

#include "api/endpoint.h"

#include <string>

namespace shallop::api {

/// All instances of a function, oldest first.
Answer list_instances(const Instances& instances, const std::string& function);

/// 204 for one that had nothing to end, else 202 with what it is now. Faults: not_found.
Result<Answer> retire_instance(const Instances& instances, const std::string& function, const std::string& id);

}  // namespace shallop::api
