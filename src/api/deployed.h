// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "api/endpoint.h"

namespace shallop::api {

/// What the call's If-Match and If-None-Match claim.
registry::Precondition precondition(const Call& call);

/// The whole resource, with 201 and its Location where it is new.
Result<Answer> deployed_answer(const Result<registry::Deployed>& deployed);

}  // namespace shallop::api
