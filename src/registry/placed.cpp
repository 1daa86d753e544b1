// SPDX-License-Identifier: Apache-2.0
// Functions of the folder that the daemon serves: they are nobody else's to change, and many of them come at once.
#include <shallop/registry/registry.h>

#include "registry/resolve.h"
#include "registry/routes.h"

namespace shallop::registry {
namespace {

using base::Error;
using base::Fault;

}  // namespace

Status Registry::check_placed(const std::string& name) const {
    const auto current = catalog_->find(name);
    if (!current || !current->origin.empty()) return {};
    return Error(Fault::conflict, "there is a function '" + name +
                                      "' that did not come from the folder, and it is not taken over: remove it "
                                      "(shallop remove " +
                                      name + "), or give the file another name");
}

Task<Result<function::Spec>> Registry::read_placed(const Placed& placed) {
    if (const auto fine = check_placed(placed.name); !fine) co_return fine.error();
    auto spec = function::parse_resource(placed.document, placed.name);
    if (!spec) co_return spec.error();
    if (const auto secrets = keep_secrets(*spec); !secrets) co_return secrets.error();
    const auto kept = co_await keep_code(*spec);
    if (!kept) co_return kept.error();
    co_return spec;
}

Task<Result<Deployed>> Registry::put_placed(Placed placed) {
    auto spec = co_await read_placed(placed);
    if (!spec) co_return spec.error();
    // Before anything is pulled, built, installed or tried for it.
    if (const auto fine = check_routes_beside(catalog_->functions, *spec); !fine) co_return fine.error();
    auto image = co_await prepare(*spec);
    if (!image) co_return image.error();
    auto current = catalog_->find(placed.name);
    const auto loads = co_await check_code(*spec, image->image, std::move(current));
    if (!loads) co_return loads.error();

    const auto writing = co_await writer_.acquire();
    if (const auto fine = check_placed(placed.name); !fine) co_return fine.error();
    co_return co_await commit(std::move(*spec), std::move(image->image), std::move(placed.origin));
}

/// What put_placed() does before it tries the code, where that takes no time: nothing where it does. Of each image the engine is asked once.
Task<Result<std::optional<Registry::Change>>> Registry::prepare_at_once(Placed placed, Images& images) {
    const auto left = std::optional<Change>();
    auto spec = co_await read_placed(placed);
    if (!spec) co_return spec.error();
    if (const auto fine = registry::check_routes(*spec); !fine) co_return fine.error();
    if (const auto fine = check_mounts(*spec); !fine) co_return fine.error();
    const auto before = catalog_->find(placed.name);
    const bool has_image = before && before->spec.image == spec->image;
    if (spec->build && !has_image) co_return left;  // it may have to be made, and be kept until then
    if (!images.contains(spec->image)) {
        auto asked = *spec;
        auto settings = settings_;
        asked.pull = "never";
        settings.build_runtime = nullptr;
        auto found = co_await resolve_image(asked, settings, engine_, clock_, log_);
        images.emplace(spec->image, std::move(found));
    }
    const auto found = images.at(spec->image);
    if (spec->pull == "always" || (!found && found.error().fault == Fault::not_found)) co_return left;
    // What has not changed needs no engine: it stays with the image that it has.
    const bool as_it_was = !found && has_image;
    if (!found && !as_it_was) co_return found.error();
    const auto image = as_it_was ? before->image : *found;
    auto contract = function::decide_contract(*spec, image);
    if (!contract) co_return contract.error();
    spec->contract = std::move(*contract);
    const auto installed = co_await add_packages(*spec, image, settings_.installed);
    if (!installed && installed.error().fault == Fault::not_found) co_return left;
    if (!installed) co_return installed.error();
    if (spec->source) spec->source->kind = known_kind(before);
    const bool same = same_code(*spec, image, before);
    if (spec->source && spec->source->own_routes && !same) co_return left;  // which only its code tells
    if (spec->source && spec->source->own_routes) spec->routes = before->spec.routes;
    auto change = Change(std::move(*spec), image);
    if (as_it_was && !is_there(change, placed.origin)) co_return found.error();
    if (before && !same) co_return left;
    co_return std::optional<Change>(std::move(change));
}

/// One after the other into the routes, so that each conflict is the later one's.
http::Router Registry::take_routes(Functions& functions, const std::vector<Made>& made, Outcomes& outcomes) const {
    auto kept = catalog_->functions;
    for (const auto& one : made) {
        auto more = kept;
        more[one.after->spec.name] = one.after;
        const auto routes = build_routes(more);
        if (routes) {
            kept = std::move(more);
        } else {
            outcomes[one.at] = Result<Deployed>(routes.error());
        }
    }
    auto routes = build_routes(kept);
    functions = std::move(kept);
    return std::move(*routes);
}

Task<Registry::Outcomes> Registry::put_placed_untried(std::vector<Placed> all) {
    Outcomes outcomes(all.size());
    std::vector<std::pair<std::size_t, Change>> changes;
    Images images;
    for (std::size_t at = 0; at < all.size(); ++at) {
        auto placed = all[at];
        auto change = co_await prepare_at_once(std::move(placed), images);
        if (!change) outcomes[at] = Result<Deployed>(change.error());
        if (change && *change) changes.emplace_back(at, std::move(**change));
    }

    const auto writing = co_await writer_.acquire();
    auto functions = catalog_->functions;
    std::vector<Made> made;
    for (auto& [at, change] : changes) {
        const auto& origin = all[at].origin;
        const auto before = catalog_->find(change.first.name);
        if (const auto fine = check_placed(change.first.name); !fine) {
            outcomes[at] = Result<Deployed>(fine.error());
        } else if (is_there(change, origin)) {
            outcomes[at] = Result<Deployed>(Deployed{before, false});
        } else {
            auto after = co_await next_version(std::move(change), origin, functions.size());
            if (after) functions[(*after)->spec.name] = *after;
            if (after) made.push_back({at, before, std::move(*after)});
            if (!after) outcomes[at] = Result<Deployed>(after.error());
        }
    }
    co_await put_made(std::move(functions), std::move(made), outcomes);
    co_return outcomes;
}

/// Writes and shows what was made, by the holder of the turn.
Task<void> Registry::put_made(Functions functions, std::vector<Made> made, Outcomes& outcomes) {
    if (made.empty()) co_return;
    auto routes = build_routes(functions);
    if (!routes) routes = take_routes(functions, made, outcomes);
    std::erase_if(made, [&](const Made& one) { return outcomes[one.at].has_value(); });
    std::vector<store::StoredFunction> rows;
    for (const auto& one : made) rows.push_back(to_store(*one.after));
    const auto done = co_await store_.put_functions(std::move(rows));
    for (const auto& one : made)
        outcomes[one.at] = done ? Result<Deployed>(Deployed{one.after, one.before == nullptr}) : done.error();
    if (!done) co_return;
    // Nothing is awaited from here on: a cancellation cannot come between the disk and the catalog.
    publish(std::move(functions), std::move(*routes));
    for (const auto& one : made) announce(one.before, one.after);
}

Task<Result<FunctionPtr>> Registry::remove_placed(std::string name) {
    const auto writing = co_await writer_.acquire();
    if (!catalog_->find(name)) co_return Error(Fault::not_found, "there is no function '" + name + "'");
    if (const auto fine = check_placed(name); !fine) co_return fine.error();
    co_return co_await take_away(std::move(name));
}

}  // namespace shallop::registry
