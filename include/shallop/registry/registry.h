// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/semaphore.h>
#include <shallop/base/log.h>
#include <shallop/docker/engine.h>
#include <shallop/function/resource.h>
#include <shallop/http/router.h>
#include <shallop/source/code_store.h>
#include <shallop/store/store.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

/// Which functions there are: deploys, changes and removes them, and holds the snapshot that invocations read.
namespace shallop::registry {

using async::Task;
using base::Result;
using base::Status;
using function::FunctionPtr;

/// An immutable picture of all functions and routes; swapped whole on each change.
struct Catalog {
    std::map<std::string, FunctionPtr, std::less<>> functions;
    http::Router routes;  ///< the functions' own routes; /function/NAME is the gateway's

    FunctionPtr find(std::string_view name) const;
};
using CatalogPtr = std::shared_ptr<const Catalog>;

/// RFC 9110 section 13: what the caller believes to be true.
struct Precondition {
    std::optional<std::string> if_match;       ///< raw field value: "*" or a list of entity tags
    std::optional<std::string> if_none_match;  ///< "*": create only
};

/// Code that was uploaded: what the caller said of it.
struct Upload {
    std::string path;                              ///< of the file that holds it
    std::string filename;                          ///< it is a single file of this name; "": an archive
    std::string runtime, entry, handler, image{};  ///< "" = as it is, or found in the files
    bool own_routes = false;                       ///< the application's routes from now on; else as it is
};

/// A function as the folder of functions has it.
struct Placed {
    std::string name;
    std::string document;  ///< its resource; the code is in the code store
    std::string origin;    ///< its file in the folder
};

struct Deployed {
    FunctionPtr function;
    bool created = false;
};

/// What a deploy of code would make.
struct Verified {
    function::Spec spec;
    function::Announced announced;
};

struct Settings {
    std::size_t functions = 10'000;
    base::Duration engine_timeout = std::chrono::seconds(10);
    base::Duration pull_timeout = std::chrono::minutes(10);
    std::size_t resolves_in_flight = 4;   ///< images asked for or pulled at once
    std::vector<std::string> bind_roots;  ///< host directories below which bind mounts are allowed; empty = none
    /// Never bound, nor what holds them: the composition root adds the data and the run directory and the engine's socket.
    std::vector<std::string> bind_never{
        "/var/run/docker.sock", "/run/containerd", "/var/lib/docker", "/proc", "/sys", "/dev"};
    std::vector<std::string> volumes_never;  ///< names of volumes that no function may mount
    source::CodeStore* code = nullptr;       ///< outlives the Registry; null: functions from source are refused
    /// Builds the image of one of our runtimes where it is missing; `function` is whom it is for. Empty: they are built by hand.
    std::function<Task<Status>(std::string runtime, std::string function)> build_runtime{};
    /// Makes the image of a function's code, which has a Dockerfile, where it is not there; nobody takes it away while what is returned is kept.
    /// Empty: such code is refused.
    std::function<Task<Result<std::shared_ptr<const void>>>(std::string image, std::string code, std::string function)>
        build_image{};
    std::string owner{};  ///< the daemon's id: in the names of these images
    /// Whether the server keeps a secret of this name. Empty: it keeps none.
    std::function<bool(const std::string& name)> has_secret{};
    /// Installs what the code asks for; returns the tree of it, or "". Empty: nothing is installed.
    std::function<Task<Result<std::string>>(FunctionPtr)> install{};
    /// The same of what is installed already: not_found where something is to be installed first. Empty: nothing ever is.
    std::function<Task<Result<std::string>>(FunctionPtr)> installed{};
    /// Asked before code is deployed: can it be loaded, and what is it? Empty: it can.
    std::function<Task<Result<function::Announced>>(FunctionPtr)> try_code{};
    std::string
        folder{};  ///< of functions, which the daemon serves; "": none, and functions of an earlier one are as any other
};

/// One change at a time; each is durable before it is visible, and visible before it is answered. Images are resolved before a change's
/// turn comes, so that a long pull holds up nobody else. A call that is cancelled has changed everything or nothing.
///
/// Belongs to one loop; outlives its calls.
class Registry {
public:
    /// Called after each change with what was and what is (either may be null).
    using Observer = std::function<void(FunctionPtr before, FunctionPtr after)>;

    Registry(Settings settings, store::Store& store, docker::Engine& engine, async::Clock& clock, base::Log& log,
             async::Executor executor);

    /// Reads everything from the store, without asking the engine. A stored function that no longer parses is left out and logged.
    Task<Status> load();

    /// Adds to `volumes_never` and `bind_never`: what belongs to the daemon is known only once the engine has told.
    void never_mount(const std::vector<std::string>& volumes, const std::vector<std::string>& paths);

    /// Whether the mounts of `spec` are allowed as things are now; asked at each change, and again before a container is made, because whoever
    /// writes below a bind root can have put a link where a directory was.
    /// Faults: invalid at /mounts/N/source.
    Status check_mounts(const function::Spec& spec) const;

    /// Images of all functions, by name.
    std::set<std::string> images() const;

    /// The turn of a change: while it is kept, functions stay as they are.
    Task<async::Semaphore::Permit> hold() { return writer_.acquire(); }

    /// The functions that name this secret.
    std::vector<std::string> users_of_secret(std::string_view secret) const;

    /// Lets go of the code that no function has any more, nor one of `others`.
    Task<void> collect_code(std::vector<function::FunctionPtr> others);

    CatalogPtr catalog() const { return catalog_; }
    void observe(Observer observer) { observer_ = std::move(observer); }

    /// Validates, resolves the image (pull policy), decides the contract, checks routes and mounts, stores, swaps. The same
    /// resource again changes nothing and returns the version there is. On any fault nothing changed. Whether a network exists shows at launch.
    /// Faults: invalid (pointer), too_large, conflict (route: both names; precondition: see precondition_failed), not_found (image missing: pointer /image; secret missing: its own),
    /// engine_down, engine_refused (pull), storage.
    Task<Result<Deployed>> put(std::string name, std::string document, Precondition precondition);
    Task<Result<Deployed>> patch(std::string name, std::string document, Precondition precondition);
    /// Gives a function new code, or makes one of it. Faults of put(), and of the archive: invalid, too_large.
    Task<Result<Deployed>> put_source(std::string name, Upload upload, Precondition precondition);
    /// Does all that put_source() would, and says what came of it, but changes nothing. Faults of put_source().
    Task<Result<Verified>> verify_source(std::string name, Upload upload);
    Task<Result<FunctionPtr>> remove(std::string name, Precondition precondition);

    /// A function as put() would make it of `spec`, which is in no catalog and takes no name. Faults of put().
    Task<Result<FunctionPtr>> make(function::Spec spec);
    /// A function again from what was kept of it. Faults: invalid.
    static Result<FunctionPtr> revive(const store::StoredFunction& stored);

    // For whoever serves the folder of functions. While one is served its functions are refused to all calls above (conflict), and these
    // calls leave alone what others have deployed (conflict).

    /// put(), of a function of the folder.
    Task<Result<Deployed>> put_placed(Placed placed);
    /// The same for many at once, as one change, of those whose code need not be tried: it is new, and nothing could serve instead of it, or
    /// it is what is there already. The others, and those for which something is to be pulled, built or installed first, are left for
    /// put_placed(): they have no result. Nothing is refused for what another one is.
    using Outcomes = std::vector<std::optional<Result<Deployed>>>;
    Task<Outcomes> put_placed_untried(std::vector<Placed> all);
    Task<Result<FunctionPtr>> remove_placed(std::string name);

private:
    using Functions = std::map<std::string, FunctionPtr, std::less<>>;

    using Change = std::pair<function::Spec, function::ImageFacts>;
    using Images = std::map<std::string, Result<function::ImageFacts>>;

    Status check_current(const std::string& name, const Precondition& precondition) const;
    Status keep_secrets(function::Spec& spec) const;
    Status check_secrets(function::Spec spec) const;
    Status check_stored_secrets(const function::Spec& spec) const;
    Status check_placed(const std::string& name) const;
    Task<Result<function::Spec>> read_placed(const Placed& placed);
    Task<Result<std::optional<Change>>> prepare_at_once(Placed placed, Images& images);
    /// Of the one at `at` of several.
    struct Made {
        std::size_t at;
        FunctionPtr before, after;
    };
    http::Router take_routes(Functions& functions, const std::vector<Made>& made, Outcomes& outcomes) const;
    Task<void> put_made(Functions functions, std::vector<Made> made, Outcomes& outcomes);
    Task<Result<FunctionPtr>> take_away(std::string name);
    /// Of a change: its image, which stays where it is ours to take away.
    struct Prepared {
        function::ImageFacts image;
        std::shared_ptr<const void> hold{};
    };
    Task<Result<Prepared>> prepare(function::Spec& spec);
    Task<Result<std::shared_ptr<const void>>> make_image(const function::Spec& spec);
    Task<Status> keep_code(function::Spec& spec);
    using Packages = std::function<Task<Result<std::string>>(FunctionPtr)>;
    Task<Status> add_packages(function::Spec& spec, const function::ImageFacts& image, const Packages& packages_of);
    static std::string known_kind(const FunctionPtr& before);
    static bool same_code(const function::Spec& spec, const function::ImageFacts& image, const FunctionPtr& before);
    Task<Result<function::Announced>> check_code(function::Spec& spec, const function::ImageFacts& image,
                                                 FunctionPtr before);
    Task<Result<function::Announced>> load_code(const function::Spec& spec, const function::ImageFacts& image);
    Task<Result<source::Tree>> keep_upload(const Upload& upload);
    Task<std::optional<Result<Deployed>>> change(FunctionPtr before, function::Spec spec);
    Task<Result<Deployed>> commit(function::Spec spec, function::ImageFacts image, std::string origin = {});
    bool is_there(const Change& change, const std::string& origin) const;
    Task<Result<FunctionPtr>> next_version(Change change, std::string origin, std::size_t count);
    static store::StoredFunction to_store(const function::Function& function);
    void announce(const FunctionPtr& before, const FunctionPtr& after);
    void publish(Functions functions, http::Router routes);
    std::string now() const;

    Settings settings_;
    store::Store& store_;
    docker::Engine& engine_;
    async::Clock& clock_;
    base::Log& log_;
    CatalogPtr catalog_;
    Observer observer_;
    async::Semaphore writer_;
    async::Semaphore resolves_;
};

/// The pointer value of a conflict that is a failed precondition (412) rather than a 409.
inline constexpr const char* precondition_failed = "precondition";

}  // namespace shallop::registry
