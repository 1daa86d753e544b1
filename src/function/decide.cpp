// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/digest.h>
#include <shallop/base/encoding.h>
#include <shallop/function/resource.h>

#include "function/hints.h"
#include "function/reader.h"

#include <algorithm>
#include <array>

namespace shallop::function {
namespace {

using base::Error;
using base::Fault;

constexpr std::string_view contract_label = "shallop.contract";
constexpr std::string_view protocol_label = "shallop.runtime.protocol";
constexpr std::string_view script_label = "shallop.runtime.script";
constexpr std::string_view protocol = "1";

constexpr int usual_port = 8080;
constexpr int fcgi_port = 9000;
constexpr const char* usual_root = "/var/www/html";  // of PHP's images, and of Debian's servers
constexpr const char* usual_index = "index.php";

bool has_variable(const ImageFacts& image, std::string_view prefix) {
    const auto starts = [&](const std::string& entry) { return entry.starts_with(prefix); };
    return std::any_of(image.env.begin(), image.env.end(), starts);
}

bool has_cgi_options(const Contract& contract) {
    return contract.output != Output::automatic || !contract.document_root.empty() || !contract.script.empty() ||
           (contract.pass_authorization && contract.kind != ContractKind::fcgi);
}

bool has_fcgi_options(const Contract& contract) {
    return (!contract.root.empty() && contract.root != usual_root) ||
           (!contract.index.empty() && contract.index != usual_index);
}

PortHint find_port(const Spec& spec, const ImageFacts& image) {
    auto hint = port_of_variables(spec, image);
    if (hint.port == 0) hint = port_exposed(image);
    if (hint.port != 0) return hint;
    return {usual_port, "neither a variable PORT nor an exposed port says where it listens, so " +
                            std::to_string(usual_port) + " is taken"};
}

/// Why the command of an image without a port is run once per event; and what to say if that is wrong.
std::string reason_for_cgi(const Program& program, const ImageFacts& image) {
    std::string plain = "the image has a command, which is run once per event";
    const std::string how = "say \"contract\": {\"http\": {\"port\": N}} with the port where it listens";
    if (program.kind == ProgramKind::cgi) {
        return "the image runs " + program.name + ", a CGI program, which is run once per event";
    }
    if (program.kind == ProgramKind::fastcgi) {
        return plain + "; " + program.name +
               " speaks FastCGI: say \"contract\": {\"fcgi\": {\"port\": N}} with the port, or \"unix:/path\", where "
               "it listens";
    }
    if (has_variable(image, "LAMBDA_TASK_ROOT=")) {
        return plain + "; it looks made for AWS Lambda, but contract 'lambda' is not available in this version";
    }
    if (const auto exposed = exposed_in_words(image); !exposed.empty()) {
        return plain + "; it exposes " + exposed + ", none of them usual for HTTP: if it is a server, " + how;
    }
    if (program.kind == ProgramKind::http) {
        return plain + "; " + program.name + " is an HTTP server, but the image names no port: " + how;
    }
    return plain;
}

Contract as_cgi(Contract contract, std::string reason) {
    contract.kind = ContractKind::cgi;
    contract.port = 0;
    contract.socket.clear();
    contract.ready_path.clear();
    contract.root.clear();
    contract.index.clear();
    contract.reason = std::move(reason);
    return contract;
}

/// What was not given is as usual.
Contract as_fcgi(Contract contract, std::string reason) {
    contract.kind = ContractKind::fcgi;
    contract.ready_path.clear();
    if (contract.port == 0 && contract.socket.empty()) contract.port = fcgi_port;
    if (contract.root.empty()) contract.root = usual_root;
    if (contract.index.empty()) contract.index = usual_index;
    contract.reason = std::move(reason);
    return contract;
}

Contract as_http(Contract contract, int port, std::string reason) {
    contract.kind = ContractKind::http;
    contract.port = port;
    contract.socket.clear();
    contract.root.clear();
    contract.index.clear();
    contract.pass_authorization = false;
    contract.reason = std::move(reason);
    return contract;
}

/// Why the image is taken for a FastCGI server; "" if it is not. It listens on the usual port.
std::string reason_for_fcgi(const Program& program, const ImageFacts& image, const PortHint& http) {
    if (program.name == "php-fpm") {
        return "the image runs php-fpm, so it is started and requests go to its port 9000 by FastCGI; if it listens "
               "elsewhere, say "
               "\"contract\": {\"fcgi\": {\"port\": N}}";
    }
    const bool other = program.kind == ProgramKind::http || program.kind == ProgramKind::cgi;
    if (other || !exposes(image, fcgi_port) || (http.port != 0 && http.port != fcgi_port)) return {};
    return "the image exposes 9000/tcp, the port of FastCGI, so its server is started and requests go there; if that "
           "speaks HTTP, say "
           "\"contract\": {\"http\": {\"port\": 9000}}";
}

/// By the rules in their order: the function's own options, the image's label, php-fpm, PORT, its exposed ports.
base::Result<Contract> decide_automatic(const Spec& spec, const ImageFacts& image) {
    const auto& given = spec.contract;
    if (has_cgi_options(given)) return as_cgi(given, "options of CGI are given, so the command is run once per event");
    const auto port = find_port(spec, image);
    if (!given.ready_path.empty()) return as_http(given, port.port, "a ready_path is given; " + port.because);
    auto found = given;
    found.port = 0;
    found.socket.clear();
    if (has_fcgi_options(given))
        return as_fcgi(found, "a root or an index of scripts is given; its server is to listen on port 9000");
    if (const auto label = image.labels.find(std::string(contract_label)); label != image.labels.end()) {
        if (label->second == "cgi") return as_cgi(given, "the image's label shallop.contract says so");
        if (label->second == "http") {
            return as_http(given, port.port, "the image's label shallop.contract says so; " + port.because);
        }
        if (label->second == "fcgi") return as_fcgi(found, "the image's label shallop.contract says so");
        return Error(Fault::invalid,
                     "the image's label shallop.contract asks for " + in_quotes(label->second) +
                         ", which is not available in this version; say \"contract\": \"cgi\" to run its "
                         "command once per event, or \"http\" if it is a server",
                     "/contract");
    }
    const auto program = find_program(command_line(spec, image));
    const bool no_server = program.kind == ProgramKind::cgi || program.kind == ProgramKind::fastcgi;
    auto hint = no_server ? PortHint{} : port_of_variables(spec, image);
    const bool lambda = has_variable(image, "LAMBDA_TASK_ROOT=");
    if (hint.port == 0 && !lambda) {
        const auto exposed = port_exposed(image);
        if (auto reason = reason_for_fcgi(program, image, exposed); !reason.empty()) return as_fcgi(found, reason);
        if (!no_server) hint = exposed;
    }
    if (hint.port == 0) return as_cgi(given, reason_for_cgi(program, image));
    return as_http(given, hint.port,
                   hint.because +
                       ", so its server is started and requests go there; say \"contract\": \"cgi\" to run its "
                       "command once per event instead");
}

/// Fills in where the server listens. A reason that came with the port is kept where it is the true one, so that what was read can be put
/// back unchanged; nobody else's words are.
Contract with_port(const Spec& spec, const ImageFacts& image) {
    auto contract = spec.contract;
    const auto found = find_port(spec, image);
    const auto reason = "no port was given: " + found.because;
    if (contract.socket.empty() && (contract.port == 0 || (contract.port == found.port && contract.reason == reason))) {
        return as_http(std::move(contract), found.port, reason);
    }
    contract.reason.clear();
    return contract;
}

/// One script of the runtime's own runs every event.
base::Result<Contract> for_fcgi_runtime(const Spec& spec, std::string script) {
    if (!script.starts_with('/')) {
        return Error(Fault::invalid,
                     "image " + in_quotes(spec.image) + " is no runtime of contract fcgi: its label " +
                         std::string(script_label) + " names no file",
                     "/image");
    }
    auto contract = as_fcgi(spec.contract, "its runtime is a FastCGI server that loads the code");
    contract.port = 0;
    contract.socket = runtime_socket;
    contract.script = std::move(script);
    contract.root.clear();
    contract.index.clear();
    return contract;
}

/// A runtime says by its labels how it is spoken with.
base::Result<Contract> for_source(const Spec& spec, const ImageFacts& image) {
    const auto label = [&](std::string_view name) {
        const auto at = image.labels.find(std::string(name));
        return at == image.labels.end() ? std::string() : at->second;
    };
    if (const auto spoken = label(protocol_label); spoken != protocol) {
        return Error(
            Fault::invalid,
            "image " + in_quotes(spec.image) +
                (spoken.empty() ? " is no runtime: it has no label " : " speaks another protocol by its label ") +
                std::string(protocol_label) + "; build it with the label " + std::string(protocol_label) + "=" +
                std::string(protocol),
            "/image");
    }
    if (!spec.contract.automatic)
        return Error(Fault::invalid, "the runtime says what contract a function from source has: take \"contract\" out",
                     "/contract");
    const auto kind = label(contract_label);
    if (kind == "fcgi") return for_fcgi_runtime(spec, label(script_label));
    auto contract = kind == "cgi" ? as_cgi(spec.contract, "its runtime runs a program for each event")
                                  : as_http(spec.contract, 0, "its runtime is a server that loads the code");
    if (kind != "cgi") contract.socket = runtime_socket;
    return contract;
}

}  // namespace

base::Result<Contract> decide_contract(const Spec& spec, const ImageFacts& image) {
    const auto words = command_line(spec, image);
    if (words.empty() || words.front().empty()) {
        return Error(Fault::invalid,
                     "image " + in_quotes(spec.image) + " has neither an entrypoint nor a command: give \"command\"",
                     "/image");
    }
    if (spec.source) return for_source(spec, image);
    if (spec.contract.automatic) return decide_automatic(spec, image);
    switch (spec.contract.kind) {
        case ContractKind::http:
            return with_port(spec, image);
        case ContractKind::fcgi:
            return as_fcgi(spec.contract, {});
        case ContractKind::cgi:
            break;
    }
    return spec.contract;
}

std::string make_etag(const Spec& spec, const ImageFacts& image, std::int64_t version) {
    const auto text = show_spec(spec) + '\n' + format_image(image) + '\n' + std::to_string(version);
    return base::to_hex(base::sha256(text).substr(0, 8));
}

}  // namespace shallop::function
