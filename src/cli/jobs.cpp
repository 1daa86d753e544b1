// SPDX-License-Identifier: Apache-2.0
// shallop jobs
#include <shallop/base/encoding.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <thread>

#include "cli/command.h"
#include "cli/job_text.h"
#include "cli/print.h"
#include "cli/queued.h"
#include "cli/resource_flags.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* root = "/v1/jobs";
constexpr auto look_pause = std::chrono::milliseconds(300);

struct Words {
    std::string function, file, input, timeout, keep, limit, id, index;
    std::vector<std::string> ids;
    ResourceFlags container;
    int completions = 1, parallelism = 1, max_attempts = 0;
    bool detach = false;
};

Result<Json> fetch_job(Rest& rest, const std::string& id) {
    return fetch(rest, std::string(root) + "/" + percent_encoded(id));
}

Result<std::string> read_input(const std::string& name) {
    if (name == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
    std::ifstream file(name, std::ios::binary);
    if (!file) return Complaint{"cannot read " + printable(name), "name a file, or - for standard input", 2};
    return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<Json> read_document(const std::string& name) {
    const auto text = read_input(name);
    if (!text) return text.error();
    auto job = Json::parse(*text, nullptr, false);
    if (!job.is_object())
        return Complaint{printable(name) + " is no JSON object", "give the document of a job: {\"image\": \"…\"}", 2};
    return job;
}

Result<Json> document_of(const Globals& globals, const Words& words) {
    if (!words.file.empty()) return read_document(words.file);
    if (words.container.image.empty() == words.function.empty())
        return Complaint{"it is not said what is to run",
                         "give an image, or --function NAME: shallop jobs run IMAGE -- COMMAND", 2};
    auto job = resource_from(words.container, from_environment);
    if (!job) return job;
    if (const auto limits = job->find("limits"); limits != job->end()) {
        (*job)["resources"] = *limits;
        job->erase("limits");
    }
    if (!words.function.empty()) (*job)["function"] = words.function;
    if (!globals.after_dashes.empty()) (*job)["command"] = globals.after_dashes;
    (*job)["completions"] = words.completions;
    (*job)["parallelism"] = words.parallelism;
    if (words.max_attempts > 0) (*job)["max_attempts"] = words.max_attempts;
    if (!words.timeout.empty()) (*job)["timeout"] = words.timeout;
    if (!words.keep.empty()) (*job)["keep"] = words.keep;
    if (!words.input.empty()) {
        auto input = read_input(words.input);
        if (!input) return input.error();
        if (!base::is_utf8(*input))
            return Complaint{"the input is not text in UTF-8, as a job's has to be",
                             "encode it, as with base64, and decode it in the job", 2};
        (*job)["input"] = std::move(*input);
    }
    return job;
}

/// Nothing is silently another text than was given.
Result<std::string> text_of(const Json& document) {
    try {
        return document.dump();
    } catch (const Json::type_error&) {
        return Complaint{"a word of the job is not text in UTF-8", "encode it, and decode it in the job", 2};
    }
}

/// Until it has ended: one line that changes on a terminal, a line for each change elsewhere.
Result<Json> follow(Rest& rest, const std::string& id, bool silent) {
    const bool terminal = ::isatty(STDERR_FILENO) != 0;
    std::string said;
    for (;;) {
        auto job = fetch_job(rest, id);
        if (!job) return job.error();
        const auto line = progress_line(*job, terminal ? 24 : 0);
        if (!silent && line != said) {
            std::fprintf(stderr, terminal ? "\r\x1b[K%s" : "%s\n", line.c_str());
            std::fflush(stderr);
        }
        said = line;
        if (job->value("state", "") != "running") {
            if (!silent && terminal) std::fprintf(stderr, "\n");
            return job;
        }
        std::this_thread::sleep_for(look_pause);
    }
}

Done print_log(Rest& rest, const std::string& id, const std::string& index) {
    Request request;
    request.path = std::string(root) + "/" + percent_encoded(id) + "/indexes/" + percent_encoded(index) + "/log";
    const auto reply = rest.ask(request);
    if (!reply) return reply.error();
    std::fwrite(reply->body.data(), 1, reply->body.size(), stdout);
    return {};
}

Done run(const Globals& globals, const Words& words) {
    const auto document = document_of(globals, words);
    if (!document) return document.error();
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    Request request;
    request.method = "POST";
    request.path = root;
    request.fields = {"Content-Type: application/json"};
    if (auto body = text_of(*document)) {
        request.body = std::move(*body);
    } else {
        return body.error();
    }
    const auto reply = (*rest)->ask(request);
    if (!reply) return reply.error();
    const auto made = Json::parse(reply->body, nullptr, false);
    const auto id = made.is_object() ? made.value("id", "") : "";
    if (words.detach) {
        std::printf("%s\n", globals.json ? made.dump().c_str() : id.c_str());
        return {};
    }
    if (!globals.json)
        std::fprintf(stderr, "job %s (it goes on if you leave; shallop jobs show %s)\n", id.c_str(), id.c_str());
    const auto ended = follow(**rest, id, globals.json);
    if (!ended) return ended.error();
    if (globals.json) std::printf("%s\n", ended->dump().c_str());
    const bool one = ended->value("completions", 0) == 1;
    if (one && !globals.json) {
        if (const auto printed = print_log(**rest, id, "0"); !printed) return printed;
    }
    if (ended->value("state", "") == "succeeded") return {};
    return Complaint{"the job " + ended->value("state", ""), one ? "" : "see which, and why: shallop jobs show " + id};
}

Done list(const Globals& globals, const Words& words) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto page = fetch(**rest, root + query_of({{"limit", words.limit}}));
    if (!page) return page.error();
    if (globals.json) {
        std::printf("%s\n", page->dump().c_str());
        return {};
    }
    const auto jobs = list_in(*page, "jobs");
    if (!jobs) return jobs.error();
    const auto text = job_table(*jobs, std::chrono::system_clock::now());
    std::printf("%s", text.empty() ? "no jobs; run one: shallop jobs run IMAGE -- COMMAND\n" : text.c_str());
    return {};
}

Done show(const Globals& globals, const Words& words) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    const auto& id = words.id;
    auto job = fetch_job(**rest, id);
    if (!job) return job.error();
    const auto path = std::string(root) + "/" + percent_encoded(id) + "/indexes?limit=1000";
    const auto page = fetch(**rest, path);
    if (!page) return page.error();
    const auto indexes = list_in(*page, "indexes");
    if (!indexes) return indexes.error();
    if (globals.json) {
        (*job)["index_list"] = *indexes;
        std::printf("%s\n", job->dump().c_str());
        return {};
    }
    std::printf("%s\n%s", progress_line(*job, 0).c_str(), index_table(*indexes).c_str());
    return {};
}

Done logs(const Globals& globals, const Words& words) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    return print_log(**rest, words.id, words.index);
}

Done tell(const Globals& globals, const Words& words, const char* method, const char* after, const char* said) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    for (const auto& id : words.ids) {
        const auto done = tell_server(**rest, method, std::string(root) + "/" + percent_encoded(id) + after);
        if (!done) return done.error();
        if (globals.json) {
            std::printf("%s\n", done->is_null() ? "{}" : done->dump().c_str());
        } else {
            std::printf("%s %s\n", said, printable(id).c_str());
        }
    }
    return {};
}

Done cancel(const Globals& globals, const Words& words) { return tell(globals, words, "POST", "/cancel", "cancelled"); }

Done remove(const Globals& globals, const Words& words) { return tell(globals, words, "DELETE", "", "removed"); }

void add_run(CLI::App& command, const std::shared_ptr<Words>& words) {
    command.add_option("IMAGE", words->container.image,
                       "what each index runs; words after -- go in place of its CMD (its ENTRYPOINT stays)");
    command.add_option("--function", words->function, "run a registered function's image or code instead");
    command.add_option("-f,--file", words->file, "the whole document of the job, as JSON; - is standard input");
    command.add_option("-n,--completions", words->completions, "indexes, from 0; SHALLOP_JOB_INDEX says which [1]");
    command.add_option("-p,--parallelism", words->parallelism, "containers at once [1]");
    command.add_option("--max-attempts", words->max_attempts, "of each index [3]");
    command.add_option("--timeout", words->timeout, "of one attempt [none]");
    command.add_option("--input", words->input, "a file that each gets as standard input; - is ours");
    command.add_option("--keep", words->keep, "of which indexes output and logs are kept")
        ->check(CLI::IsMember({"all", "failed", "none"}));
    add_container_flags(command, words->container);
    command.add_flag("-d,--detach", words->detach, "print the job's id and leave it running");
    command.footer(
        "Examples:\n"
        "  shallop jobs run debian:bookworm-slim -- date\n"
        "  shallop jobs run -n 10 -p 4 --max-attempts 20 worker:1");
}

using Doing = Done (*)(const Globals&, const Words&);

}  // namespace

void add_jobs(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = app.add_subcommand("jobs", "Run an image many times to the end; see how far jobs are");
    command->alias("job");
    command->require_subcommand(0, 1);
    command->add_option("--limit", words->limit, "list at most so many [50]")->check(CLI::Range(1, 1000));
    command->footer(
        "Examples:\n"
        "  shallop jobs run -n 10 -p 4 debian:bookworm-slim -- sh -c 'echo $SHALLOP_JOB_INDEX'\n"
        "  shallop jobs show ID\n"
        "  shallop jobs logs ID 3");
    const auto choose = [&](CLI::App* sub, Doing doing) {
        sub->callback([&globals, &chosen, words, doing] {
            chosen = [&globals, words, doing] { return doing(globals, *words); };
        });
    };
    auto* run_one = command->add_subcommand("run", "Begin one, and show how it goes");
    add_run(*run_one, words);
    choose(run_one, run);
    choose(command->add_subcommand("list", "List them, newest first; what happens without a word, too"), list);
    auto* show_one = command->add_subcommand("show", "Show one, index by index");
    auto* log_one = command->add_subcommand("logs", "Print what one index has written");
    auto* cancel_some = command->add_subcommand("cancel", "Cancel what waits, stop what runs");
    auto* remove_some = command->add_subcommand("remove", "Forget those that have ended");
    for (auto [sub, doing] :
         {std::pair<CLI::App*, Doing>{show_one, show}, {log_one, logs}, {cancel_some, cancel}, {remove_some, remove}}) {
        if (doing == show || doing == logs) {
            sub->add_option("ID", words->id, "of the job")->required();
        } else {
            sub->add_option("ID", words->ids, "of the jobs")->required();
        }
        choose(sub, doing);
    }
    log_one->add_option("INDEX", words->index, "from 0")->required();
    command->callback([&globals, &chosen, words, command] {
        if (!command->get_subcommands().empty()) return;
        chosen = [&globals, words] { return list(globals, *words); };
    });
}

}  // namespace shallop::cli
