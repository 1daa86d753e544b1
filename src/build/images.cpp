// SPDX-License-Identifier: Apache-2.0
// Images of functions whose code has a Dockerfile: how they are made, and when they go.
#include <shallop/async/race.h>
#include <shallop/build/builder.h>
#include <shallop/function/resource.h>

namespace shallop::build {

using base::Error;
using base::Fault;

namespace {

constexpr auto engine_patience = std::chrono::seconds(10);
constexpr auto collect_patience = std::chrono::minutes(2);  ///< a large image takes its time to go
constexpr auto collect_pause = std::chrono::minutes(10);
constexpr auto again_pause = std::chrono::seconds(5);
constexpr const char* code_label = "shallop.code";  ///< of an image: the tree that it was built from

}  // namespace

Task<Result<Builder::Hold>> Builder::image(std::string image, std::string code, std::string function) {
    const auto turn = co_await images_.acquire();
    auto hold = held_[image].lock();
    if (!hold) hold = std::make_shared<const char>();
    held_[image] = hold;
    const auto soon = clock_.now() + engine_patience;
    const auto there = co_await engine_.inspect_image(image, soon);
    if (there) {
        const auto from = there->labels.find(code_label);
        if (from != there->labels.end() && from->second == code) co_return hold;
    } else if (there.error().fault != Fault::not_found) {
        co_return there.error();
    }
    auto tar = co_await settings_.code->pack(code, settings_.context);
    if (!tar) co_return tar.error();
    std::map<std::string, std::string> labels{{code_label, code}};
    const auto built = co_await build(std::move(*tar), image, std::move(labels), function);
    if (built) co_return hold;
    auto error = built.error();
    error.detail = "no image can be made by the Dockerfile: " + error.detail + "; see shallop logs " + function;
    if (error.fault == Fault::engine_refused) error.fault = Fault::invalid;
    co_return error;
}

bool Builder::is_held(const std::string& image) {
    std::erase_if(held_, [](const auto& entry) { return entry.second.expired(); });
    return held_.contains(image);
}

/// Returns how many are to be tried again. While one is taken away none is made: so nobody finds one there that then goes.
Task<Result<std::size_t>> Builder::collect_images(const std::function<std::set<std::string>()>& used) {
    std::size_t left = 0;
    const auto soon = clock_.now() + engine_patience;
    const auto names = co_await engine_.image_names(function::built_images, soon);
    if (!names) co_return names.error();
    for (const auto& name : *names) {
        if (!function::is_built_by(name, settings_.owner) || used().contains(name)) continue;
        const auto turn = co_await images_.acquire();
        if (is_held(name) || used().contains(name)) continue;
        const auto deadline = clock_.now() + collect_patience;
        auto image = name;
        const auto removed = co_await engine_.remove_image(std::move(image), deadline);
        if (!removed) ++left;
        if (removed) log_.info("removed an image that no function has", {{"image", name}});
        if (!removed) log_.debug("an image stays for now", {{"image", name}, {"reason", removed.error().detail}});
    }
    co_return left;
}

Task<void> Builder::keep_collecting(std::function<std::set<std::string>()> used) {
    for (;;) {
        const auto left = co_await collect_images(used);
        const bool again = !left || *left > 0;
        auto pause = clock_.sleep_for(again ? base::Duration(again_pause) : base::Duration(collect_pause));
        auto told = unused_.wait();
        co_await async::race(std::move(pause), std::move(told));
    }
}

}  // namespace shallop::build
