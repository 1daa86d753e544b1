// SPDX-License-Identifier: Apache-2.0
#include <shallop/registry/registry.h>

#include "registry/mounts.h"
#include "registry/preconditions.h"
#include "registry/resolve.h"
#include "registry/routes.h"

namespace shallop::registry {
namespace {

using base::Error;
using base::Fault;
using function::Function;

Error unknown(const std::string& name) {
    return {Fault::not_found, "there is no function '" + name.substr(0, 63) + "'"};
}

}  // namespace

FunctionPtr Catalog::find(std::string_view name) const {
    const auto at = functions.find(name);
    return at == functions.end() ? nullptr : at->second;
}

Registry::Registry(Settings settings, store::Store& store, docker::Engine& engine, async::Clock& clock, base::Log& log,
                   async::Executor executor)
    : settings_(std::move(settings)),
      store_(store),
      engine_(engine),
      clock_(clock),
      log_(log),
      catalog_(std::make_shared<const Catalog>()),
      writer_(executor, 1),
      resolves_(executor, settings_.resolves_in_flight) {}

Task<Status> Registry::load() {
    const auto writing = co_await writer_.acquire();
    auto all = co_await store_.load_functions();
    if (!all) co_return all.error();
    Functions functions;
    for (const auto& stored : *all) {
        auto function = revive(stored);
        if (function) {
            functions.emplace(stored.name, std::move(*function));
        } else {
            log_.error(
                "a stored function cannot be read and is left out; deploy it again",
                {{"function", stored.name}, {"at", function.error().pointer}, {"reason", function.error().detail}});
        }
    }
    auto routes = routes_without_conflicts(functions, log_);
    publish(std::move(functions), std::move(routes));
    co_return Status();
}

/// What was accepted once is read again even where all its defaults, spelled out, make it longer than what is accepted now.
Result<FunctionPtr> Registry::revive(const store::StoredFunction& stored) {
    function::ResourceLimits limits;
    limits.document_bytes *= 4;
    auto spec = function::parse_resource(stored.spec, stored.name, limits);
    if (!spec) return spec.error();
    auto image = function::parse_image(stored.image);
    if (!image) return image.error();
    if (spec->source) {  // what its runtime's labels say is not kept
        auto contract = function::decide_contract(*spec, *image);
        if (!contract) return contract.error();
        spec->contract = std::move(*contract);
    }
    return std::make_shared<const Function>(Function{std::move(*spec), std::move(*image), stored.version, stored.etag,
                                                     stored.created, stored.updated, stored.origin});
}

Task<Result<FunctionPtr>> Registry::make(function::Spec spec) {
    auto image = co_await prepare(spec);
    if (!image) co_return image.error();
    auto etag = function::make_etag(spec, image->image, 1);
    const auto time = now();
    co_return std::make_shared<const Function>(
        Function{std::move(spec), std::move(image->image), 1, std::move(etag), time, time, {}});
}

Task<Result<Deployed>> Registry::put(std::string name, std::string document, Precondition precondition) {
    auto spec = function::parse_resource(document, name);
    if (!spec) co_return spec.error();
    const auto kept = co_await keep_code(*spec);
    if (!kept) co_return kept.error();
    // Also before the image is resolved: a pull of minutes that cannot be used helps nobody.
    if (const auto fine = check_current(name, precondition); !fine) co_return fine.error();
    if (const auto known = check_secrets(*spec); !known) co_return known.error();
    auto image = co_await prepare(*spec);
    if (!image) co_return image.error();
    auto current = catalog_->find(name);
    const auto loads = co_await check_code(*spec, image->image, std::move(current));
    if (!loads) co_return loads.error();

    const auto writing = co_await writer_.acquire();
    if (const auto fine = check_current(name, precondition); !fine) co_return fine.error();
    // Only now: another change may have brought new secrets meanwhile.
    if (const auto secrets = keep_secrets(*spec); !secrets) co_return secrets.error();
    co_return co_await commit(std::move(*spec), std::move(image->image));
}

/// Puts the secrets there are in the place of those that the document does not tell.
Status Registry::keep_secrets(function::Spec& spec) const {
    const auto current = catalog_->find(spec.name);
    return function::keep_secrets(spec, current ? &current->spec : nullptr);
}

Status Registry::check_secrets(function::Spec spec) const { return keep_secrets(spec); }

Task<Result<Deployed>> Registry::patch(std::string name, std::string document, Precondition precondition) {
    // The patch is made on what was there when it came; if another change came between, it is made anew on that.
    constexpr int attempts = 4;
    for (int attempt = 0; attempt < attempts; ++attempt) {
        const auto before = catalog_->find(name);
        if (!before) co_return unknown(name);
        if (const auto fine = check_current(name, precondition); !fine) co_return fine.error();
        auto spec = function::patch_resource(before->spec, document);
        if (!spec) co_return spec.error();
        const auto kept = co_await keep_code(*spec);
        if (!kept) co_return kept.error();
        auto changed = co_await change(before, std::move(*spec));
        if (changed) co_return std::move(*changed);
    }
    co_return Error(Fault::conflict, "function '" + name + "' is being changed by others: try again");
}

/// The rest of a change that was made on `before`; nothing where another one came between.
Task<std::optional<Result<Deployed>>> Registry::change(FunctionPtr before, function::Spec spec) {
    auto image = co_await prepare(spec);
    if (!image) co_return image.error();
    const auto loads = co_await check_code(spec, image->image, before);
    if (!loads) co_return loads.error();

    const auto writing = co_await writer_.acquire();
    if (catalog_->find(spec.name) != before) co_return std::nullopt;
    co_return co_await commit(std::move(spec), std::move(image->image));
}

Task<Result<FunctionPtr>> Registry::remove(std::string name, Precondition precondition) {
    const auto writing = co_await writer_.acquire();
    if (!catalog_->find(name)) co_return unknown(name);
    if (const auto fine = check_current(name, precondition); !fine) co_return fine.error();
    co_return co_await take_away(std::move(name));
}

/// A removal, by the holder of the turn.
Task<Result<FunctionPtr>> Registry::take_away(std::string name) {
    const auto before = catalog_->find(name);
    auto functions = catalog_->functions;
    functions.erase(name);
    auto routes = build_routes(functions);
    if (!routes) co_return routes.error();
    const auto stored = co_await store_.remove_function(name);
    if (!stored) co_return stored.error();
    // Nothing is awaited from here on: a cancellation cannot come between the disk and the catalog.
    publish(std::move(functions), std::move(*routes));
    log_.info("function removed", {{"function", name}, {"version", before->version}});
    if (observer_) observer_(before, nullptr);
    co_return before;
}

Status Registry::check_current(const std::string& name, const Precondition& precondition) const {
    const auto current = catalog_->find(name);
    if (current && !current->origin.empty() && !settings_.folder.empty()) {
        return Error(Fault::conflict, "function '" + name + "' comes from " + current->origin + " in the folder " +
                                          settings_.folder + ", which this server serves: change or remove it there");
    }
    return check_preconditions(precondition, current ? std::optional(current->etag) : std::nullopt);
}

/// All that can be said of a change without its turn: routes and mounts by themselves, the image, the contract.
Task<Result<Registry::Prepared>> Registry::prepare(function::Spec& spec) {
    if (const auto fine = check_routes(spec); !fine) co_return fine.error();
    if (const auto fine = check_mounts(spec); !fine) co_return fine.error();
    if (const auto fine = check_stored_secrets(spec); !fine) co_return fine.error();
    const auto made = co_await make_image(spec);
    if (!made) co_return made.error();
    const auto resolving = co_await resolves_.acquire();
    auto image = co_await resolve_image(spec, settings_, engine_, clock_, log_);
    if (!image) co_return image.error();
    auto contract = function::decide_contract(spec, *image);
    if (!contract) co_return contract.error();
    spec.contract = std::move(*contract);
    const auto installed = co_await add_packages(spec, *image, settings_.install);
    if (!installed) co_return installed.error();
    co_return Prepared{std::move(*image), *made};
}

/// The change itself, by the holder of the turn: idempotence, limits, routes against each other, disk, catalog.
Task<Result<Deployed>> Registry::commit(function::Spec spec, function::ImageFacts image, std::string origin) {
    const auto before = catalog_->find(spec.name);
    auto change = Change(std::move(spec), std::move(image));
    if (is_there(change, origin)) co_return Deployed{before, false};
    const auto next = co_await next_version(std::move(change), std::move(origin), catalog_->functions.size());
    if (!next) co_return next.error();
    const auto& after = *next;
    auto functions = catalog_->functions;
    functions[after->spec.name] = after;
    auto routes = build_routes(functions);
    if (!routes) co_return routes.error();

    auto stored = to_store(*after);
    const auto done = co_await store_.put_function(std::move(stored));
    if (!done) co_return done.error();
    // Nothing is awaited from here on: a cancellation cannot come between the disk and the catalog.
    publish(std::move(functions), std::move(*routes));
    announce(before, after);
    co_return Deployed{after, before == nullptr};
}

bool Registry::is_there(const Change& change, const std::string& origin) const {
    const auto before = catalog_->find(change.first.name);
    return before && before->spec == change.first && before->image.id == change.second.id && before->origin == origin;
}

/// What the change makes of the function, where there are `count` functions already; by the holder of the turn.
Task<Result<FunctionPtr>> Registry::next_version(Change change, std::string origin, std::size_t count) {
    auto& [spec, image] = change;
    const auto before = catalog_->find(spec.name);
    if (const auto fine = check_stored_secrets(spec); !fine) co_return fine.error();
    if (!before && count >= settings_.functions) {
        co_return Error(Fault::conflict, "there are " + std::to_string(settings_.functions) +
                                             " functions, which is the limit: remove one");
    }
    const auto last = co_await store_.last_version(spec.name);
    if (!last) co_return last.error();
    const auto time = now();
    const auto version = *last + 1;
    auto etag = function::make_etag(spec, image, version);
    co_return std::make_shared<const Function>(Function{std::move(spec), std::move(image), version, std::move(etag),
                                                        before ? before->created : time, time, std::move(origin)});
}

void Registry::announce(const FunctionPtr& before, const FunctionPtr& after) {
    log_.info("function deployed",
              {{"function", after->spec.name}, {"version", after->version}, {"image", after->image.id}});
    if (observer_) observer_(before, after);
}

store::StoredFunction Registry::to_store(const Function& function) {
    return {function.spec.name,
            function.version,
            function::format_spec(function.spec),
            function::format_image(function.image),
            function.etag,
            function.created,
            function.updated,
            function.origin};
}

void Registry::never_mount(const std::vector<std::string>& volumes, const std::vector<std::string>& paths) {
    settings_.volumes_never.insert(settings_.volumes_never.end(), volumes.begin(), volumes.end());
    settings_.bind_never.insert(settings_.bind_never.end(), paths.begin(), paths.end());
}

Status Registry::check_mounts(const function::Spec& spec) const { return registry::check_mounts(spec, settings_); }

void Registry::publish(Functions functions, http::Router routes) {
    auto next = std::make_shared<Catalog>();
    next->functions = std::move(functions);
    next->routes = std::move(routes);
    catalog_ = std::move(next);
}

std::string Registry::now() const { return base::format_time(clock_.wall()); }

}  // namespace shallop::registry
