// SPDX-License-Identifier: Apache-2.0
// Functions from source: how code comes into the code store, and when it goes.
#include <shallop/function/resource.h>
#include <shallop/registry/registry.h>
#include <shallop/source/guess.h>

#include <algorithm>
#include <utility>

#include "registry/routes.h"

namespace shallop::registry {
namespace {

using base::Error;
using base::Fault;

Error at(const Error& error, const char* pointer) {
    auto located = error;
    if (located.pointer.empty()) located.pointer = pointer;
    return located;
}

Error no_code_here() {
    return {Fault::invalid, "this server keeps no code: functions from source are not possible", "/source"};
}

bool has_dockerfile(const source::Tree& tree) {
    return std::binary_search(tree.files.begin(), tree.files.end(), std::string(function::dockerfile));
}

/// Whether nothing is said of how the code is run.
bool is_plain(const function::Source& source, const std::string& image) {
    return source.runtime.empty() && source.entry.empty() && source.handler.empty() && !source.own_routes &&
           image.empty();
}

Status complete_build(function::Spec& spec, const source::Tree& tree, const std::string& owner) {
    auto& build = *spec.build;
    if (!has_dockerfile(tree))
        return Error(Fault::invalid, "there is no Dockerfile at the top of these files", "/source");
    if (!spec.image.empty() && !function::is_built_for(spec.image, spec.name))
        return Error(Fault::invalid, "the image is the one that the Dockerfile makes: leave it out", "/image");
    build.runtime = function::dockerfile_runtime;
    build.entry = function::dockerfile;
    build.code = tree.id;
    build.kind.clear();
    build.packages.clear();
    spec.image = function::built_image(spec.name, owner, tree.id);
    return {};
}

/// Says what the files say where the deployer has not.
Status complete(function::Spec& spec, const source::Tree& tree, const std::string& owner) {
    if (spec.source && is_plain(*spec.source, spec.image) && has_dockerfile(tree))
        spec.build = std::exchange(spec.source, std::nullopt);
    if (spec.build) return complete_build(spec, tree, owner);
    auto& source = *spec.source;
    source.code = tree.id;
    const auto guess = source::guess(tree.files, source.runtime, source.entry);
    if (!guess) return at(guess.error(), "/source");
    source.runtime = guess->runtime;
    source.entry = guess->entry;
    if (spec.image.empty()) spec.image = function::runtime_image(source.runtime);
    return {};
}

/// Whether what was uploaded is to be made an image: its Dockerfile decides where nothing is said of how the code is run.
bool is_build(const Upload& upload, const source::Tree& tree) {
    if (upload.runtime == function::dockerfile_runtime) return true;
    const function::Source said{upload.runtime, upload.entry, upload.handler, "", upload.own_routes};
    return is_plain(said, upload.image) && has_dockerfile(tree);
}

/// What there is, as something that is run otherwise: an image, code with a runtime, or code with a Dockerfile.
void forget_how(function::Spec& spec) {
    spec.image.clear();
    spec.contract = function::Contract();
    spec.command.reset();
    spec.source.reset();
    spec.build.reset();
}

/// What `upload` makes of the function that is there, or of none.
function::Spec with_upload(const FunctionPtr& before, const std::string& name, const Upload& upload, bool build) {
    function::Spec spec;
    if (before) spec = before->spec;
    spec.name = name;
    if (build ? !spec.build : !spec.source) forget_how(spec);
    if (build) {
        spec.image = upload.image;
        spec.build = function::Source{upload.runtime, upload.entry, upload.handler, "", upload.own_routes};
        return spec;
    }
    if (!spec.source) spec.source.emplace();
    auto& source = *spec.source;
    if (!upload.runtime.empty() && upload.runtime != source.runtime) spec.image.clear();
    if (!upload.runtime.empty()) source.runtime = upload.runtime;
    if (!upload.image.empty()) spec.image = upload.image;
    source.entry = upload.entry;
    if (!upload.handler.empty()) source.handler = upload.handler;
    if (upload.own_routes) source.own_routes = true;
    return spec;
}

/// Code in another language makes it a function of that runtime, where the old one has nothing to run in it and it had the usual image.
void follow_language(function::Spec& spec, const source::Tree& tree) {
    auto& source = *spec.source;
    const bool usual = spec.image == function::runtime_image(source.runtime);
    if (source.runtime.empty() || !usual || source::has_files_of(source.runtime, tree.files)) return;
    const auto guess = source::guess(tree.files, "", source.entry);
    if (!guess || guess->runtime == source.runtime) return;
    source.runtime = guess->runtime;
    source.handler.clear();
    spec.image.clear();
}

/// The same, complete and read again as any resource is: a name or a word that no PUT could have does not come in by this door either.
Result<function::Spec> uploaded(const FunctionPtr& before, const std::string& name, const Upload& upload,
                                const source::Tree& tree, const std::string& owner) {
    const bool build = is_build(upload, tree);
    auto spec = with_upload(before, name, upload, build);
    if (!build && upload.runtime.empty() && upload.image.empty()) follow_language(spec, tree);
    if (const auto fine = complete(spec, tree, owner); !fine) return fine.error();
    return function::parse_resource(function::format_spec(spec), name);
}

}  // namespace

/// The code of a source function: in the store, with what can be found in it said.
Task<Status> Registry::keep_code(function::Spec& spec) {
    if (!spec.source && !spec.build) co_return Status();
    if (settings_.code == nullptr) co_return no_code_here();
    auto& source = spec.source ? *spec.source : *spec.build;
    if (!source.files.empty()) {
        auto files = std::move(source.files);
        source.files.clear();
        const auto tree = co_await settings_.code->put_files(std::move(files));
        if (!tree) co_return at(tree.error(), "/source/files");
        co_return complete(spec, *tree, settings_.owner);
    }
    const auto tree = co_await settings_.code->find(source.code);
    if (!tree && tree.error().fault == Fault::not_found)
        co_return Error(Fault::invalid, "there is no such code: upload it, or give \"files\"", "/source/code");
    if (!tree) co_return tree.error();
    co_return complete(spec, *tree, settings_.owner);
}

Task<Result<source::Tree>> Registry::keep_upload(const Upload& upload) {
    if (settings_.code == nullptr) co_return no_code_here();
    const bool single = !upload.filename.empty();
    auto storing =
        single ? settings_.code->put_file(upload.path, upload.filename) : settings_.code->put_archive(upload.path);
    co_return co_await std::move(storing);
}

Task<Result<Deployed>> Registry::put_source(std::string name, Upload upload, Precondition precondition) {
    const auto tree = co_await keep_upload(upload);
    if (!tree) co_return tree.error();

    constexpr int attempts = 4;
    for (int attempt = 0; attempt < attempts; ++attempt) {
        const auto before = catalog_->find(name);
        if (const auto fine = check_current(name, precondition); !fine) co_return fine.error();
        auto spec = uploaded(before, name, upload, *tree, settings_.owner);
        if (!spec) co_return spec.error();
        auto changed = co_await change(before, std::move(*spec));
        if (changed) co_return std::move(*changed);
    }
    co_return Error(Fault::conflict, "function '" + name + "' is being changed by others: try again");
}

Task<Result<Verified>> Registry::verify_source(std::string name, Upload upload) {
    const auto tree = co_await keep_upload(upload);
    if (!tree) co_return tree.error();
    const auto before = catalog_->find(name);
    auto spec = uploaded(before, name, upload, *tree, settings_.owner);
    if (!spec) co_return spec.error();
    auto image = co_await prepare(*spec);
    if (!image) co_return image.error();
    auto announced = co_await check_code(*spec, image->image, nullptr);
    if (!announced) co_return announced.error();
    auto functions = catalog_->functions;
    functions[name] =
        std::make_shared<const function::Function>(function::Function{*spec, image->image, 1, "", "", ""});
    const auto routes = build_routes(functions);
    if (!routes) co_return routes.error();
    co_return Verified{std::move(*spec), std::move(*announced)};
}

/// Of code with a Dockerfile; for all others nothing. What is refused in any case is not made first.
Task<Result<std::shared_ptr<const void>>> Registry::make_image(const function::Spec& spec) {
    if (!spec.build) co_return std::shared_ptr<const void>();
    if (!settings_.build_image) co_return no_code_here();
    const auto beside = check_routes_beside(catalog_->functions, spec);
    if (!beside) co_return beside.error();
    auto image = spec.image;
    auto code = spec.build->code;
    auto name = spec.name;
    auto made = co_await settings_.build_image(std::move(image), std::move(code), std::move(name));
    if (made || made.error().fault != Fault::invalid) co_return made;
    auto error = at(made.error(), "/source");
    co_return error;
}

std::set<std::string> Registry::images() const {
    std::set<std::string> names;
    for (const auto& [name, function] : catalog_->functions) names.insert(function->spec.image);
    return names;
}

/// What the code asks for beside itself.
Task<Status> Registry::add_packages(function::Spec& spec, const function::ImageFacts& image,
                                    const Packages& packages_of) {
    if (!spec.source) co_return Status();
    spec.source->packages.clear();
    if (!packages_of) co_return Status();
    function::Function candidate;
    candidate.spec = spec;
    candidate.image = image;
    auto shared = std::make_shared<const function::Function>(std::move(candidate));
    auto packages = co_await packages_of(std::move(shared));
    if (!packages) co_return packages.error();
    spec.source->packages = std::move(*packages);
    co_return Status();
}

/// What was found in the code that is there; to be compared with, it has to be said of the new one too.
std::string Registry::known_kind(const FunctionPtr& before) {
    return before && before->spec.source ? before->spec.source->kind : std::string();
}

bool Registry::same_code(const function::Spec& spec, const function::ImageFacts& image, const FunctionPtr& before) {
    return before && before->spec.source == spec.source && before->spec.env == spec.env && before->image.id == image.id;
}

/// Code that cannot be loaded is refused, so that what there is goes on serving. What has not changed is not tried again.
Task<Result<function::Announced>> Registry::check_code(function::Spec& spec, const function::ImageFacts& image,
                                                       FunctionPtr before) {
    function::Announced announced;
    if (spec.source) spec.source->kind = known_kind(before);
    if (!spec.source || !settings_.try_code) co_return announced;
    if (same_code(spec, image, before)) {
        if (spec.source->own_routes) spec.routes = before->spec.routes;
        co_return announced;
    }
    spec.source->kind.clear();
    auto loaded = co_await load_code(spec, image);
    if (loaded) spec.source->kind = loaded->kind;
    if (!loaded || !spec.source->own_routes) co_return loaded;
    if (loaded->routes.empty())
        co_return Error(Fault::invalid, "the application tells no routes of its own: give \"routes\" instead",
                        "/source/routes");
    spec.routes = loaded->routes;
    if (const auto fine = check_routes(spec); !fine)
        co_return Error(fine.error().fault, "of the application's routes: " + fine.error().detail,
                        "/source" + fine.error().pointer);
    co_return loaded;
}

Task<Result<function::Announced>> Registry::load_code(const function::Spec& spec, const function::ImageFacts& image) {
    function::Function candidate;
    candidate.spec = spec;
    candidate.image = image;
    const auto last = co_await store_.last_version(spec.name);
    if (!last) co_return last.error();
    candidate.version = *last + 1;  // if nobody is faster
    auto shared = std::make_shared<const function::Function>(std::move(candidate));
    auto tried = co_await settings_.try_code(std::move(shared));
    if (tried || tried.error().fault != Fault::function_failed) co_return tried;
    const auto& error = tried.error();
    const auto& words = error.log.empty() ? error.detail : error.log;
    Error refused(Fault::invalid, "the code cannot be loaded: " + words.substr(0, words.find('\n')), "/source");
    refused.log = words;
    co_return refused;
}

Task<void> Registry::collect_code(std::vector<FunctionPtr> others) {
    if (settings_.code == nullptr) co_return;
    auto functions = std::move(others);
    for (const auto& [name, function] : catalog_->functions) functions.push_back(function);
    std::set<std::string> used;
    for (const auto& function : functions) {
        if (function->spec.build) used.insert(function->spec.build->code);
        if (!function->spec.source) continue;
        used.insert(function->spec.source->code);
        used.insert(function->spec.source->packages);
    }
    const auto gone = co_await settings_.code->collect(std::move(used));
    if (gone > 0) log_.info("code that no function has was removed", {{"trees", gone}});
}

}  // namespace shallop::registry
