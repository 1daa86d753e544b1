// SPDX-License-Identifier: Apache-2.0
#include "queue/sending.h"

#include <shallop/base/encoding.h>
#include <shallop/base/log.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "queue/running.h"

namespace shallop::queue {
namespace {

using base::Error;
using base::Fault;
using Json = nlohmann::ordered_json;

constexpr const char* hops_variable = "SHALLOP_HOPS";

/// `bytes` as text where they are, else in base64 under another name.
void add_body(Json& document, const std::string& bytes) {
    if (base::is_utf8(bytes)) {
        document["body"] = bytes;
    } else {
        document["body_base64"] = base::to_base64(bytes);
    }
}

Json fields_json(const base::Fields& fields) {
    auto json = Json::array();
    for (const auto& field : fields) json.push_back({field.name, field.value});
    return json;
}

Json document_of(const End& end) {
    Json json{{"id", end.row.id},
              {"function", end.row.function},
              {"status", end.ending.state == store::EventState::succeeded ? "succeeded" : "failed"},
              {"fault", end.ending.fault.empty() ? Json() : Json(end.ending.fault)},
              {"detail", end.ending.detail.empty() ? Json() : Json(end.ending.detail)},
              {"attempts", end.row.attempts},
              {"exit_code", end.ending.attempt.exit_code < 0 ? Json() : Json(end.ending.attempt.exit_code)}};
    Json request{{"method", end.event.method}, {"target", end.event.target}, {"fields", fields_json(end.event.fields)}};
    if (end.payload.file.empty()) add_body(request, end.payload.body);
    json["request"] = std::move(request);
    if (end.reply.status == 0) return json;
    Json reply{
        {"status", end.reply.status}, {"fields", Json::parse(end.reply.fields)}, {"truncated", end.reply.truncated}};
    add_body(reply, end.reply.body);
    json["reply"] = std::move(reply);
    return json;
}

/// The field of a kept reply.
std::string field_of(const store::KeptReply& reply, std::string_view name) {
    if (reply.fields.empty()) return {};
    for (const auto& field : Json::parse(reply.fields)) {
        if (base::same_name(field.at(0).get_ref<const std::string&>(), name)) return field.at(1);
    }
    return {};
}

Order with_body(std::string body) {
    Order order;
    order.event.method = "POST";
    order.body.size = body.size();
    order.body.bytes = std::move(body);
    return order;
}

}  // namespace

int hops_of(const function::Event& event) {
    int hops = 0;
    for (const auto& [name, value] : event.variables) {
        if (name == hops_variable) std::from_chars(value.data(), value.data() + value.size(), hops);
    }
    return hops;
}

Order to_destination(const End& end, const function::Destination& to) {
    auto order = with_body(document_of(end).dump(-1, ' ', false, Json::error_handler_t::replace));
    const bool succeeded = end.ending.state == store::EventState::succeeded;
    const auto at = std::chrono::system_clock::time_point(std::chrono::milliseconds(end.ending.attempt.ended));
    order.event.fields = {{"Content-Type", "application/json"},
                          {"ce-specversion", "1.0"},
                          {"ce-id", end.row.id},
                          {"ce-source", "/function/" + end.row.function},
                          {"ce-type", succeeded ? "org.shallop.invocation.succeeded" : "org.shallop.invocation.failed"},
                          {"ce-time", base::format_time(at)}};
    order.event.variables = {{hops_variable, std::to_string(hops_of(end.event) + 1)}};
    if (!to.function.empty()) {
        order.event.function = to.function;
        order.event.target = order.event.script_name = "/function/" + to.function;
        order.event.by_name = true;
        return order;
    }
    order.event.function = deliveries;
    order.event.target = to.url.empty() ? to.file : to.url;
    if (to.url.empty()) order.event.method = to_file;
    return order;
}

Order to_callback(const End& end, const std::string& url) {
    auto order = with_body(end.reply.body);
    const auto type = field_of(end.reply, "Content-Type");
    order.event.function = deliveries;
    order.event.target = url;
    order.event.fields = {{"Content-Type", type.empty() ? "application/octet-stream" : type},
                          {"X-Shallop-Invocation-Id", end.row.id},
                          {"X-Shallop-Function", end.row.function},
                          {"X-Shallop-Status", end.ending.fault.empty() ? "succeeded" : end.ending.fault},
                          {"X-Shallop-Http-Status", std::to_string(end.reply.status)}};
    return order;
}

Status append_line(const std::string& path, std::string line) {
    const auto cannot = [&](const char* what) { return Error(Fault::storage, path + what + std::strerror(errno)); };
    const auto directory = path.substr(0, path.rfind('/'));
    if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return cannot(": its directory cannot be made: ");
    const base::Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return cannot(" cannot be opened: ");
    if (flock(file.get(), LOCK_EX) != 0) return cannot(" cannot be locked: ");  // others append to it meanwhile
    line += '\n';
    const auto before = lseek(file.get(), 0, SEEK_END);
    const auto written = write(file.get(), line.data(), line.size());
    if (written != static_cast<ssize_t>(line.size())) {
        // Not half a line: the next attempt writes all of it.
        if (before >= 0 && ftruncate(file.get(), before) != 0) return cannot(" has half a line: ");
        return cannot(" cannot be written: ");
    }
    if (fsync(file.get()) != 0) return cannot(" cannot be written: ");
    return {};
}

}  // namespace shallop::queue
