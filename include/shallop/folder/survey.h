// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/folder/source_function.h>

#include <map>
#include <string>
#include <vector>

namespace shallop::folder {

/// A function of a folder, as its files are now.
struct FoundFunction {
    PlacedFunction placed;
    Result<SourceFunction> function;  ///< or why it cannot be one
    std::string code;                 ///< the id of its code; "" where that cannot be told: an archive
    std::string seen;                 ///< another one whenever its code, its settings or its place are others
};

struct Survey {
    std::vector<FoundFunction> functions;  ///< in the order of their names
    PlacedFunctions places;                ///< all else; its `functions` are empty
};

/// Looks again and again at what functions a folder has. Files are read where they changed since the look before.
class Surveyor {
public:
    /// Where it is confined, a function's code is nowhere but in the folder, whatever its settings and links in it say.
    enum class Reach { confined, anywhere };

    Surveyor(std::string folder, Reach reach) : folder_(std::move(folder)), reach_(reach) {}

    Survey look();

private:
    struct Known {
        std::string stamp, id;
    };
    FoundFunction read(PlacedFunction placed);
    Done check_reach(const Code& code) const;
    Result<std::string> id_of(const Code& code, const std::string& name);

    std::string folder_;
    Reach reach_;
    std::map<std::string, Known> known_;  ///< by function
};

}  // namespace shallop::folder
