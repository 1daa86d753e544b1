// SPDX-License-Identifier: Apache-2.0
#include "cli/plan.h"

#include <shallop/function/resource.h>

#include <algorithm>

#include "cli/print.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* any_image = "runtime";  ///< stands for the image that a source function's runtime will be

const Json& member(const Json& object, const char* name) {
    static const Json nothing;
    const auto found = object.is_object() ? object.find(name) : object.end();
    return !object.is_object() || found == object.end() ? nothing : *found;
}

/// Null, "" and what is not there are the same to a resource.
bool is_unset(const Json& value) {
    return value.is_null() || (value.is_string() && value.get_ref<const std::string&>().empty());
}

/// Adds what differs below `path`: objects by their members, anything else as a whole.
void compare(const Json& wanted, const Json& there, const std::string& path, std::vector<Change>& changes) {
    if (wanted == there || (is_unset(wanted) && is_unset(there))) return;
    if (!wanted.is_object() || !there.is_object()) {
        changes.push_back({path, there, wanted});
        return;
    }
    for (const auto& [name, value] : wanted.items()) {
        compare(value, member(there, name.c_str()), path + "." + name, changes);
    }
    for (const auto& [name, value] : there.items()) {
        if (!wanted.contains(name)) compare(Json(), value, path + "." + name, changes);
    }
}

/// A contract that the daemon decides is compared by what was given to it, as is a port that it found.
void compare_contract(Json wanted, Json there, std::vector<Change>& changes) {
    const bool automatic = wanted.value("auto", false) && there.value("auto", false);
    for (auto* const contract : {&wanted, &there}) {
        contract->erase("reason");
        if (automatic) contract->erase("kind");
    }
    const auto drop_found = [&](const char* name) {
        if (is_unset(member(wanted, name))) there.erase(name);
    };
    drop_found("port");
    if (automatic) {  // options of the kind that was not decided for
        for (const auto* const name : {"output", "document_root", "script", "pass_authorization", "ready_path"}) {
            if (!there.contains(name)) wanted.erase(name);
            if (!wanted.contains(name) && is_unset(member(there, name))) there.erase(name);
        }
    }
    compare(wanted, there, "contract", changes);
}

void compare_source(const Json& wanted, const std::string& code, const Json& there, std::vector<Change>& changes) {
    if (!wanted.is_object() || !there.is_object()) {
        if (wanted.is_object()) changes.push_back({"source", there, "from files"});
        if (there.is_object()) changes.push_back({"source", "from files", wanted});
        return;
    }
    for (const auto* const name : {"runtime", "entry"}) {
        if (!is_unset(member(wanted, name)))
            compare(member(wanted, name), member(there, name), std::string("source.") + name, changes);
    }
    for (const auto* const name : {"handler", "routes"})
        compare(member(wanted, name), member(there, name), std::string("source.") + name, changes);
    const auto was = member(there, "code");
    if (code.empty()) {
        changes.push_back({"source.code", was, "what is sent"});
    } else if (was != code) {
        changes.push_back({"source.code", was, code});
    }
}

/// Long values, such as the id of code, in their beginning.
std::string shown(const Json& value) {
    constexpr std::size_t longest = 60;
    if (value.is_null()) return "nothing";
    auto text = printable(value.is_string() ? value.get<std::string>()
                                            : value.dump(-1, ' ', false, Json::error_handler_t::replace));
    if (text.starts_with("sha256:")) return text.substr(0, 7 + 12);
    if (text.size() <= longest) return text;
    auto end = longest;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end) + "…";
}

}  // namespace

Result<Json> put_form(const std::string& name, Json resource) {
    const bool source = !is_unset(member(resource, "source"));
    resource.erase("source");
    const bool own_image = !source || !is_unset(member(resource, "image"));
    if (!own_image) resource["image"] = any_image;
    const auto text = resource.dump(-1, ' ', false, Json::error_handler_t::replace);
    const auto spec = function::parse_resource(text, name);
    if (!spec) {
        const auto& error = spec.error();
        const auto where = error.pointer.empty() ? "" : " (at " + error.pointer + ")";
        return Complaint{error.detail + where, "correct that member and try again"};
    }
    auto form = Json::parse(function::show_spec(*spec));
    form.erase("name");
    form.erase("source");
    if (!own_image) form["image"] = nullptr;
    return form;
}

Result<std::vector<Change>> differences(const std::string& name, const Json& written, const std::string& code,
                                        const Json& there) {
    auto form = put_form(name, written);
    if (!form) return form.error();
    std::vector<Change> changes;
    const auto told = member(member(written, "source"), "routes");
    if (told == "application" && member(member(there, "source"), "routes") == told) form->erase("routes");
    compare_source(member(written, "source"), code, member(there, "source"), changes);
    for (const auto& [key, wanted] : form->items()) {
        if (!there.contains(key)) continue;  // a daemon of another version has no such member
        const auto& now = there.at(key);
        if (key == "contract" && now.is_object()) {
            compare_contract(wanted, now, changes);
        } else if (key == "image" && wanted.is_null()) {
            const auto runtime = member(member(there, "source"), "runtime");
            const auto usual = runtime.is_string() ? "shallop-runtime-" + runtime.get<std::string>() + ":latest" : "";
            const bool ours = now == usual || (runtime == function::dockerfile_runtime && now.is_string() &&
                                               function::is_built_for(now.get<std::string>(), name));
            if (!ours && member(there, "source").is_object()) changes.push_back({key, now, "the runtime's"});
        } else {
            compare(wanted, now, key, changes);
        }
    }
    return changes;
}

std::string plan_text(const std::vector<Step>& steps) {
    std::string text;
    std::size_t same = 0;
    for (const auto& step : steps) {
        if (step.action == "none") {
            ++same;
            continue;
        }
        text += step.action + "  " + printable(step.name) + "\n";
        for (const auto& change : step.changes) {
            text +=
                "          " + printable(change.member) + ": " + shown(change.from) + " → " + shown(change.to) + "\n";
        }
    }
    if (same == steps.size()) return "nothing to do: what is written is what is there (" + std::to_string(same) + ")\n";
    if (same > 0) text += "none    " + std::to_string(same) + (same == 1 ? " other\n" : " others\n");
    return text;
}

Json plan_json(const std::vector<Step>& steps) {
    auto all = Json::array();
    for (const auto& step : steps) {
        auto changes = Json::array();
        for (const auto& change : step.changes) {
            changes.push_back({{"member", change.member}, {"from", change.from}, {"to", change.to}});
        }
        all.push_back({{"name", step.name}, {"action", step.action}, {"changes", std::move(changes)}});
    }
    return all;
}

}  // namespace shallop::cli
