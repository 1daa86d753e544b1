// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "cli/complaint.h"

namespace shallop::cli {

/// A member of a function's resource that an apply would change.
struct Change {
    std::string member;  ///< "limits.memory"
    nlohmann::ordered_json from;
    nlohmann::ordered_json to;
};

/// What an apply would do with one function.
struct Step {
    std::string name;
    std::string action;           ///< create, change, none, remove
    std::vector<Change> changes;  ///< of "change"
};

/// The deployer's part of a written resource with every default spelled out and every value in its shortest form, as the daemon answers it:
/// found by the same code as there. Its source is left out. Complaints are those of the daemon.
Result<nlohmann::ordered_json> put_form(const std::string& name, nlohmann::ordered_json resource);

/// What differs between the resource that was written, and the one that the daemon has. Of what the daemon finds out by itself (contract,
/// port, a runtime's image, entry) only that is compared which was written. `code` is the id of the code that was written, "" if it is not known.
Result<std::vector<Change>> differences(const std::string& name, const nlohmann::ordered_json& written,
                                        const std::string& code, const nlohmann::ordered_json& there);

/// The steps as lines for people; `steps` of "none" are counted only.
std::string plan_text(const std::vector<Step>& steps);

/// The same for programs.
nlohmann::ordered_json plan_json(const std::vector<Step>& steps);

}  // namespace shallop::cli
