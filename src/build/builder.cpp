// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/digest.h>
#include <shallop/build/builder.h>
#include <shallop/function/resource.h>
#include <shallop/source/spool.h>

#include <algorithm>
#include <array>
#include <deque>
#include <vector>

#include "build/asks.h"
#include "build/contexts.h"

namespace shallop::build {

using base::Error;
using base::Fault;

namespace {

constexpr auto inspect_patience = std::chrono::seconds(10);
constexpr Bytes longest_file = 4ULL << 20;  ///< of those that ask for packages: a package-lock.json is long

/// The last lines of a build.
class LastWords {
public:
    explicit LastWords(std::size_t most) : most_(most) {}

    void add(const std::string& line) {
        size_ += line.size() + 1;
        lines_.push_back(line);
        while (size_ > most_ && lines_.size() > 1) {
            size_ -= lines_.front().size() + 1;
            lines_.pop_front();
        }
    }
    std::string text() const {
        std::string all;
        for (const auto& line : lines_) all += line + "\n";
        return all.substr(0, most_);
    }

private:
    std::size_t most_, size_ = 0;
    std::deque<std::string> lines_;
};

class NoBody final : public function::BodySource {
public:
    Task<Result<std::size_t>> read(std::span<char>) override { co_return std::size_t{0}; }
};

class ToSpool final : public function::ReplySink {
public:
    explicit ToSpool(source::Spool& spool) : spool_(spool) {}
    Task<Status> begin(function::ReplyHead head) override {
        begun_ = true;
        status = head.status;
        co_return Status();
    }
    Task<Status> write(std::span<const char> bytes) override { co_return spool_.write(bytes); }
    bool begun() const override { return begun_; }

    int status = 0;

private:
    source::Spool& spool_;
    bool begun_ = false;
};

std::string image_name(const std::string& name) { return function::runtime_image(name); }

}  // namespace

/// What a function asks to be installed; nothing where `files` is empty.
struct Builder::Wish {
    std::vector<std::string> files;
    std::string name;  ///< under which the outcome is remembered
};

Builder::Builder(Settings settings, docker::Engine& engine, instance::Launcher& launcher, async::Clock& clock,
                 base::Log& log, async::Executor executor)
    : settings_(std::move(settings)),
      engine_(engine),
      launcher_(launcher),
      clock_(clock),
      log_(log),
      images_(executor, 1),
      installs_(executor, 1),
      unused_(executor) {}

Task<Status> Builder::runtime(std::string name, std::string function) {
    const auto context = context_of(name);
    if (context.empty()) co_return Error(Fault::not_found, "there is no runtime '" + name + "'");
    const auto image = image_name(name);
    const auto turn = co_await images_.acquire();
    const auto soon = clock_.now() + inspect_patience;
    const auto there = co_await engine_.inspect_image(image, soon);
    if (there) co_return Status();  // built while this waited
    if (there.error().fault != Fault::not_found) co_return there.error();

    std::string tar(context);
    std::map<std::string, std::string> labels{{"shallop.runtime.built-by", "shallop/" SHALLOP_VERSION}};
    auto built = co_await build(std::move(tar), image, std::move(labels), std::move(function));
    if (built) co_return built;
    auto error = built.error();
    error.detail = "image " + image + " cannot be built: " + error.detail;
    co_return error;
}

Task<Status> Builder::build(std::string context, std::string image, std::map<std::string, std::string> labels,
                            std::string function) {
    log_.info("building an image", {{"image", image}, {"function", function}});
    const auto began = clock_.now();
    LastWords words(settings_.words);
    const std::function<void(std::string)> line = [&](std::string text) {
        words.add(text);
        if (settings_.line) settings_.line(function, std::move(text));
    };
    const auto deadline = began + settings_.image_time;
    const auto built = co_await engine_.build(std::move(context), image, std::move(labels), line, deadline);
    if (!built) {
        auto error = built.error();
        error.log = words.text();
        co_return error;
    }
    log_.info("built an image", {{"image", image}, {"took", base::format_duration(clock_.now() - began)}});
    co_return Status();
}

Task<Result<Builder::Wish>> Builder::wish(const function::Function& function) {
    const auto& source = *function.spec.source;
    const auto tree = co_await settings_.code->find(source.code);
    if (!tree) co_return tree.error();
    Wish wish;
    wish.files = package_files(source.runtime, tree->files);
    if (wish.files.empty()) co_return wish;
    base::Digest digest;
    digest.add_text(function.image.id);
    for (const auto& file : wish.files) {
        auto text = co_await settings_.code->read(source.code, file, longest_file);
        if (!text) co_return text.error();
        if (file == wish.files.front() && !asks_for_packages(file, *text)) co_return Wish();
        digest.add_text(file);
        digest.add_text(*text);
        if (file == wish.files.front() && names_other_files(file, *text)) digest.add_text(source.code);
    }
    wish.name = digest.take_hex();
    co_return wish;
}

Task<Result<std::string>> Builder::known_packages(function::FunctionPtr function) {
    if (settings_.code == nullptr || !function->spec.source) co_return std::string();
    const auto wished = co_await wish(*function);
    if (!wished) co_return wished.error();
    if (wished->files.empty()) co_return std::string();
    co_return co_await settings_.code->recall(wished->name);
}

Task<Result<std::string>> Builder::packages(function::FunctionPtr function) {
    if (settings_.code == nullptr || !function->spec.source) co_return std::string();
    const auto wished = co_await wish(*function);
    if (!wished) co_return wished.error();
    if (wished->files.empty()) co_return std::string();
    auto known = co_await settings_.code->recall(wished->name);
    if (known) co_return known;
    const auto turn = co_await installs_.acquire();
    known = co_await settings_.code->recall(wished->name);
    if (known) co_return known;  // installed while this waited
    co_return co_await install(*function, *wished);
}

/// The function whose one run is the installation.
Task<Result<function::FunctionPtr>> Builder::installer(const function::Function& function, std::string name) {
    const auto built = co_await runtime(name, function.spec.name);
    if (!built) co_return built.error();
    const auto soon = clock_.now() + inspect_patience;
    const auto image = co_await engine_.inspect_image(image_name(name), soon);
    if (!image) co_return image.error();
    function::Function made;
    auto& spec = made.spec;
    spec.name = function.spec.name;
    spec.image = image_name(name);
    spec.source.emplace().runtime = function.spec.source->runtime;
    spec.source->code = function.spec.source->code;
    spec.env = settings_.env;
    spec.network = settings_.network;
    spec.scale.reuse = false;
    spec.limits.timeout = settings_.packages_time;
    spec.limits.memory = settings_.memory;
    spec.limits.tmp = settings_.memory;
    spec.limits.response_body = settings_.packages;
    made.image.id = image->id;
    made.image.entrypoint = image->entrypoint;
    made.image.cmd = image->cmd;
    made.image.env = image->env;
    made.image.working_dir = image->working_dir;
    made.version = function.version;
    co_return std::make_shared<const function::Function>(std::move(made));
}

Task<Result<std::string>> Builder::install(const function::Function& function, const Wish& wish) {
    const auto& name = function.spec.name;
    const auto& asking = wish.files.front();
    auto made = co_await installer(function, function.spec.source->runtime + "-packages");
    if (!made) co_return made.error();
    log_.info("installing packages", {{"function", name}, {"file", asking}});
    const auto began = clock_.now();
    const auto deadline = began + settings_.packages_time;
    auto instance = co_await launcher_.launch(*made, deadline);
    if (!instance) co_return instance.error();

    function::Event event;
    event.method = "GET";
    event.target = "/";
    NoBody body;
    source::Spool spool(settings_.code->new_upload());
    ToSpool sink(spool);
    LastWords words(settings_.words);
    contract::Call call{event, body, sink, deadline};
    call.stderr_line = [&](std::string line) {
        words.add(line);
        if (settings_.line) settings_.line(name, std::move(line));
    };
    const auto outcome = co_await (*instance)->driver().exchange(call);
    const bool done = outcome && !outcome->reply_incomplete && outcome->exit_code == 0 && sink.status == 200;
    if (!done && (outcome || outcome.error().fault == Fault::function_failed)) {
        Error failed(Fault::invalid, "the packages of " + asking + " cannot be installed: " + reason_of(words.text()),
                     "/source");
        failed.log = words.text();
        co_return failed;
    }
    if (!done) {
        auto error = outcome.error();
        error.detail = "the packages of " + asking + " cannot be installed: " + error.detail;
        if (error.fault == Fault::timed_out || error.fault == Fault::out_of_memory)
            error = Error(Fault::invalid, error.detail, "/source");
        error.log = words.text();
        co_return error;
    }
    const auto tree = co_await settings_.code->put_packages(spool.path());
    if (!tree) co_return tree.error();
    auto remembered = co_await settings_.code->remember(wish.name, tree->id);
    if (!remembered) co_return remembered.error();
    log_.info("installed packages", {{"function", name},
                                     {"file", asking},
                                     {"packages", tree->id},
                                     {"took", base::format_duration(clock_.now() - began)}});
    co_return tree->id;
}

}  // namespace shallop::build
