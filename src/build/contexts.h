// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace shallop::build {

/// What the image shallop-runtime-NAME is built from: a tar with a Dockerfile at its top, linked into the program. Empty where there is none.
std::string_view context_of(std::string_view name);

}  // namespace shallop::build
