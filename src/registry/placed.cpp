// SPDX-License-Identifier: Apache-2.0
// Functions of the folder that the daemon serves: they are nobody else's to change, and many of them come at once.
#include <shallop/registry/registry.h>

#include "registry/resolve.h"
#include "registry/routes.h"

namespace shallop::registry {
namespace {

using base::Error;
using base::Fault;

/// Whether the functions there are and this one can have their routes together.
Status check_routes_beside(Functions functions, const function::Spec& spec) {
    function::Function one;
    one.spec = spec;
    functions[spec.name] = std::make_shared<const function::Function>(std::move(one));
    const auto routes = build_routes(functions);
    if (!routes) return routes.error();
    return {};
}

}  // namespace

Status Registry::check_placed(const std::string& name) const {
    const auto current = catalog_->find(name);
    if (!current || !current->origin.empty()) return {};
    return Error(Fault::conflict, "there is a function '" + name +
                                      "' that did not come from the folder, and it is not taken over: remove it "
                                      "(shallop remove " +
                                      name + "), or give the file another name");
}

/// All that can be said of it without its turn, but for whether its code loads. Of each image the engine is asked once.
Task<Result<Registry::Change>> Registry::prepare_placed(Placed placed, Images& images) {
    if (const auto fine = check_placed(placed.name); !fine) co_return fine.error();
    auto spec = function::parse_resource(placed.document, placed.name);
    if (!spec) co_return spec.error();
    const auto kept = co_await keep_code(*spec);
    if (!kept) co_return kept.error();
    if (const auto fine = registry::check_routes(*spec); !fine) co_return fine.error();
    if (const auto fine = check_mounts(*spec); !fine) co_return fine.error();
    const auto key = std::make_pair(spec->image, spec->pull);
    auto at = images.find(key);
    if (at == images.end()) {
        const auto resolving = co_await resolves_.acquire();
        auto image = co_await resolve_image(*spec, settings_, engine_, clock_, log_);
        at = images.emplace(key, std::move(image)).first;
    }
    const auto before = catalog_->find(placed.name);
    // What has not changed needs no engine: it stays with the image that it has.
    const bool as_it_was = !at->second && before && before->spec.image == spec->image;
    const auto image = as_it_was ? Result<function::ImageFacts>(before->image) : at->second;
    if (!image) co_return image.error();
    auto contract = function::decide_contract(*spec, *image);
    if (!contract) co_return contract.error();
    spec->contract = std::move(*contract);
    auto change = Change(std::move(*spec), *image);
    if (as_it_was && !is_there(change, placed.origin)) co_return at->second.error();
    co_return change;
}

Task<Result<Deployed>> Registry::put_placed(Placed placed) {
    Images images;
    auto origin = placed.origin;
    auto change = co_await prepare_placed(std::move(placed), images);
    if (!change) co_return change.error();
    auto& [spec, image] = *change;
    // Also before the code is tried, which takes an instance.
    if (const auto fine = check_routes_beside(catalog_->functions, spec); !fine) co_return fine.error();
    auto current = catalog_->find(spec.name);
    const auto loads = co_await check_code(spec, image, std::move(current));
    if (!loads) co_return loads.error();

    const auto writing = co_await writer_.acquire();
    if (const auto fine = check_placed(spec.name); !fine) co_return fine.error();
    co_return co_await commit(std::move(spec), std::move(image), std::move(origin));
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
        auto change = co_await prepare_placed(std::move(placed), images);
        if (!change) {
            outcomes[at] = Result<Deployed>(change.error());
            continue;
        }
        const auto before = catalog_->find(all[at].name);
        if (!before || same_code(change->first, change->second, before)) changes.emplace_back(at, std::move(*change));
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
