// SPDX-License-Identifier: Apache-2.0
#include "queue/codec.h"

#include <nlohmann/json.hpp>

namespace shallop::queue {
namespace {

using Json = nlohmann::ordered_json;
using Pairs = std::vector<std::pair<std::string, std::string>>;

Json pairs_json(const Pairs& pairs) {
    auto json = Json::array();
    for (const auto& [name, value] : pairs) {
        json.push_back(name);
        json.push_back(value);
    }
    return json;
}

Pairs read_pairs(const Json& json) {
    Pairs pairs;
    for (std::size_t at = 0; at + 1 < json.size(); at += 2)
        pairs.emplace_back(json[at].get<std::string>(), json[at + 1].get<std::string>());
    return pairs;
}

}  // namespace

std::string write_head(const function::Event& event) {
    auto fields = Json::array();
    for (const auto& field : event.fields) {
        fields.push_back(field.name);
        fields.push_back(field.value);
    }
    const Json json{{"method", event.method},
                    {"target", event.target},
                    {"script", event.script_name},
                    {"path", event.path_info},
                    {"by_name", event.by_name},
                    {"query", event.query},
                    {"protocol", event.protocol},
                    {"scheme", event.scheme},
                    {"server", event.server_name},
                    {"port", event.server_port},
                    {"remote", event.remote_addr},
                    {"remote_port", event.remote_port},
                    {"fields", std::move(fields)},
                    {"parameters", pairs_json(event.parameters)},
                    {"variables", pairs_json(event.variables)}};
    std::string bytes;
    Json::to_cbor(json, bytes);
    return bytes;
}

base::Result<function::Event> read_head(std::string_view head) {
    try {
        const auto json = Json::from_cbor(head.begin(), head.end());
        function::Event event;
        event.method = json.at("method").get<std::string>();
        event.target = json.at("target").get<std::string>();
        event.script_name = json.at("script").get<std::string>();
        event.path_info = json.at("path").get<std::string>();
        event.by_name = json.at("by_name").get<bool>();
        event.query = json.at("query").get<std::string>();
        event.protocol = json.at("protocol").get<std::string>();
        event.scheme = json.at("scheme").get<std::string>();
        event.server_name = json.at("server").get<std::string>();
        event.server_port = json.at("port").get<std::uint16_t>();
        event.remote_addr = json.at("remote").get<std::string>();
        event.remote_port = json.at("remote_port").get<std::uint16_t>();
        for (auto& [name, value] : read_pairs(json.at("fields")))
            event.fields.push_back({std::move(name), std::move(value)});
        event.parameters = read_pairs(json.at("parameters"));
        event.variables = read_pairs(json.at("variables"));
        return event;
    } catch (const Json::exception& broken) {
        return base::Error(base::Fault::storage, std::string("a queued event cannot be read: ") + broken.what());
    }
}

std::string write_fields(const base::Fields& fields) {
    auto json = Json::array();
    for (const auto& field : fields) json.push_back({field.name, field.value});
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace shallop::queue
