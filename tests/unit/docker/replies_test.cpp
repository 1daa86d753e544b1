// SPDX-License-Identifier: Apache-2.0
#include "docker/api_version.h"
#include "docker/codec_container.h"
#include "docker/codec_engine.h"
#include "docker/refusal.h"
#include "docker/streams.h"
#include "support/results.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fstream>
#include <sstream>

using namespace shallop;
using namespace shallop::docker;
using base::Fault;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string recorded(const std::string& name) {
    std::ifstream file(std::string(SHALLOP_SOURCE_DIR "/tests/unit/docker/data/") + name, std::ios::binary);
    REQUIRE(file);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

TEST_CASE("versions are read and the newest common API is chosen", "[docker]") {
    const std::vector<std::array<std::string, 3>> engines{{"20.10", "20.10.24+dfsg1", "1.41"},
                                                          {"26.1", "26.1.5+dfsg1", "1.45"},
                                                          {"28.2", "28.2.2", "1.47"},
                                                          {"29.0", "29.0.0", "1.47"}};
    for (const auto& [directory, words, api] : engines) {
        CAPTURE(directory);
        const auto version = decode_version(recorded(directory + "/version.json"));
        REQUIRE(version);
        CHECK(version->version == words);
        CHECK(version->os == "linux");
        CHECK(version->arch == "amd64");
        const auto chosen = choose_api_version(*version);
        REQUIRE(chosen);
        CHECK(chosen->text() == api);
    }
}

TEST_CASE("an engine too old, too new or of no version is refused with what to do", "[docker]") {
    auto engine = [](const char* newest, const char* oldest) {
        Version version;
        version.api_version = newest;
        version.min_api_version = oldest;
        return choose_api_version(version);
    };
    CHECK_THAT(engine("1.39", "1.12").error().detail, ContainsSubstring("update the engine"));
    CHECK_THAT(engine("1.60", "1.48").error().detail, ContainsSubstring("update Shallop"));
    CHECK(engine("", "").error().fault == Fault::engine_refused);
    CHECK(engine("one", "").error().fault == Fault::engine_refused);
    CHECK(engine("1.40", "").value() == ApiVersion{1, 40});
    CHECK(engine("1.47", "1.47").value() == ApiVersion{1, 47});
    CHECK(engine("2.0", "1.44").value() == ApiVersion{1, 47});
    for (const char* bad : {"", ".", "1.", ".1", "1.4x", "-1.4", "1.-4", "99999.1", "1.41 "})
        CHECK_FALSE(parse_api_version(bad));
}

TEST_CASE("a refused API version is told from other refusals", "[docker]") {
    for (const char* file : {"20.10/version_too_new.json", "26.1/version_too_new.json", "26.1/version_too_old.json",
                             "29.0/version_too_old.json"}) {
        CHECK(refuses_api_version(400, message_of(recorded(file))));
    }
    CHECK(refuses_api_version(400,
                              "client version 1.2 is too old. Minimum supported API version is 1.12, please upgrade"));
    CHECK_FALSE(refuses_api_version(400, message_of(recorded("20.10/create_bad_mount.json"))));
    CHECK_FALSE(refuses_api_version(500, message_of(recorded("26.1/version_too_old.json"))));
}

TEST_CASE("info is read", "[docker]") {
    const std::string directory = GENERATE("20.10", "26.1");
    const auto info = decode_info(recorded(directory + "/info.json"));
    REQUIRE(info);
    CHECK(info->storage_driver == "overlay2");
    CHECK(info->cgroup_version == "1");
    CHECK(info->cgroup_driver == "cgroupfs");
    CHECK(info->default_runtime == "runc");
    CHECK(std::count(info->runtimes.begin(), info->runtimes.end(), "runc") == 1);
    CHECK(info->cpus == 2);
    CHECK(info->memory > 1'000'000'000);
    CHECK_FALSE(info->id.empty());
    CHECK_FALSE(info->name.empty());
}

TEST_CASE("an image's configuration is read, with or without its empty members", "[docker]") {
    const std::string directory = GENERATE("20.10", "26.1");
    const auto full = decode_image(recorded(directory + "/image_full.json"));
    REQUIRE(full);
    CHECK(full->id.starts_with("sha256:"));
    CHECK(full->entrypoint == std::vector<std::string>{"/bin/sh"});
    CHECK(full->cmd == std::vector<std::string>{"-c", "exit 7"});
    CHECK(full->env == std::vector<std::string>{"A=b c"});
    CHECK(full->working_dir == "/work");
    CHECK(full->user == "65534:65534");
    CHECK(full->exposed_ports == std::vector<std::string>{"53/udp", "8080/tcp"});
    CHECK(full->labels == std::map<std::string, std::string>{{"team", "a=b"}});
    const auto plain = decode_image(recorded(directory + "/image_plain.json"));
    REQUIRE(plain);
    CHECK(plain->entrypoint.empty());
    CHECK(plain->cmd.empty());
    CHECK(plain->env.empty());
    CHECK(plain->exposed_ports.empty());
    CHECK(plain->labels.empty());
    const auto newer = decode_image(recorded("28.2/image_plain.json"));
    REQUIRE(newer);
    CHECK(newer->entrypoint.empty());
    CHECK(newer->cmd == std::vector<std::string>{"/bin/sh"});
    CHECK(newer->env.size() == 1);
}

TEST_CASE("a container's state is read in each of its states", "[docker]") {
    const std::string directory = GENERATE("20.10", "26.1");
    const auto created = decode_container(recorded(directory + "/inspect_created.json"));
    REQUIRE(created);
    CHECK(created->name == "recorded");
    CHECK(created->status == "created");
    CHECK_FALSE(created->running);
    CHECK(created->labels.at("team") == "a=b");
    CHECK(created->image.starts_with("sha256:"));
    REQUIRE(created->mounts.size() == 1);
    CHECK(created->mounts[0].type == "bind");
    CHECK(created->mounts[0].source == "/etc");
    CHECK(created->mounts[0].destination == "/in");
    CHECK(decode_created(recorded(directory + "/create.json")).value() == created->id);

    const auto running = decode_container(recorded(directory + "/inspect_running.json"));
    REQUIRE(running);
    CHECK(running->status == "running");
    CHECK(running->running);
    const auto exited = decode_container(recorded(directory + "/inspect_exited.json"));
    REQUIRE(exited);
    CHECK(exited->status == "exited");
    CHECK(exited->exit_code == 0);
    CHECK_FALSE(exited->oom_killed);
    CHECK(exited->error.empty());

    const auto list = decode_list(recorded(directory + "/list.json"));
    REQUIRE(list);
    REQUIRE(list->size() == 1);
    CHECK(list->front().id == created->id);
    CHECK(list->front().name == "recorded");
    CHECK(list->front().state == "running");
    CHECK(list->front().labels.at("team") == "a=b");
}

TEST_CASE("the exit code of a wait is read, and an error inside it", "[docker]") {
    CHECK(decode_wait(recorded("20.10/wait.json")).value().value() == 0);
    CHECK(decode_wait(recorded("26.1/wait.json")).value().value() == 0);
    CHECK(decode_wait(R"({"Error":null,"StatusCode":137})").value().value() == 137);
    const auto failed = decode_wait(recorded("26.1/wait_not_started.json"));
    REQUIRE(failed);
    REQUIRE_FALSE(*failed);
    CHECK_THAT(failed->error().detail, ContainsSubstring("cgroup"));
    CHECK_FALSE(decode_wait("{}"));
    CHECK_FALSE(decode_wait(R"({"StatusCode":"7"})"));
}

TEST_CASE("events are read line by line", "[docker]") {
    const std::string directory = GENERATE("20.10", "26.1");
    Lines lines(65536);
    REQUIRE(lines.feed(recorded(directory + "/events.jsonl")));
    std::vector<std::string> actions;
    std::int64_t last = 0;
    while (const auto line = lines.next()) {
        const auto event = decode_event(*line);
        REQUIRE(event);
        CHECK(event->type == "container");
        CHECK(event->id.size() == 64);
        CHECK(event->attributes.at("name") == "recorded");
        CHECK(event->time_nano >= last);
        last = event->time_nano;
        actions.push_back(event->action);
        if (event->action == "die") CHECK(event->attributes.contains("exitCode"));
    }
    CHECK(actions ==
          std::vector<std::string>{"create", "start", "die", "destroy", "create", "start", "die", "destroy"});
    const auto newer = decode_event(recorded("29.0/events.jsonl"));
    REQUIRE(newer);
    CHECK(newer->action == "die");
    CHECK(newer->id.starts_with("7315e3111abc"));
}

TEST_CASE("logs are taken out of their frames", "[docker]") {
    const std::string directory = GENERATE("20.10", "26.1");
    LogFrames frames(1024);
    REQUIRE(frames.feed(recorded(directory + "/logs.bin")));
    const std::string text = frames.take();
    CHECK(text.size() == 13);
    CHECK_THAT(text, ContainsSubstring("one\n"));
    CHECK_THAT(text, ContainsSubstring("two\n"));
    CHECK_THAT(text, ContainsSubstring("three"));
}

TEST_CASE("each refusal has its fault and the engine's words", "[docker]") {
    struct Case {
        Verb verb;
        int status;
        const char* file;
        Fault fault;
        const char* words;
    };
    const std::string directory = GENERATE("20.10", "26.1");
    const std::vector<Case> cases{
        {Verb::start, 400, "start_no_command", Fault::launch_failed, "no such file or directory"},
        {Verb::start, 400, "start_not_in_path", Fault::launch_failed, "executable file not found in $PATH"},
        {Verb::start, 400, "start_permission", Fault::launch_failed, "permission denied"},
        {Verb::start, 500, "start_bad_user", Fault::launch_failed, "unable to find user nobodyhere"},
        {Verb::start, 404, "start_no_network", Fault::launch_failed, "network nosuch not found"},
        {Verb::start, 404, "remove_missing", Fault::not_found, "No such container"},
        {Verb::create, 404, "create_no_image", Fault::not_found, "No such image"},
        {Verb::create, 409, "create_conflict", Fault::conflict, "already in use"},
        {Verb::create, 400, "create_bad_mount", Fault::engine_refused, "bind source path does not exist"},
        {Verb::create, 400, "create_bad_runtime", Fault::engine_refused, "nosuch"},
        {Verb::inspect_image, 404, "image_missing", Fault::not_found, "o such image"},
        {Verb::kill, 409, "kill_not_running", Fault::conflict, "is not running"},
        {Verb::logs, 501, "logs_none", Fault::engine_refused, "does not support reading"},
        {Verb::pull, 500, "pull_no_registry", Fault::engine_refused, "connection refused"},
    };
    for (const auto& one : cases) {
        CAPTURE(one.file);
        const auto error = refusal(one.verb, one.status, recorded(directory + "/" + one.file + ".json"));
        CHECK(error.fault == one.fault);
        CHECK_THAT(error.detail, ContainsSubstring(one.words));
    }
}
