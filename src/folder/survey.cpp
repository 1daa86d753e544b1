// SPDX-License-Identifier: Apache-2.0
#include <shallop/folder/code_id.h>
#include <shallop/folder/document.h>
#include <shallop/folder/survey.h>

#include <chrono>
#include <filesystem>
#include <set>

namespace shallop::folder {

namespace fs = std::filesystem;

Survey Surveyor::look() {
    Survey survey;
    survey.places = functions_in(folder_);
    std::set<std::string> names;
    for (auto& placed : survey.places.functions) {
        names.insert(placed.name);
        survey.functions.push_back(read(std::move(placed)));
    }
    survey.places.functions.clear();
    std::erase_if(known_, [&](const auto& entry) { return !names.contains(entry.first); });
    return survey;
}

FoundFunction Surveyor::read(PlacedFunction placed) {
    FoundFunction found{std::move(placed), Complaint(), "", ""};
    found.function = source_function_of(found.placed);
    if (!found.function) return found;
    const auto& function = *found.function;
    auto id = check_reach(function.code) ? id_of(function.code, function.name) : check_reach(function.code).error();
    if (!id) {
        found.function = id.error();
        return found;
    }
    found.code = std::move(*id);
    const auto stamp =
        found.code.empty() ? code_stamp(function.code, std::chrono::system_clock::time_point::max()) : "";
    found.seen = found.code + stamp + function.source.dump(-1, ' ', false, Json::error_handler_t::replace) +
                 function.settings.dump(-1, ' ', false, Json::error_handler_t::replace) + found.placed.path;
    return found;
}

Result<std::string> Surveyor::id_of(const Code& code, const std::string& name) {
    const auto stamp = code_stamp(code, std::chrono::system_clock::now());
    auto& known = known_[name];
    if (!stamp.empty() && stamp == known.stamp) return known.id;
    auto id = code_id(code);
    if (id) known = {stamp, *id};
    return id;
}

Done Surveyor::check_reach(const Code& code) const {
    if (reach_ == Reach::anywhere) return {};
    std::error_code failed;
    const auto folder = fs::canonical(folder_, failed).string() + "/";
    const auto place = fs::canonical(code.place, failed).string();
    if (!failed && place.starts_with(folder)) return {};
    return Complaint{code.place + " is not in the folder of functions (at /source/path)",
                     "put the code there: a server reads no other files for it"};
}

}  // namespace shallop::folder
