// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/condition.h>
#include <shallop/async/semaphore.h>
#include <shallop/base/log.h>
#include <shallop/docker/engine.h>
#include <shallop/function/spec.h>
#include <shallop/instance/launcher.h>
#include <shallop/source/code_store.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

/// What functions from source need beside their code: the images of runtimes, and the packages that the code asks for.
namespace shallop::build {

using async::Duration;
using async::Task;
using base::Bytes;
using base::Result;
using base::Status;

struct Settings {
    source::CodeStore* code = nullptr;       ///< outlives the Builder; null: no packages
    std::string owner;                       ///< the daemon's id, which is in the names of images that it may take away
    std::string network = "bridge";          ///< of package installers: the only containers that have one unasked
    std::map<std::string, std::string> env;  ///< of package installers: mirrors, proxies
    Duration image_time = std::chrono::minutes(20);
    Duration packages_time = std::chrono::minutes(10);
    Bytes memory = 1ULL << 30;      ///< of an installer, with the files that it makes
    Bytes packages = 512ULL << 20;  ///< what it may install, as a tar
    Bytes context = 64ULL << 20;    ///< of an image from a folder, as a tar
    std::size_t words = 16 * 1024;  ///< of a failed build that its error brings along: the last ones
    /// Gets what a build for this function says, line by line; may be empty.
    std::function<void(const std::string& function, std::string line)> line;
};

/// Builds what is not there, one image and one set of packages at a time; whoever wants the same waits for it and finds it there. Each
/// outcome stays: images under their names in the engine, packages in the code store under a digest of what asks for them.
///
/// Belongs to one loop; outlives its calls. A call that is cancelled leaves nothing but what was whole.
class Builder {
public:
    Builder(Settings settings, docker::Engine& engine, instance::Launcher& launcher, async::Clock& clock,
            base::Log& log, async::Executor executor);

    /// The image shallop-runtime-NAME:latest, from what the program brings along, where the engine has none of that name. `function` is whom it is
    /// for. Faults: not_found (no such runtime), engine_refused (a step failed: its last words in `log`), engine_down, timed_out.
    Task<Status> runtime(std::string name, std::string function);

    /// Keeps an image from being taken away by collect().
    using Hold = std::shared_ptr<const void>;

    /// An image from the tree `code`, which has a Dockerfile, named `image`, where what has that name was not built from this tree. It stays while
    /// somebody has the Hold. Faults: invalid (a step failed: its last words in `log`), too_large, not_found (the tree), engine_down, timed_out.
    Task<Result<Hold>> image(std::string image, std::string code, std::string function);

    /// Takes away the images of functions (function::built_image()) that are not among `used`, until it is cancelled: at once, whenever collect()
    /// was called, and every now and then. Those that a container still has are tried again.
    Task<void> keep_collecting(std::function<std::set<std::string>()> used);

    /// Some image may be used no more.
    void collect() { unused_.notify_all(); }

    /// Installs what the function's requirements.txt, package.json, composer.json or Gemfile asks for, in a container of its runtime that has a
    /// network, and returns the tree of it; "" where nothing is asked for or the code brings it along.
    /// Faults: invalid (cannot be installed: the installer's last words in `log`), those of runtime() and of a launch, storage.
    Task<Result<std::string>> packages(function::FunctionPtr function);

    /// The same of what is installed already. Faults: not_found where something is to be installed first.
    Task<Result<std::string>> known_packages(function::FunctionPtr function);

private:
    struct Wish;
    Task<Status> build(std::string context, std::string image, std::map<std::string, std::string> labels,
                       std::string function);
    Task<Result<std::size_t>> collect_images(const std::function<std::set<std::string>()>& used);
    bool is_held(const std::string& image);
    Task<Result<Wish>> wish(const function::Function& function);
    Task<Result<function::FunctionPtr>> installer(const function::Function& function, std::string name);
    Task<Result<std::string>> install(const function::Function& function, const Wish& wish);

    Settings settings_;
    docker::Engine& engine_;
    instance::Launcher& launcher_;
    async::Clock& clock_;
    base::Log& log_;
    async::Semaphore images_, installs_;
    async::Condition unused_;
    std::map<std::string, std::weak_ptr<const void>> held_;  ///< images, by name
};

}  // namespace shallop::build
