// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/folder/code.h>

#include <nlohmann/json.hpp>

#include <chrono>
#include <string>

namespace shallop::folder {

/// The id that the daemon gives this code, so that what is there already is known without sending it; "" where it cannot be told: an archive.
Result<std::string> code_id(const Code& code);

/// What stays the same while no file of the code is written, moved or made a program: so that unchanged code need not be read. "" where a
/// file has changed so shortly before `now` that the next change might not be told from that one.
std::string code_stamp(const Code& code, std::chrono::system_clock::time_point now);

/// The id of the code of a resource whose source has "files" or "code"; "" where it has neither.
std::string code_id(const nlohmann::ordered_json& resource);

}  // namespace shallop::folder
