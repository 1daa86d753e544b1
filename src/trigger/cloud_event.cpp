// SPDX-License-Identifier: Apache-2.0
// Events of the engine as CloudEvents (cloudevents.io, version 1.0), in the binary mode of its HTTP binding.
#include <shallop/base/log.h>
#include <shallop/trigger/engine_trigger.h>

#include <array>
#include <cstdio>

namespace shallop::trigger {
namespace {

constexpr std::size_t longest_value = 256;
constexpr std::size_t longest_key = 255;

/// A value of a ce- field: percent-encoded as section 3.1.3.2 of the binding says, and bounded.
std::string field_value(std::string_view text) {
    std::string encoded;
    for (const char c : text.substr(0, longest_value)) {
        if (c > ' ' && c < 0x7f && c != '"' && c != '%') {
            encoded += c;
        } else {
            std::array<char, 4> hex{};
            std::snprintf(hex.data(), hex.size(), "%%%02X", static_cast<unsigned char>(c));
            encoded += hex.data();
        }
    }
    return encoded;
}

/// RFC 3339 with all nine digits that the engine gives.
std::string time_of(std::int64_t nano) {
    const auto seconds = std::chrono::system_clock::time_point(std::chrono::seconds(nano / 1'000'000'000));
    const auto text = base::format_time(seconds);
    std::array<char, 16> fraction{};
    std::snprintf(fraction.data(), fraction.size(), ".%09dZ", static_cast<int>(nano % 1'000'000'000));
    return text.substr(0, text.find_first_of(".Z")) + fraction.data();
}

/// "exec_start: sh -c …" is exec_start; what comes after it is in the body.
std::string_view word_of(std::string_view action) { return action.substr(0, action.find(':')); }

/// What it is about, in people's words where it has some.
const std::string& subject_of(const docker::EngineEvent& event) {
    const auto name = event.attributes.find("name");
    return name == event.attributes.end() || name->second.empty() ? event.id : name->second;
}

}  // namespace

queue::Order order_for(const EngineTrigger& trigger, const docker::EngineEvent& event, const std::string& engine) {
    const auto id = field_value(std::to_string(event.time_nano) + ":" + event.id + ":" + event.action);
    queue::Order order;
    order.origin = "engine:" + trigger.id;
    order.idempotency_key = ("engine:" + trigger.id + ":" + id).substr(0, longest_key);
    order.body.bytes = event.json;
    order.body.size = event.json.size();
    auto& request = order.event;
    request.function = trigger.function;
    request.method = "POST";
    request.script_name = "/function/" + trigger.function;
    request.path_info = "/";
    request.target = request.script_name + "/";
    request.by_name = true;
    request.server_name = "localhost";
    request.remote_addr = "127.0.0.1";
    request.content_length = event.json.size();
    request.fields = {{"Content-Type", "application/json"},
                      {"ce-specversion", "1.0"},
                      {"ce-id", id},
                      {"ce-source", field_value("docker:" + engine)},
                      {"ce-type", field_value("com.docker." + event.type + "." + std::string(word_of(event.action)))},
                      {"ce-time", time_of(event.time_nano)}};
    if (!subject_of(event).empty()) request.fields.push_back({"ce-subject", field_value(subject_of(event))});
    return order;
}

}  // namespace shallop::trigger
