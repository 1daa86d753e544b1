// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/folder/code.h>

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

#include "cli/complaint.h"

namespace shallop::cli {

using folder::Code;
using folder::CodeFile;
using folder::CodeLimits;
using folder::File;

/// The files as the member "files" of a resource's source has them; nothing where that cannot hold them: programs, what is no UTF-8 text,
/// more than fits into a resource.
Result<std::optional<nlohmann::ordered_json>> inline_files(const Code& code);

/// What is sent for `code`, from its start.
struct Upload {
    File file;
    std::string type;       ///< the media type
    std::string file_name;  ///< of a single file, else ""
};

/// A folder becomes a tar, the same for the same content; the rest is sent as it is.
Result<Upload> open_upload(const Code& code, const CodeLimits& limits = {});

}  // namespace shallop::cli
