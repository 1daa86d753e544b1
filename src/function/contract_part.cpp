// SPDX-License-Identifier: Apache-2.0
// The member "contract" of a resource, in each of its forms.
#include "function/parts.h"
#include "function/words.h"

#include <nlohmann/json.hpp>

namespace shallop::function {
namespace {

constexpr std::string_view unix_prefix = "unix:";

void checked(Object& object, std::string_view name, std::string complaint) {
    if (!complaint.empty()) object.problem(name, std::move(complaint));
}

/// "lambda" and the like are words of the product that this version does not know yet.
void unavailable(Object& object, std::string_view name, std::string_view kind) {
    object.problem(name,
                   "contract " + in_quotes(kind) + " is not available in this version; use 'cgi', 'http' or 'auto'");
}

void read_cgi_options(Object& cgi, Contract& contract) {
    if (const auto output = cgi.word("output", output_words())) contract.output = static_cast<Output>(*output);
    cgi.text("document_root", contract.document_root);
    cgi.text("script", contract.script);
    cgi.boolean("pass_authorization", contract.pass_authorization);
    if (!contract.document_root.empty()) checked(cgi, "document_root", check_path(contract.document_root));
    if (!contract.script.empty()) checked(cgi, "script", check_path(contract.script));
}

/// A number, or "unix:/path"; null leaves it to decide_contract().
void read_port(Object& http, Contract& contract, const ResourceLimits& limits) {
    const auto* const value = http.find_set("port");
    if (value == nullptr) return;
    const bool text = value->is_string();
    if (!text || !value->get_ref<const std::string&>().starts_with(unix_prefix)) {
        if (text || !value->is_number()) {
            return http.problem("port", "give a port from 1 to 65535 as a number, or \"unix:/tmp/fn.sock\"");
        }
        return http.integer("port", contract.port, 1, 65'535);
    }
    contract.socket = value->get<std::string>().substr(unix_prefix.size());
    if (contract.socket.size() > limits.socket_path) {
        return http.problem("port",
                            "a socket's path has at most " + std::to_string(limits.socket_path) + " bytes: shorten it");
    }
    checked(http, "port", check_path(contract.socket));
    if (contract.automatic) {
        http.problem("port", "a socket is never found by itself: say \"contract\": {\"http\": {\"port\": …}}");
    }
}

void read_http_options(Object& http, Contract& contract, const ResourceLimits& limits) {
    read_port(http, contract, limits);
    http.text_or_null("ready_path", contract.ready_path);
    if (!contract.ready_path.empty()) checked(http, "ready_path", check_request_path(contract.ready_path));
}

/// {"cgi": {…}} or {"http": {…}}.
void read_named_options(Object& form, std::string_view name, Contract& contract, const ResourceLimits& limits) {
    Object options(*form.find(name), form.pointer(name), form.problems());
    if (name == "http") {
        contract.kind = ContractKind::http;
        read_http_options(options, contract, limits);
    } else {
        read_cgi_options(options, contract);
    }
    options.finish();
    form.finish();
}

/// The form that GET answers: {"kind":"cgi","auto":true,"reason":"…","output":…}.
void read_explained_contract(Object& form, Contract& contract, const ResourceLimits& limits) {
    contract.automatic = false;
    form.boolean("auto", contract.automatic);
    std::string kind = "cgi";
    form.text("kind", kind);
    if (kind != "cgi" && kind != "http") unavailable(form, "kind", kind);
    std::string reason;
    form.text("reason", reason);
    if (reason.size() > 1024) form.problem("reason", "take it out: the reason is written by the server");
    const bool http = kind == "http";
    if (contract.automatic || http) contract.reason = std::move(reason);
    if (http) {
        contract.kind = ContractKind::http;
        read_http_options(form, contract, limits);
    } else {
        read_cgi_options(form, contract);
    }
    form.finish();
}

}  // namespace

const std::vector<std::string_view>& output_words() {
    static const std::vector<std::string_view> words{"auto", "cgi", "raw", "nph"};
    return words;
}

void read_contract(Object& resource, Contract& contract, const ResourceLimits& limits) {
    const auto* const value = resource.find("contract");
    if (value == nullptr) return;
    if (value->is_string()) {
        const auto& kind = value->get_ref<const std::string&>();
        contract.automatic = kind == "auto";
        if (kind == "http") contract.kind = ContractKind::http;
        if (kind != "auto" && kind != "cgi" && kind != "http") unavailable(resource, "contract", kind);
        return;
    }
    if (!value->is_object()) {
        return resource.problem(
            "contract", "give \"auto\", \"cgi\", \"http\", or {\"cgi\": {…}} or {\"http\": {…}} with its options");
    }
    Object form(*value, resource.pointer("contract"), resource.problems());
    if (value->contains("kind") || value->contains("auto")) return read_explained_contract(form, contract, limits);
    contract.automatic = false;
    for (const std::string_view name : {"cgi", "http"}) {
        if (value->contains(name)) return read_named_options(form, name, contract, limits);
    }
    unavailable(resource, "contract", value->empty() ? std::string() : value->items().begin().key());
}

}  // namespace shallop::function
