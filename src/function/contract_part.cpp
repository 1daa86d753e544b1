// SPDX-License-Identifier: Apache-2.0
// The member "contract" of a resource, in each of its forms.
#include "function/parts.h"
#include "function/words.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace shallop::function {
namespace {

constexpr std::string_view unix_prefix = "unix:";

void checked(Object& object, std::string_view name, std::string complaint) {
    if (!complaint.empty()) object.problem(name, std::move(complaint));
}

/// "lambda" and the like are words of the product that this version does not know yet.
void unavailable(Object& object, std::string_view name, std::string_view kind) {
    object.problem(
        name, "contract " + in_quotes(kind) + " is not available in this version; use 'cgi', 'http', 'fcgi' or 'auto'");
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
void read_port(Object& options, std::string_view kind, Contract& contract, const ResourceLimits& limits) {
    const auto* const value = options.find_set("port");
    if (value == nullptr) return;
    const bool text = value->is_string();
    if (!text || !value->get_ref<const std::string&>().starts_with(unix_prefix)) {
        if (text || !value->is_number()) {
            return options.problem("port", "give a port from 1 to 65535 as a number, or \"unix:/tmp/fn.sock\"");
        }
        return options.integer("port", contract.port, 1, 65'535);
    }
    contract.socket = value->get<std::string>().substr(unix_prefix.size());
    if (contract.socket.size() > limits.socket_path) {
        return options.problem(
            "port", "a socket's path has at most " + std::to_string(limits.socket_path) + " bytes: shorten it");
    }
    checked(options, "port", check_path(contract.socket));
    if (contract.automatic) {
        options.problem("port", "a socket is never found by itself: say \"contract\": {\"" + std::string(kind) +
                                    "\": {\"port\": …}}");
    }
}

void read_http_options(Object& http, Contract& contract, const ResourceLimits& limits) {
    read_port(http, "http", contract, limits);
    http.text_or_null("ready_path", contract.ready_path);
    if (!contract.ready_path.empty()) checked(http, "ready_path", check_request_path(contract.ready_path));
}

void read_fcgi_options(Object& fcgi, Contract& contract, const ResourceLimits& limits) {
    read_port(fcgi, "fcgi", contract, limits);
    fcgi.text_or_null("root", contract.root);
    fcgi.text_or_null("index", contract.index);
    fcgi.boolean("pass_authorization", contract.pass_authorization);
    if (!contract.root.empty()) checked(fcgi, "root", check_path(contract.root));
    if (!contract.index.empty()) checked(fcgi, "index", check_file(contract.index));
}

void read_options(Object& options, Contract& contract, const ResourceLimits& limits) {
    switch (contract.kind) {
        case ContractKind::cgi:
            return read_cgi_options(options, contract);
        case ContractKind::http:
            return read_http_options(options, contract, limits);
        case ContractKind::fcgi:
            return read_fcgi_options(options, contract, limits);
    }
}

std::optional<ContractKind> find_kind(std::string_view word) {
    const auto& words = kind_words();
    const auto at = std::find(words.begin(), words.end(), word);
    if (at == words.end()) return std::nullopt;
    return static_cast<ContractKind>(at - words.begin());
}

/// {"cgi": {…}}, {"http": {…}} or {"fcgi": {…}}.
void read_named_options(Object& form, std::string_view name, Contract& contract, const ResourceLimits& limits) {
    Object options(*form.find(name), form.pointer(name), form.problems());
    contract.kind = find_kind(name).value_or(contract.kind);
    read_options(options, contract, limits);
    options.finish();
    form.finish();
}

/// The form that GET answers: {"kind":"cgi","auto":true,"reason":"…","output":…}.
void read_explained_contract(Object& form, Contract& contract, const ResourceLimits& limits) {
    contract.automatic = false;
    form.boolean("auto", contract.automatic);
    std::string word = "cgi";
    form.text("kind", word);
    const auto kind = find_kind(word);
    if (!kind) unavailable(form, "kind", word);
    contract.kind = kind.value_or(contract.kind);
    std::string reason;
    form.text("reason", reason);
    if (reason.size() > 1024) form.problem("reason", "take it out: the reason is written by the server");
    if (contract.automatic || contract.kind == ContractKind::http) contract.reason = std::move(reason);
    read_options(form, contract, limits);
    form.finish();
}

}  // namespace

const std::vector<std::string_view>& output_words() {
    static const std::vector<std::string_view> words{"auto", "cgi", "raw", "nph"};
    return words;
}

const std::vector<std::string_view>& kind_words() {
    static const std::vector<std::string_view> words{"cgi", "http", "fcgi"};
    return words;
}

void read_contract(Object& resource, Contract& contract, const ResourceLimits& limits) {
    const auto* const value = resource.find("contract");
    if (value == nullptr) return;
    if (value->is_string()) {
        const auto& word = value->get_ref<const std::string&>();
        const auto kind = find_kind(word);
        contract.automatic = word == "auto";
        contract.kind = kind.value_or(contract.kind);
        if (!contract.automatic && !kind) unavailable(resource, "contract", word);
        return;
    }
    if (!value->is_object()) {
        return resource.problem("contract",
                                "give \"auto\", \"cgi\", \"http\", \"fcgi\", or one of them with its options: "
                                "{\"http\": {\"port\": 8080}}");
    }
    Object form(*value, resource.pointer("contract"), resource.problems());
    if (value->contains("kind") || value->contains("auto")) return read_explained_contract(form, contract, limits);
    contract.automatic = false;
    for (const auto name : kind_words()) {
        if (value->contains(name)) return read_named_options(form, name, contract, limits);
    }
    unavailable(resource, "contract", value->empty() ? std::string() : value->items().begin().key());
}

}  // namespace shallop::function
