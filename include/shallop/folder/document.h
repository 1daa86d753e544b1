// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/folder/complaint.h>

#include <nlohmann/json.hpp>

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::folder {

using Json = nlohmann::ordered_json;

/// The objects of a text: JSON where it starts with '{', else YAML, of which it may hold several documents. `from` is its file, for complaints.
Result<std::vector<Json>> parse_documents(std::string_view text, const std::string& from);

/// All of a stream or a file, within the bounds of what people write.
Result<std::string> read_text(std::istream& stream, const std::string& from);
Result<std::string> read_text(const std::string& path);

/// The resource that stands beside the code in `folder`, in shallop.yaml or shallop.yml: it need not have a name. Null where there is no such
/// file.
Result<Json> read_folder_manifest(const std::string& folder);

}  // namespace shallop::folder
