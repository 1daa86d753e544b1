// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>

#include "function/reader.h"

#include <nlohmann/json.hpp>

namespace shallop::function {
namespace {

constexpr JsonLimits stored_image{2 * 1024 * 1024, 4};
constexpr std::size_t most_words = 100'000;  // what the size allows is what counts

}  // namespace

std::string format_image(const ImageFacts& image) {
    Json json;
    json["id"] = image.id;
    json["entrypoint"] = image.entrypoint;
    json["cmd"] = image.cmd;
    json["working_dir"] = image.working_dir;
    json["user"] = image.user;
    json["env"] = image.env;
    json["exposed_ports"] = image.exposed_ports;
    json["labels"] = image.labels;
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<ImageFacts> parse_image(std::string_view json) {
    const auto document = parse_strict(json, stored_image);
    if (!document) return document.error();
    Problems problems;
    Object object(*document, "", problems);
    ImageFacts image;
    object.text("id", image.id);
    image.entrypoint = object.texts("entrypoint", most_words);
    image.cmd = object.texts("cmd", most_words);
    object.text("working_dir", image.working_dir);
    object.text("user", image.user);
    image.env = object.texts("env", most_words);
    image.exposed_ports = object.texts("exposed_ports", most_words);
    if (const auto* const labels = object.find_set("labels")) {
        Object texts(*labels, "/labels", problems);
        if (labels->is_object()) {
            for (const auto& [name, value] : labels->items()) texts.text(name, image.labels[name]);
        }
    }
    object.finish();
    if (problems.first()) return *problems.first();
    return image;
}

}  // namespace shallop::function
