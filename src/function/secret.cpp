// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/encoding.h>
#include <shallop/function/secret.h>

#include <nlohmann/json.hpp>

#include <algorithm>

#include "function/parts.h"
#include "function/words.h"

namespace shallop::function {
namespace {

using base::Error;
using base::Fault;
using base::Result;
using base::SecretBytes;

constexpr JsonLimits value_document{512 * 1024, 2};

/// A document whose texts are overwritten when it ends.
class WipedJson {
public:
    explicit WipedJson(Json json) : json_(std::move(json)) {}
    WipedJson(const WipedJson&) = delete;
    WipedJson& operator=(const WipedJson&) = delete;
    ~WipedJson() { wipe(json_); }
    const Json& get() const { return json_; }

private:
    static void wipe(Json& json) {
        if (json.is_string()) base::wipe(json.get_ref<std::string&>());
        if (!json.is_structured()) return;
        for (auto& one : json) wipe(one);
    }

    Json json_;
};

Error too_large(const char* pointer) {
    return {Fault::too_large, "a secret has at most " + base::format_bytes(largest_secret), pointer};
}

Result<SecretBytes> plain(const std::string& text) {
    if (text.size() > largest_secret) return too_large("/value");
    if (text.empty()) return Error(Fault::invalid, "a secret has one byte at least", "/value");
    return SecretBytes::copy_of(text);
}

Result<SecretBytes> decoded(const std::string& text) {
    if (text.size() > (largest_secret + 2) / 3 * 4) return too_large("/value_base64");
    auto value = base::secret_from_base64(text);
    if (!value) return Error(Fault::invalid, "give base64 with its padding (RFC 4648 section 4)", "/value_base64");
    if (value->size() > largest_secret) return too_large("/value_base64");
    if (value->size() == 0) return Error(Fault::invalid, "a secret has one byte at least", "/value_base64");
    return std::move(*value);
}

void read_one(Object& resource, const Json& element, std::vector<SecretFile>& secrets) {
    const auto pointer = append_pointer(resource.pointer("secrets"), secrets.size());
    auto& into = secrets.emplace_back();
    const auto complain = [&](const char* member, std::string complaint) {
        const auto at = element.is_object() ? append_pointer(pointer, member) : pointer;
        if (!complaint.empty()) resource.problems().add(at, std::move(complaint));
    };
    if (element.is_string()) {
        into.name = into.file = element.get<std::string>();
    } else if (element.is_object()) {
        Object form(element, pointer, resource.problems());
        form.text("name", into.name);
        into.file = into.name;
        if (form.find_set("file") != nullptr) form.text("file", into.file);
        form.finish();
    } else {
        return complain("", "give the name of a secret, or {\"name\": \"tls\", \"file\": \"tls.pem\"}");
    }
    complain("name", check_secret_name(into.name));
    complain("file", check_secret_name(into.file));
    const auto same = [&](const SecretFile& other) { return other.file == into.file; };
    if (std::any_of(secrets.begin(), secrets.end() - 1, same))
        complain("file", "another secret has this file already: give it another \"file\"");
}

}  // namespace

void read_secrets(Object& resource, std::vector<SecretFile>& secrets, const ResourceLimits& limits) {
    for (const auto* const element : resource.array("secrets", limits.secrets)) read_one(resource, *element, secrets);
}

void read_gpus(Object& resource, Gpus& gpus, const ResourceLimits& limits) {
    const auto* const value = resource.find_set("gpus");
    if (value == nullptr) return;
    if (value->is_number()) return resource.integer("gpus", gpus.count, 0, static_cast<int>(limits.gpus));
    if (value->is_string() && value->get_ref<const std::string&>() == "all") {
        gpus.count = all_gpus;
    } else if (value->is_array()) {
        for (auto& id : resource.texts("gpus", limits.gpus)) {
            const auto pointer = append_pointer(resource.pointer("gpus"), gpus.ids.size());
            if (auto complaint = check_gpu(id); !complaint.empty()) resource.problems().add(pointer, complaint);
            if (std::find(gpus.ids.begin(), gpus.ids.end(), id) != gpus.ids.end())
                resource.problems().add(pointer, "this GPU is there twice: keep one of them");
            gpus.ids.push_back(std::move(id));
        }
    } else {
        resource.problem("gpus", "give how many, \"all\", or a list of ids such as [\"GPU-1a2b…\"]");
    }
}

std::vector<NamedSecret> secrets_of(const Spec& spec) {
    std::vector<NamedSecret> all;
    for (const auto& secret : spec.secrets) all.push_back({secret.name, append_pointer("/secrets", all.size())});
    for (std::size_t at = 0; at < spec.routes.size(); ++at) {
        if (!spec.routes[at].signature) continue;
        for (const auto& name : spec.routes[at].signature->secret_names)
            all.push_back({name, append_pointer("/routes", at) + "/signature/secret"});
    }
    return all;
}

bool uses_secret(const Spec& spec, std::string_view name) {
    for (const auto& secret : spec.secrets) {
        if (secret.name == name) return true;
    }
    for (const auto& route : spec.routes) {
        if (!route.signature) continue;
        const auto& names = route.signature->secret_names;
        if (std::find(names.begin(), names.end(), name) != names.end()) return true;
    }
    return false;
}

base::Status check_secret(std::string_view name) {
    if (auto complaint = check_secret_name(name); !complaint.empty()) return Error(Fault::invalid, complaint, "/name");
    return {};
}

Result<SecretBytes> parse_secret_value(std::string_view json) {
    auto parsed = parse_strict(json, value_document);
    if (!parsed) return parsed.error();
    const WipedJson document(std::move(*parsed));
    Problems problems;
    Object object(document.get(), "", problems);
    const auto* const text = object.find_set("value");
    const auto* const base64 = object.find_set("value_base64");
    object.finish();
    if (problems.first()) return *problems.first();
    const auto* const given = text != nullptr ? text : base64;
    if (given == nullptr || (text != nullptr && base64 != nullptr))
        return Error(Fault::invalid, "give either \"value\", a text, or \"value_base64\", for bytes of any kind", "");
    if (!given->is_string())
        return Error(Fault::invalid, "give a text here", text != nullptr ? "/value" : "/value_base64");
    const auto& spelled = given->get_ref<const std::string&>();
    return text != nullptr ? plain(spelled) : decoded(spelled);
}

}  // namespace shallop::function
