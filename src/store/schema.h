// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/sqlite.h"

namespace shallop::store {

/// The schema this version writes: the number of its migrations.
std::int64_t newest_schema();

/// Brings the database from `from` to newest_schema(), one transaction a step. What is done stays done if a later step fails.
Outcome<void> migrate(Connection& connection, std::int64_t from);

}  // namespace shallop::store
