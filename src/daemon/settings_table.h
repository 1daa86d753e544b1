// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/daemon/settings.h>

namespace shallop::daemon {

/// One setting: the single place that knows its name, default, help and how its text is read.
struct Entry {
    std::string name;   ///< as the flag, without dashes; SHALLOP_NAME in the environment; `name:` in the file
    std::string value;  ///< what the text looks like, for --help
    std::string help;
    bool secret = false;
    std::function<base::Status(Settings&, const std::string&)> set;
    std::function<std::string(const Settings&)> get;
};

const std::vector<Entry>& entries();

}  // namespace shallop::daemon
