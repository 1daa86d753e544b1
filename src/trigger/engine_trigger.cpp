// SPDX-License-Identifier: Apache-2.0
#include <shallop/trigger/engine_trigger.h>

#include <nlohmann/json.hpp>

#include <algorithm>

#include "function/reader.h"
#include "function/words.h"

namespace shallop::trigger {
namespace {

using function::Object;

constexpr std::size_t most_filters = 64;
constexpr std::size_t longest_filter = 256;
constexpr std::size_t longest_name = 63;
constexpr std::size_t short_id = 12;
constexpr const char* daemon_label = "shallop.daemon";

std::vector<std::string> read_list(Object& filters, std::string_view name) {
    auto all = filters.texts(name, most_filters);
    const auto odd = [](const std::string& text) { return text.empty() || text.size() > longest_filter; };
    if (std::any_of(all.begin(), all.end(), odd))
        filters.problem(name, "each of them is a text of 1 to 256 characters");
    return all;
}

void read_filters(Object& resource, EngineFilters& into) {
    const auto* const value = resource.find_set("filters");
    if (value == nullptr) return;
    Object filters(*value, resource.pointer("filters"), resource.problems());
    into.types = read_list(filters, "type");
    into.events = read_list(filters, "event");
    into.labels = read_list(filters, "label");
    into.images = read_list(filters, "image");
    into.containers = read_list(filters, "container");
    filters.finish();
}

const std::string& attribute(const docker::EngineEvent& event, const std::string& name) {
    static const std::string none;
    const auto at = event.attributes.find(name);
    return at == event.attributes.end() ? none : at->second;
}

template <typename F>
bool any_or_none(const std::vector<std::string>& wanted, F fits) {
    return wanted.empty() || std::any_of(wanted.begin(), wanted.end(), fits);
}

bool has_label(const docker::EngineEvent& event, const std::string& label) {
    const auto equals = label.find('=');
    const auto at = event.attributes.find(label.substr(0, equals));
    if (at == event.attributes.end()) return false;
    return equals == label.npos || at->second == label.substr(equals + 1);
}

/// "repository" of "repository:tag"; a port is no tag.
std::string without_tag(const std::string& image) {
    const auto colon = image.rfind(':');
    return colon == image.npos || image.find('/', colon) != image.npos ? image : image.substr(0, colon);
}

bool is_id(const std::string& wanted, const std::string& id) {
    return wanted == id || (wanted.size() >= short_id && id.starts_with(wanted));
}

bool is_image(const docker::EngineEvent& event, const std::string& wanted) {
    const auto is_name = [&](const std::string& name) { return name == wanted || without_tag(name) == wanted; };
    if (event.type == "container") return is_name(attribute(event, "image"));
    return event.type == "image" && (is_name(attribute(event, "name")) || is_name(event.id));
}

bool is_container(const docker::EngineEvent& event, const std::string& wanted) {
    return event.type == "container" && (attribute(event, "name") == wanted || is_id(wanted, event.id));
}

}  // namespace

base::Result<EngineTrigger> parse_engine_trigger(std::string_view json) {
    const auto document = function::parse_strict(json, {64 * 1024, 8});
    if (!document) return document.error();
    function::Problems problems;
    Object resource(*document, "", problems);
    EngineTrigger trigger;
    static const std::vector<std::string_view> types{"engine"};
    if (resource.find("type") == nullptr) resource.problem("type", "say what triggers: \"engine\"");
    resource.word("type", types);
    resource.text("function", trigger.function);
    if (auto complaint = function::check_name(trigger.function, longest_name); !complaint.empty()) {
        if (trigger.function.empty()) complaint = "name the function that is run";
        resource.problem("function", std::move(complaint));
    }
    read_filters(resource, trigger.filters);
    resource.boolean("paused", trigger.paused);
    resource.finish();
    if (problems.first()) return *problems.first();
    return trigger;
}

std::string format_engine_trigger(const EngineTrigger& trigger) {
    nlohmann::ordered_json json;
    json["type"] = "engine";
    json["function"] = trigger.function;
    json["filters"] = nlohmann::ordered_json::object();
    const auto add = [&](const char* name, const std::vector<std::string>& list) {
        if (!list.empty()) json["filters"][name] = list;
    };
    add("type", trigger.filters.types);
    add("event", trigger.filters.events);
    add("label", trigger.filters.labels);
    add("image", trigger.filters.images);
    add("container", trigger.filters.containers);
    json["paused"] = trigger.paused;
    return json.dump();
}

bool matches(const EngineFilters& filters, const docker::EngineEvent& event) {
    const auto type = [&](const std::string& wanted) { return event.type == wanted; };
    const auto action = [&](const std::string& wanted) {
        return event.action == wanted || event.action.starts_with(wanted + ":");
    };
    const auto label = [&](const std::string& wanted) { return has_label(event, wanted); };
    const auto image = [&](const std::string& wanted) { return is_image(event, wanted); };
    const auto container = [&](const std::string& wanted) { return is_container(event, wanted); };
    return any_or_none(filters.types, type) && any_or_none(filters.events, action) &&
           std::all_of(filters.labels.begin(), filters.labels.end(), label) && any_or_none(filters.images, image) &&
           any_or_none(filters.containers, container);
}

bool is_own(const docker::EngineEvent& event, const std::set<std::string>& own) {
    if (event.attributes.contains(daemon_label)) return true;
    return own.contains(event.type == "container" ? event.id : attribute(event, "container"));
}

void note_own(const docker::EngineEvent& event, std::set<std::string>& own) {
    if (event.type != "container" || !event.attributes.contains(daemon_label)) return;
    if (event.action == "destroy") {
        own.erase(event.id);
    } else {
        own.insert(event.id);
    }
}

}  // namespace shallop::trigger
