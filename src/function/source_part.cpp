// SPDX-License-Identifier: Apache-2.0
// The member "source" of a resource, and what a runtime is told of it.
#include "function/parts.h"
#include "function/words.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <tuple>

namespace shallop::function {
namespace {

constexpr std::string_view code_prefix = "sha256:";
constexpr std::string_view built_prefix = "shallop-function-";
constexpr std::size_t code_size = code_prefix.size() + 64;
constexpr std::size_t longest_path = 1024;
constexpr std::size_t longest_handler = 256;
constexpr std::size_t longest_error = 8 * 1024;

std::string check_code(std::string_view id) {
    const auto digits = id.substr(std::min(id.size(), code_prefix.size()));
    const bool hex = digits.find_first_not_of("0123456789abcdef") == digits.npos;
    if (id.size() == code_size && id.starts_with(code_prefix) && hex) return "";
    return "give the id of code that was uploaded, as a GET of the function shows it: sha256: and 64 digits";
}

std::string check_text(std::string_view text, std::size_t longest) {
    const bool control = std::any_of(text.begin(), text.end(), [](char c) { return c >= 0 && c < ' '; });
    if (control) return "take out the control characters";
    return text.size() > longest ? "give at most " + std::to_string(longest) + " bytes" : "";
}

void read_files(Object& source, Source& into, const ResourceLimits& limits) {
    const auto* const files = source.find_set("files");
    if (files == nullptr) return;
    if (!files->is_object() || files->empty())
        return source.problem("files", "give an object of texts, such as {\"main.py\": \"print('hello')\"}");
    if (files->size() > limits.source_files)
        return source.problem("files",
                              "give at most " + std::to_string(limits.source_files) + " files; more can be uploaded");
    for (const auto& [path, text] : files->items()) {
        auto complaint = check_text(path, longest_path);
        if (complaint.empty() && !text.is_string()) complaint = "give a text: a file's content in quotes";
        if (!complaint.empty()) return source.problems().add(append_pointer(source.pointer("files"), path), complaint);
        into.files.emplace(path, text.get<std::string>());
    }
}

/// What is in the image is not for the daemon to load.
void check_build(Source& source, Object& form) {
    if (source.entry.empty()) source.entry = dockerfile;
    if (source.entry != dockerfile)
        form.problem("entry", "the image is made by the Dockerfile at the top: leave it out");
    if (!source.handler.empty()) form.problem("handler", "what a Dockerfile makes is an image, which has no handler");
    if (source.own_routes) form.problem("routes", "what a Dockerfile makes tells no routes: give \"routes\" instead");
}

void checked(Object& object, std::string_view name, std::string complaint) {
    if (!complaint.empty()) object.problem(name, std::move(complaint));
}

/// A name that ends in '*' stands for all that begin so. What is there late does not act: an instance that waits for code runs already.
constexpr std::array<std::string_view, 20> read_at_start{
    "BUNDLE_*",  "GEM_*",  "GLIBC_TUNABLES", "LANG",  "LANGUAGE", "LC_*",    "LD_*",  "LOCPATH", "MALLOC_*", "NODE_*",
    "OPENSSL_*", "PERL5*", "PERLLIB",        "PHPRC", "PHP_INI*", "PYTHON*", "RUBY*", "TZ",      "TZDIR",    "UV_*"};

/// Of what an instance's processes get, what its interpreter and the C library read before any code is loaded.
std::map<std::string, std::string> start_of(const std::map<std::string, std::string>& env) {
    std::map<std::string, std::string> start;
    const auto is_read = [](std::string_view name) {
        return std::any_of(read_at_start.begin(), read_at_start.end(), [&](std::string_view one) {
            return one.ends_with('*') ? name.starts_with(one.substr(0, one.size() - 1)) : name == one;
        });
    };
    std::copy_if(env.begin(), env.end(), std::inserter(start, start.end()),
                 [&](const auto& variable) { return is_read(variable.first); });
    return start;
}

}  // namespace

void read_source(Object& resource, std::optional<Source>& into, const ResourceLimits& limits) {
    const auto* const value = resource.find_set("source");
    if (value == nullptr) return;
    auto& source = into.emplace();
    Object form(*value, resource.pointer("source"), resource.problems());
    form.text_or_null("runtime", source.runtime);
    form.text_or_null("entry", source.entry);
    form.text_or_null("handler", source.handler);
    form.text_or_null("code", source.code);
    form.text_or_null("packages", source.packages);
    form.text_or_null("kind", source.kind);
    static const std::vector<std::string_view> whose{"application"};
    if (form.find_set("routes") != nullptr) source.own_routes = form.word("routes", whose).has_value();
    if (!source.runtime.empty()) checked(form, "runtime", check_name(source.runtime, limits.name_length));
    checked(form, "entry", check_text(source.entry, longest_path));
    checked(form, "handler", check_text(source.handler, longest_handler));
    checked(form, "kind", check_text(source.kind, longest_handler));
    if (!source.code.empty()) checked(form, "code", check_code(source.code));
    if (!source.packages.empty()) checked(form, "packages", check_code(source.packages));
    read_files(form, source, limits);
    form.finish();
    if (source.code.empty() == source.files.empty())
        form.problem("files", "give either \"files\" or the \"code\" of an earlier upload");
    if (source.runtime == dockerfile_runtime) check_build(source, form);
}

std::string format_specialize(const Function& function) {
    const auto& spec = function.spec;
    nlohmann::ordered_json json;
    json["protocol"] = 1;
    json["function"] = spec.name;
    json["version"] = function.version;
    json["code"] = code_directory;
    json["entry"] = spec.source->entry;
    json["handler"] = spec.source->handler;
    json["env"] = spec.env.empty() ? nlohmann::ordered_json::object() : nlohmann::ordered_json(spec.env);
    json["concurrency"] = spec.scale.concurrency;
    json["timeout_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(spec.limits.timeout).count();
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

base::Result<Announced> parse_announced(std::string_view answer) {
    Announced announced;
    const auto json = Json::parse(answer, nullptr, false);
    if (!json.is_object()) return announced;
    const auto text = [&](const char* name) {
        const auto at = json.find(name);
        return at != json.end() && at->is_string() ? at->get<std::string>().substr(0, longest_handler) : std::string();
    };
    announced.kind = text("kind");
    announced.handler = text("handler");
    const auto routes = json.find("routes");
    if (routes == json.end()) return announced;
    Problems problems;
    const Json only{{"routes", *routes}};
    Object object(only, "", problems);
    read_routes(object, announced.routes, ResourceLimits());
    for (auto& route : announced.routes) route.signature.reset();  // a secret is the deployer's to give
    if (const auto& problem = problems.first())
        return base::Error(base::Fault::invalid, "the application tells a route that is none: " + problem->detail,
                           "/source" + problem->pointer);
    return announced;
}

base::Error specialize_error(std::string_view answer) {
    base::Error error(base::Fault::function_failed, "the function's code cannot be loaded; its log says why");
    const auto json = Json::parse(answer, nullptr, false);
    const auto text = [&](const char* name) {
        const auto at = json.is_object() ? json.find(name) : json.end();
        return at != json.end() && at->is_string() ? at->get<std::string>().substr(0, longest_error) : std::string();
    };
    error.log = text("error");
    if (error.log.empty()) error.log = "the runtime could not load the code, and did not say why";
    if (const auto detail = text("detail"); !detail.empty()) error.log += "\n" + detail;
    return error;
}

std::string built_image(const std::string& function, const std::string& owner, const std::string& code) {
    constexpr std::size_t told = 16;  // digits: enough for the codes of one function
    return std::string(built_prefix) + function + ":" + owner + "-" +
           code.substr(std::min(code.size(), code_prefix.size()), told);
}

bool is_built_for(std::string_view image, const std::string& function) {
    return image.starts_with(std::string(built_prefix) + function + ":");
}

bool is_built_by(std::string_view image, const std::string& owner) {
    constexpr std::string_view here = "localhost/";  // Podman says so of what no registry has
    if (image.starts_with(here)) image.remove_prefix(here.size());
    const auto tag = image.substr(std::min(image.rfind(':'), image.size()));
    return image.starts_with(built_prefix) && tag.starts_with(":" + owner + "-");
}

std::string runtime_image(const std::string& runtime) { return "shallop-runtime-" + runtime + ":latest"; }

Function generic_for(const Function& function, int standby) {
    Function generic;
    auto& spec = generic.spec;
    spec.name = "@" + function.spec.source->runtime;
    spec.image = function.spec.image;
    spec.source.emplace().runtime = function.spec.source->runtime;
    spec.contract = function.spec.contract;
    spec.scale.reuse = false;
    spec.scale.standby = standby;
    spec.scale.max = std::max(standby, 1);
    generic.image = function.image;
    return generic;
}

bool same_container(const Function& a, const Function& b) {
    const auto& one = a.spec;
    const auto& other = b.spec;
    const auto limits = [](const Limits& l) {
        return std::tuple(l.memory, l.cpus, l.pids, l.files, l.tmp, l.log_rate);
    };
    return a.image.id == b.image.id && one.user == other.user && one.network == other.network &&
           one.mounts == other.mounts && one.runtime == other.runtime && one.read_only == other.read_only &&
           one.gpus == other.gpus && one.capabilities == other.capabilities && one.command == other.command &&
           one.contract.kind == other.contract.kind && limits(one.limits) == limits(other.limits) &&
           start_of(one.env) == start_of(other.env);
}

bool is_generic(const Spec& spec) { return spec.source && spec.source->code.empty(); }

}  // namespace shallop::function
