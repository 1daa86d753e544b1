# SPDX-License-Identifier: Apache-2.0
"""Functions that are run on what happens at the engine."""
import json
import uuid

import pytest

from conftest import docker, wait_until

SHELL = "debian:bookworm-slim"
SEEN = ["sh", "-c", "env | grep -i -E '^HTTP_CE_|^CONTENT_TYPE' | sort; cat"]


@pytest.fixture
def thing():
    """The name of a container of this test alone, which is removed at the end."""
    name = f"shallop-trigger-{uuid.uuid4().hex[:12]}"
    yield name
    docker("rm", "-f", name, check=False)


@pytest.fixture
def triggers(shared):
    """`triggers(function, **filters)` adds one, of a function that tells what it was given."""
    made = []

    def add(function, /, command=None, **filters):
        shared.put(function, image=SHELL, command=command or SEEN)
        answer = shared.api("POST", "/v1/triggers", {"type": "engine", "function": function, "filters": filters})
        assert answer.status == 201, answer
        assert answer.headers["Location"] == f"/v1/triggers/{answer.json['id']}"
        made.append(function)
        return answer.json["id"]

    yield add
    for function in made:
        shared.api("DELETE", f"/v1/functions/{function}")
    assert shared.api("GET", "/v1/triggers").json == {"triggers": []}  # they go with their function


def fired(daemon, trigger):
    return daemon.api("GET", f"/v1/triggers/{trigger}").json


def result(daemon, invocation):
    """Of an invocation, once it has ended well."""
    def ended():
        kept = daemon.api("GET", f"/v1/invocations/{invocation}").json
        assert kept["status"] not in ("failed", "cancelled"), kept
        return kept if kept["status"] == "succeeded" else None
    return wait_until(ended, 30)


def test_a_killed_container_runs_the_function(shared, triggers, thing):
    trigger = triggers("on-kill", event=["kill"], container=[thing])
    docker("run", "-d", "--name", thing, "--network", "none", SHELL, "sleep", "600")
    docker("kill", thing)
    wait_until(lambda: fired(shared, trigger)["fired"] == 1, 30)
    kept = result(shared, fired(shared, trigger)["last_invocation"])
    said = json.dumps(kept)
    for part in ("com.docker.container.kill", "ce_specversion=1.0", "application/json", "docker:", thing):
        assert part.lower() in said.lower(), (part, kept)


@pytest.mark.parametrize(("event", "words"), [
    ("oom", ["--memory", "16m", SHELL, "tail", "/dev/zero"]),
    ("health_status: unhealthy", ["--health-cmd", "false", "--health-interval", "1s", "--health-retries", "1", SHELL, "sleep", "600"])])
def test_a_container_that_is_not_well_runs_it(shared, triggers, thing, event, words):
    trigger = triggers("on-trouble", event=[event], container=[thing])
    docker("run", "-d", "--name", thing, "--network", "none", *words)
    wait_until(lambda: fired(shared, trigger)["fired"] >= 1, 60)
    assert event.split(":")[0] in json.dumps(result(shared, fired(shared, trigger)["last_invocation"]))


def test_an_image_that_is_tagged_and_removed_runs_it(shared, triggers, thing):
    trigger = triggers("on-tag", type=["image"], event=["tag", "untag"], image=[thing])
    docker("tag", SHELL, f"{thing}:1")
    wait_until(lambda: fired(shared, trigger)["fired"] >= 1, 30)
    docker("rmi", f"{thing}:1")


def test_its_own_containers_trigger_nothing(shared, triggers, thing):
    """With every event of every container, a function that is run in a fresh one each time would never come to an end."""
    trigger = triggers("on-all", type=["container"], event=["create", "start", "die", "destroy"])
    shared.api("PATCH", "/v1/functions/on-all", {"scale": {"reuse": False}}, {"Content-Type": "application/merge-patch+json"})
    other = triggers("on-end", event=["destroy"], container=[thing])
    docker("run", "--rm", "--name", thing, "--network", "none", SHELL, "true")
    wait_until(lambda: fired(shared, other)["fired"] == 1, 30)
    result(shared, fired(shared, other)["last_invocation"])
    ours = [one for one in shared.api("GET", "/v1/invocations?function=on-all").json["invocations"]]
    assert ours
    shown = json.dumps([shared.api("GET", f"/v1/invocations/{one['id']}").json for one in ours])
    assert "shallop.daemon" not in shown
    shared.api("POST", f"/v1/triggers/{trigger}/pause")


def test_a_function_that_takes_nothing_holds_up_no_other(shared, triggers, thing):
    never = triggers("takes-nothing", event=["kill"], container=[thing])
    patch = {"Content-Type": "application/merge-patch+json"}
    assert shared.api("PATCH", "/v1/functions/takes-nothing", {"async": {"backlog": 0}}, patch).status == 200
    other = triggers("takes-all", event=["kill"], container=[thing])
    docker("run", "-d", "--name", thing, "--network", "none", SHELL, "sleep", "600")
    docker("kill", thing)
    wait_until(lambda: fired(shared, other)["fired"] == 1, 20)
    result(shared, fired(shared, other)["last_invocation"])
    assert fired(shared, never)["fired"] == 0
    wait_until(lambda: "is given up" in shared.log(), 20, what="the log says what became of it")


def test_a_full_backlog_is_waited_for_and_holds_up_no_other(shared, triggers, thing):
    full = triggers("is-full", ["sh", "-c", "sleep 3; cat"], event=["kill", "die"], container=[thing])
    patch = {"Content-Type": "application/merge-patch+json"}
    assert shared.api("PATCH", "/v1/functions/is-full", {"async": {"backlog": 1, "concurrency": 1}}, patch).status == 200
    # One runs, and one waits: what the trigger has to tell of finds no room.
    for _ in range(2):
        assert wait_until(lambda: shared.call("/async-function/is-full", "POST", b"").status == 202, 20)
    other = triggers("is-free", event=["die"], container=[thing])
    docker("run", "-d", "--name", thing, "--network", "none", SHELL, "sleep", "600")
    docker("kill", thing)
    wait_until(lambda: fired(shared, other)["fired"] == 1, 20)
    wait_until(lambda: fired(shared, full)["fired"] == 2, 60, what="both came when there was room")


def test_events_of_a_time_without_the_daemon_are_made_up_for(start_daemon, thing):
    daemon = start_daemon()
    daemon.put("late", image=SHELL, command=SEEN)
    trigger = daemon.api("POST", "/v1/triggers", {
        "type": "engine", "function": "late", "filters": {"event": ["start"], "container": [thing]}}).json["id"]
    docker("run", "-d", "--name", thing, "--network", "none", SHELL, "sleep", "600")
    wait_until(lambda: fired(daemon, trigger)["fired"] == 1, 30)
    daemon.kill()
    docker("restart", "-t", "0", thing)
    daemon.start()
    wait_until(lambda: fired(daemon, trigger)["fired"] == 1, 30)  # counted from its start on
    wait_until(lambda: len(daemon.api("GET", "/v1/invocations?function=late").json["invocations"]) == 2, 30)


def test_the_client_adds_shows_pauses_and_removes(shared, triggers):
    triggers("by-hand", event=["die"])
    made = json.loads(shared.cli("--json", "triggers", "add", "--function", "by-hand", "--event", "die", "--event", "oom",
                                 "--label", "a=b", "--container", "no-such").stdout)
    assert made["filters"] == {"event": ["die", "oom"], "label": ["a=b"], "container": ["no-such"]}
    listed = shared.cli("triggers").stdout
    assert made["id"] in shared.cli("triggers", "list").stdout
    assert made["id"] in listed and "event=die,oom label=a=b" in listed
    assert json.loads(shared.cli("triggers", "show", made["id"]).stdout)["function"] == "by-hand"
    shared.cli("triggers", "pause", made["id"])
    assert fired(shared, made["id"])["paused"] is True
    shared.cli("triggers", "resume", made["id"])
    assert fired(shared, made["id"])["paused"] is False
    shared.cli("triggers", "remove", made["id"])
    assert shared.api("GET", f"/v1/triggers/{made['id']}").status == 404
    assert shared.cli("triggers", "remove", made["id"], check=False).returncode == 1


@pytest.mark.parametrize("document, pointer", [
    ({"type": "engine"}, "/function"),
    ({"type": "engine", "function": "no-such-function"}, "/function"),
    ({"type": "clock", "function": "f"}, "/type"),
    ({"type": "engine", "function": "f", "filters": {"event": "die"}}, "/filters/event"),
])
def test_what_is_no_trigger_is_refused(shared, document, pointer):
    answer = shared.api("POST", "/v1/triggers", document)
    assert answer.status == 400 and answer.json["pointer"] == pointer, answer
    for path in ("", "/pause", "/resume"):
        method = "DELETE" if not path else "POST"
        assert shared.api(method, f"/v1/triggers/nobody{path}").status == 404
