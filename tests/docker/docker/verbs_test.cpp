// SPDX-License-Identifier: Apache-2.0
#include "docker/transport.h"
#include "lab.h"

#include <catch2/matchers/catch_matchers_string.hpp>

using namespace shallop;
using namespace std::chrono_literals;
using base::Fault;
using Catch::Matchers::ContainsSubstring;
using test::Lab;

TEST_CASE("the engine answers ping, version and info", "[docker]") {
    Lab lab;
    REQUIRE(lab.loop.run(lab.engine.ping(lab.soon())));
    const auto version = lab.loop.run(lab.engine.version(lab.soon()));
    REQUIRE(version);
    CHECK(version->api_version.starts_with("1."));
    CHECK(version->os == "linux");
    const auto info = lab.loop.run(lab.engine.info(lab.soon()));
    REQUIRE(info);
    CHECK(info->cpus > 0);
    CHECK(info->memory > 0);
    CHECK_FALSE(info->runtimes.empty());
}

TEST_CASE("an image is inspected by name and by id, and found missing", "[docker]") {
    Lab lab;
    const auto image = lab.loop.run(lab.engine.inspect_image("debian:bookworm-slim", lab.soon()));
    REQUIRE(image);
    CHECK(image->id.starts_with("sha256:"));
    const auto same = lab.loop.run(lab.engine.inspect_image(image->id, lab.soon()));
    REQUIRE(same);
    CHECK(same->id == image->id);
    const auto missing = lab.loop.run(lab.engine.inspect_image("shallop.invalid/no/such:image", lab.soon()));
    REQUIRE_FALSE(missing);
    CHECK(missing.error().fault == Fault::not_found);
    CHECK_THAT(missing.error().detail, ContainsSubstring("o such image"));
}

TEST_CASE("what is no id, name, reference, signal or condition never becomes a path", "[docker]") {
    Lab lab;
    for (const std::string bad : {"", "..", "../images/json", "a/b?c", "a?b", "a b", "-a"}) {
        CAPTURE(bad);
        CHECK(lab.loop.run(lab.engine.start(bad, lab.soon())).error().fault == Fault::invalid);
        CHECK(lab.loop.run(lab.engine.inspect(bad, lab.soon())).error().fault == Fault::invalid);
        CHECK(lab.loop.run(lab.engine.inspect_image(bad, lab.soon())).error().fault == Fault::invalid);
        CHECK(lab.loop.run(lab.engine.create(lab.spec({"true"}), bad, lab.soon())).error().fault == Fault::invalid);
    }
    CHECK(lab.loop.run(lab.engine.kill("abc", "KILL&x=1", lab.soon())).error().fault == Fault::invalid);
    CHECK(lab.loop.run(lab.engine.wait("abc", "", lab.soon())).error().fault == Fault::invalid);
}

TEST_CASE("a container is created, started, waited for, inspected and removed", "[docker]") {
    Lab lab;
    const auto id = lab.create(lab.spec({"sh", "-c", "exit 7"}), "life");
    auto state = lab.loop.run(lab.engine.inspect(id, lab.soon()));
    REQUIRE(state);
    CHECK(state->status == "created");
    CHECK(state->name == lab.name("life"));
    CHECK(state->labels.at("shallop.test") == lab.mark);

    REQUIRE(lab.loop.run(lab.engine.start(id, lab.soon())));
    const auto code = lab.loop.run(lab.engine.wait(id, "not-running", lab.soon()));
    REQUIRE(code);
    CHECK(*code == 7);
    state = lab.loop.run(lab.engine.inspect(id, lab.soon()));
    REQUIRE(state);
    CHECK(state->status == "exited");
    CHECK(state->exit_code == 7);
    CHECK_FALSE(state->running);

    const auto listed = lab.loop.run(lab.engine.list({lab.label()}, lab.soon()));
    REQUIRE(listed);
    REQUIRE(listed->size() == 1);
    CHECK(listed->front().id == id);
    CHECK(listed->front().state == "exited");
    CHECK(listed->front().name == lab.name("life"));

    REQUIRE(lab.loop.run(lab.engine.remove(id, lab.soon())));
    CHECK(lab.loop.run(lab.engine.inspect(id, lab.soon())).error().fault == Fault::not_found);
    REQUIRE(lab.loop.run(lab.engine.remove(id, lab.soon())));  // gone counts as done
    CHECK(lab.loop.run(lab.engine.start(id, lab.soon())).error().fault == Fault::not_found);
}

TEST_CASE("starting twice is fine, killing works once, a name is taken once", "[docker]") {
    Lab lab;
    const auto id = lab.create(lab.spec({"sleep", "60"}), "twice");
    const auto again = lab.loop.run(lab.engine.create(lab.spec({"true"}), lab.name("twice"), lab.soon()));
    REQUIRE_FALSE(again);
    CHECK(again.error().fault == Fault::conflict);

    REQUIRE(lab.loop.run(lab.engine.start(id, lab.soon())));
    REQUIRE(lab.loop.run(lab.engine.start(id, lab.soon())));
    const auto late = lab.loop.run(lab.engine.wait(id, "not-running", lab.loop.in(50ms)));
    REQUIRE_FALSE(late);
    CHECK(late.error().fault == Fault::timed_out);

    REQUIRE(lab.loop.run(lab.engine.kill(id, "KILL", lab.soon())));
    CHECK(lab.loop.run(lab.engine.wait(id, "not-running", lab.soon())).value() == 137);
    CHECK(lab.loop.run(lab.engine.kill(id, "KILL", lab.soon())).error().fault == Fault::conflict);
}

TEST_CASE("a container that cannot start says why", "[docker]") {
    Lab lab;
    const std::vector<std::pair<std::string, std::string>> cases{{"/no/such/file", "no such file"},
                                                                 {"nosuchcommand", "executable file not found"},
                                                                 {"/etc/passwd", "permission denied"}};
    int n = 0;
    for (const auto& [command, words] : cases) {
        CAPTURE(command);
        const auto id = lab.create(lab.spec({command}), "bad" + std::to_string(n++));
        const auto started = lab.loop.run(lab.engine.start(id, lab.soon()));
        REQUIRE_FALSE(started);
        CHECK(started.error().fault == Fault::launch_failed);
        CHECK_THAT(started.error().detail, ContainsSubstring(words));
    }
    auto nobody = lab.spec({"true"});
    nobody.user = "nobodyhere";
    const auto id = lab.create(nobody, "user");
    CHECK(lab.loop.run(lab.engine.start(id, lab.soon())).error().fault == Fault::launch_failed);
    auto elsewhere = lab.spec({"true"});
    elsewhere.network = "docker-test-nosuch";
    const auto lost = lab.create(elsewhere, "network");
    CHECK(lab.loop.run(lab.engine.start(lost, lab.soon())).error().fault == Fault::launch_failed);
}

TEST_CASE("creating from an image or with a mount that is not there is refused with the engine's words", "[docker]") {
    Lab lab;
    auto spec = lab.spec({"true"});
    spec.image = "shallop.invalid/nosuch:1";
    const auto absent = lab.loop.run(lab.engine.create(spec, lab.name("absent"), lab.soon()));
    REQUIRE_FALSE(absent);
    CHECK(absent.error().fault == Fault::not_found);
    CHECK_THAT(absent.error().detail, ContainsSubstring("No such image"));
    spec = lab.spec({"true"});
    spec.mounts.push_back({"bind", "/no/such/source", "/mnt", true, 0});
    const auto unmounted = lab.loop.run(lab.engine.create(spec, lab.name("unmounted"), lab.soon()));
    REQUIRE_FALSE(unmounted);
    CHECK(unmounted.error().fault == Fault::engine_refused);
    CHECK_THAT(unmounted.error().detail, ContainsSubstring("bind source path does not exist"));
}

TEST_CASE("a container is locked down from the inside", "[docker]") {
    Lab lab;
    // Each line that fails ends the script with its number.
    const std::string script = R"sh(
        n=0; check() { n=$((n+1)); "$@" || exit $n; }
        has() { grep -q "$1" "$2"; }
        hasnt() { ! grep -q "$1" "$2"; }
        check has '^CapEff:[[:space:]]*0000000000000000$' /proc/self/status
        check has '^CapBnd:[[:space:]]*0000000000000000$' /proc/self/status
        check has '^NoNewPrivs:[[:space:]]*1$' /proc/self/status
        check has '^Seccomp:[[:space:]]*2$' /proc/self/status
        check [ "$(ls /sys/class/net)" = lo ]
        check eval '! touch /file 2>/dev/null'
        check eval 'printf "#!/bin/sh\nexit 0\n" > /tmp/run && chmod 755 /tmp/run && /tmp/run'
        check eval '! head -c 2000000 /dev/zero > /tmp/big 2>/dev/null'
        check has ' /tmp tmpfs .*nosuid,nodev.*nr_inodes=1024' /proc/mounts
        check hasnt ' /tmp tmpfs .*noexec' /proc/mounts
        check [ "$(ulimit -n)" = 256 ]
        check [ "$(ulimit -c)" = 0 ]
        check [ "$(ulimit -Hc)" = 0 ]
        check hasnt docker /proc/self/cgroup
        check has ' /dev/shm tmpfs .*size=16384k' /proc/mounts
        check [ ! -e /.dockerinit ]
        check [ ! -e /dev/kmsg ]
        exit 0)sh";
    CHECK(lab.run(lab.spec({"sh", "-c", script}), "inside") == 0);
}

TEST_CASE("mounts, environment, directory, user, entrypoint and a writable root are as asked", "[docker]") {
    Lab lab;
    auto spec = lab.spec({"-c",
                          "[ \"$A\" = 'b c' ] && [ $(pwd) = /usr ] && [ $(id -u) = 65534 ] && [ -r /in/passwd ] && "
                          "! touch /in/x 2>/dev/null && touch /scratch/x && [ $(awk '$2==\"/scratch\"{print $3}' "
                          "/proc/mounts) = tmpfs ]"});
    spec.entrypoint = {"sh"};
    spec.env = {"A=b c"};
    spec.working_dir = "/usr";
    spec.user = "65534";
    spec.mounts = {{"bind", "/etc", "/in", true, 0}, {"tmpfs", "", "/scratch", false, 1 << 20}};
    CHECK(lab.run(spec, "asked") == 0);
    auto writable = lab.spec({"sh", "-c", "touch /file"});
    writable.read_only_root = false;
    CHECK(lab.run(writable, "writable") == 0);
}

TEST_CASE("the memory limit kills, and inspect says so", "[docker]") {
    Lab lab;
    auto spec = lab.spec({"sh", "-c", "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo ${#x}"});
    spec.memory = 16 * 1024 * 1024;
    const auto id = lab.create(spec, "oom");
    REQUIRE(lab.loop.run(lab.engine.start(id, lab.soon())));
    CHECK(lab.loop.run(lab.engine.wait(id, "not-running", lab.soon())).value() != 0);
    CHECK(lab.loop.run(lab.engine.inspect(id, lab.soon())).value().oom_killed);
}

TEST_CASE("AutoRemove removes, and wait for it says when", "[docker]") {
    Lab lab;
    auto spec = lab.spec({"sh", "-c", "exit 3"});
    spec.auto_remove = true;
    const auto id = lab.create(spec, "auto");
    std::optional<base::Result<int>> code;
    async::TaskGroup tasks(lab.loop.executor(), lab.log.log);
    auto waiting = [](Lab& in, std::string which, std::optional<base::Result<int>>& into) -> async::Task<void> {
        into.emplace(co_await in.engine.wait(which, "removed", in.soon()));
    };
    tasks.spawn("wait", waiting(lab, id, code));
    lab.loop.turn();
    REQUIRE(lab.loop.run(lab.engine.start(id, lab.soon())));
    lab.loop.run(tasks.join());
    REQUIRE(*code);
    CHECK(code->value() == 3);
    CHECK(lab.loop.run(lab.engine.inspect(id, lab.soon())).error().fault == Fault::not_found);
}

TEST_CASE("logs come demultiplexed, the last lines only, and are refused where there are none", "[docker]") {
    Lab lab;
    // Our own containers have no log driver: this one is made with one.
    docker::Transport raw({}, docker::Host{test::real_engine(), "http://localhost"}, lab.loop.executor(),
                          lab.loop.clock(), lab.log.log);
    const std::string body =
        R"({"Image":"debian:bookworm-slim","Cmd":["sh","-c","echo one; echo two >&2; printf three"],"NetworkDisabled":true,
        "HostConfig":{"LogConfig":{"Type":"json-file"}},"Labels":{"shallop.test":")" +
        lab.mark + "\"}}";
    const docker::Request request{"POST", "/containers/create?name=" + lab.name("logs"), body, ""};
    REQUIRE(lab.loop.run(raw.call(docker::Verb::create, request, lab.soon())));
    const std::string id = lab.name("logs");
    REQUIRE(lab.loop.run(lab.engine.start(id, lab.soon())));
    REQUIRE(lab.loop.run(lab.engine.wait(id, "not-running", lab.soon())));
    const auto all = lab.loop.run(lab.engine.logs(id, 10, lab.soon()));
    REQUIRE(all);
    CHECK_THAT(*all, ContainsSubstring("one\n"));
    CHECK_THAT(*all, ContainsSubstring("two\n"));
    CHECK_THAT(*all, ContainsSubstring("three"));
    CHECK(all->size() == 13);
    const auto last = lab.loop.run(lab.engine.logs(id, 1, lab.soon()));
    REQUIRE(last);
    CHECK(last->size() < 7);

    const auto silent = lab.create(lab.spec({"true"}), "silent");
    CHECK(lab.loop.run(lab.engine.logs(silent, 10, lab.soon())).error().fault == Fault::engine_refused);
}
