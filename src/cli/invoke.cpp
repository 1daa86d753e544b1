// SPDX-License-Identifier: Apache-2.0
// shallop invoke
#include <shallop/base/encoding.h>
#include <shallop/folder/code.h>

#include <CLI/CLI.hpp>

#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstring>
#include <memory>

#include "cli/command.h"
#include "cli/invocation_text.h"
#include "cli/queued.h"
#include "cli/timing.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Words {
    std::string name, path, method;
    std::vector<std::string> fields;
    std::string data;
    bool has_data = false;
    bool include = false;
    bool time = false;
    bool later = false;  ///< queue it
    bool wait = false;   ///< and wait for its end
    std::string idempotency_key, ordering_key, callback;
};

bool is_refusal(const Head& head) {
    return head.status >= 400 && head.field("content-type").starts_with("application/problem+json");
}

void print_head(const Head& head) {
    std::printf("HTTP/1.1 %ld\n", head.status);
    for (const auto& [name, value] : head.fields) std::printf("%s: %s\n", name.c_str(), value.c_str());
    std::printf("\n");
}

/// Fills in body and method; the file that is being sent, if it is one.
Result<folder::File> load(const Words& words, Request& request) {
    request.method = !words.method.empty() ? words.method : words.has_data ? "POST" : "GET";
    if (words.data != "-" && !words.data.starts_with('@')) {
        request.body = words.data;
        return folder::File();
    }
    folder::File file(words.data == "-" || words.data == "@-" ? stdin : std::fopen(words.data.c_str() + 1, "rb"));
    if (!file) {
        return Complaint{"cannot read " + words.data.substr(1) + ": " + std::strerror(errno),
                         "check the file's name, or give the text itself"};
    }
    request.upload = file.get();
    return file;
}

Done print_json(const Reply& reply, bool time) {
    Json fields = Json::object();
    for (const auto& [name, value] : reply.head.fields) {
        auto& field = fields[name];
        if (field.is_string()) field = Json::array({field});  // it came before
        if (field.is_array()) {
            field.push_back(value);
        } else {
            field = value;
        }
    }
    Json answer = {{"status", reply.head.status}, {"headers", fields}};
    if (base::is_utf8(reply.body)) {
        answer["body"] = reply.body;
    } else {
        answer["body_base64"] = base::to_base64(reply.body);
    }
    if (time) answer["timing"] = timing_json(reply);
    std::printf("%s\n", answer.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    if (reply.head.status < 400) return {};
    return Complaint{"the function answered " + std::to_string(reply.head.status), ""};
}

/// The head of the request; its body is yet to be loaded.
Request request_of(const Words& words) {
    Request request;
    request.path = (words.later ? "/async-function/" : "/function/") + percent_encoded(words.name);
    if (!words.path.empty() && words.path.front() != '/' && words.path.front() != '?') request.path += '/';
    request.path += words.path;
    request.fields = words.fields;
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) request.fields.push_back(name + (": " + value));
    };
    add("Idempotency-Key", words.idempotency_key);
    add("Shallop-Ordering-Key", words.ordering_key);
    add("X-Callback-Url", words.callback);
    return request;
}

/// Prints the id alone, for scripts; or waits, and prints the reply as if nothing had been queued.
Done queue(const Globals& globals, const Words& words) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    auto request = request_of(words);
    const auto file = load(words, request);
    if (!file) return file.error();
    const auto reply = (*rest)->ask(request);
    if (!reply) return reply.error();
    auto accepted = Json::parse(reply->body, nullptr, false);
    if (!accepted.is_object()) return complaint_from(reply->head.status, reply->body);
    const auto id = text_member(accepted, "id");
    if (!words.wait) {
        accepted["repeated"] = reply->head.field("idempotency-replayed") == "true";
        std::printf("%s\n", globals.json ? accepted.dump().c_str() : id.c_str());
        return {};
    }
    std::fflush(stdout);
    const auto ended = wait_for_end(**rest, id, std::nullopt);
    if (!ended) return ended.error();
    if (globals.json) {
        std::printf("%s\n", ended->dump().c_str());
    } else if (!ended->value("queued", Json::object()).value("reply", Json()).is_null()) {
        if (const auto printed = print_result(**rest, id); !printed) return printed;
    }
    return judged(*ended);
}

/// The reply goes to standard output as it comes.
Done invoke(const Globals& globals, const Words& words) {
    const auto rest = connect(globals);
    if (!rest) return rest.error();
    auto request = request_of(words);
    const auto file = load(words, request);
    if (!file) return file.error();
    if (!globals.json) {
        request.choose_sink = [&](const Head& head) -> std::function<void(std::string_view)> {
            if (is_refusal(head)) return {};
            if (words.include) print_head(head);
            return [](std::string_view piece) { std::fwrite(piece.data(), 1, piece.size(), stdout); };
        };
    }
    const auto reply = (*rest)->call(request);
    std::fflush(stdout);
    if (!reply) return reply.error();
    if (words.time && !globals.json) std::fprintf(stderr, "%s", timing_text(*reply).c_str());
    if (is_refusal(reply->head)) return complaint_from(reply->head.status, reply->body);
    if (globals.json) return print_json(*reply, words.time);
    if (reply->head.status < 400) return {};
    return Complaint{"the function answered " + std::to_string(reply->head.status),
                     "what it wrote to its log: shallop logs " + words.name};
}

}  // namespace

void add_invoke(CLI::App& app, const Globals& globals, Chosen& chosen) {
    auto words = std::make_shared<Words>();
    auto* command = app.add_subcommand("invoke", "Call a function and print its reply");
    command->add_option("NAME", words->name, "of the function")->required();
    auto* data = command->add_option("-d,--data", words->data, "the body: TEXT, @FILE, or - for standard input");
    command->add_option("--path", words->path, "what follows the function in the URL, with the query");
    command->add_option("-X,--method", words->method, "POST with data, else GET");
    command->add_option("-H,--header", words->fields, "'Name: value'; may be repeated")->allow_extra_args(false);
    auto* include = command->add_flag("-i,--include", words->include, "print the reply's head too");
    auto* time =
        command->add_flag("--time", words->time, "say on standard error how long what took; with --json in the answer");
    auto* later = command->add_flag("--async", words->later, "queue it to be run later, and print the invocation's id");
    later->excludes(include)->excludes(time);
    command->add_flag("--wait", words->wait, "wait until it has run, and print the reply")->needs(later);
    command
        ->add_option("--idempotency-key", words->idempotency_key, "queue it once, however often this is said in 24 h")
        ->needs(later);
    command->add_option("--ordering-key", words->ordering_key, "run it after those queued before it with the same key")
        ->needs(later);
    command->add_option("--callback", words->callback, "URL to which its reply is sent when it has run")->needs(later);
    command->footer(
        "Examples:\n"
        "  shallop invoke shout -d 'not so loud'\n"
        "  shallop invoke resize -d @photo.jpg --path '/small?quality=80' > small.jpg\n"
        "  shallop invoke shout -d loud --time\n"
        "  shallop invoke shout -d later --async --wait");
    command->callback([&globals, &chosen, words, data] {
        words->has_data = data->count() > 0;
        chosen = [&globals, words] { return words->later ? queue(globals, *words) : invoke(globals, *words); };
    });
}

}  // namespace shallop::cli
