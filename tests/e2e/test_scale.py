# SPDX-License-Identifier: Apache-2.0
"""Many events, few instances, and changes while they run."""
import threading

import pytest

from conftest import wait_until
from warm import SERVER, SHELL, Function, Load, at_once, metric, processes, stat

HTTP = {"contract": "http"}
RESOURCE = {"image": SERVER, "contract": "http"}


# ---- bursts

def test_hundred_requests_to_a_sleeping_function_share_ten_starts(functions):
    function = functions("asleep", **HTTP, scale={"max": 10, "concurrency": 10})
    answers = at_once(100, lambda number: function.call(f"/sleep?{number}"))
    assert {answer.status for answer in answers} == {200}
    assert [answer.text.split()[0] for answer in answers] == [str(number) for number in range(100)]
    assert len({answer.text.split()[1] for answer in answers}) <= 10
    assert len(function.containers()) <= 10


@pytest.mark.parametrize("more", [HTTP, {"image": SHELL, "command": ["sh", "-c", "sleep 0.05; echo done"]}], ids=["http", "cgi"])
def test_more_than_the_queue_takes_is_refused_in_words_and_max_is_kept(functions, more):
    function = functions("full", **more, scale={"max": 4, "queue": 100})
    most = []
    over = threading.Event()

    def watch():
        while not over.is_set():
            most.append(max(len(function.instances()), len(function.containers())))

    watching = threading.Thread(target=watch)
    watching.start()
    answers = at_once(300, lambda _: function.call("/sleep?50"))
    over.set()
    watching.join()
    statuses = [answer.status for answer in answers]
    assert set(statuses) <= {200, 429, 503} and statuses.count(200) >= 100
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers if answer.status != 200)
    assert 0 < max(most) <= 4
    assert metric(function.daemon, "shallop_events_waiting") == 0


def test_a_noisy_function_does_not_starve_another(start_daemon, server_image):
    daemon = start_daemon("--max-instances", "4")
    noisy, quiet = Function(daemon, "noisy"), Function(daemon, "quiet")
    noisy.put(**RESOURCE, limits={"timeout": "60s"}, scale={"max": 10, "queue": 200, "queue_timeout": "60s"})
    quiet.put(**RESOURCE)
    answered = []
    callers = [threading.Thread(target=lambda: answered.append(noisy.call("/sleep?200").status)) for _ in range(100)]
    for caller in callers:
        caller.start()
    noisy.wait_for(4, "leased")
    before = len(answered)
    assert quiet.call().status == 200
    # Its turn comes with the first place that is given back: 4 to 8 of the queue's 96 pass meanwhile, some more where starts are slow.
    assert len(answered) - before <= 32, "it waited behind the noisy one's queue"
    for caller in callers:
        caller.join()
    assert answered == [200] * 100
    daemon.stop()


def test_two_functions_share_what_is_allowed_in_all(start_daemon, server_image):
    daemon = start_daemon("--max-instances", "2")
    several = [Function(daemon, f"f{number}") for number in range(4)]
    for function in several:
        function.put(**RESOURCE)
    for _ in range(3):
        for function in several:
            assert function.call().status == 200
            assert sum(len(one.instances()) for one in several) <= 2


# ---- change without loss

def test_a_new_version_under_load_fails_no_call_and_takes_over(functions):
    scale = {"max": 3, "concurrency": 4}
    function = functions("moving", **HTTP, scale=scale, env={"V": "0"})
    with Load(function) as load:
        for version in range(1, 6):
            load.more()
            function.put(**RESOURCE, scale=scale, env={"V": str(version)})
            wait_until(lambda: load.answers[-1][1] == f"{version}\n", what="the new version answers")
            after = len(load.answers)
            load.more(20)
            # One that was under way may still end on the old version; none comes to it any more.
            assert {text for _, text in load.answers[after + 4:]} == {f"{version}\n"}
            current = function.daemon.api("GET", "/v1/functions/moving").json["version"]
            wait_until(lambda: {one["version"] for one in function.instances()} == {current}, what="the old instances are gone")
    assert {status for status, _ in load.answers} == {200}
    wait_until(lambda: len(function.containers()) == len(function.instances()), what="their containers are gone")


def test_a_version_that_cannot_start_does_not_end_the_one_that_runs_before_it_has_failed(functions):
    function = functions("worse", **HTTP)
    assert function.call().status == 200
    function.put(**RESOURCE, command=["fail"])
    wait_until(lambda: function.call().status == 502, what="the new version has failed, and says so")
    function.put(**RESOURCE)
    assert function.call().status == 200


def test_an_event_under_way_ends_on_the_version_it_began_with(functions):
    function = functions("begun", **HTTP, env={"V": "old"})
    function.call()
    answers = []
    caller = threading.Thread(target=lambda: answers.append(function.call("/sleep?1500&")))
    caller.start()
    [before] = function.wait_for(1, "leased")
    function.put(**RESOURCE, env={"V": "new"})
    wait_until(lambda: function.call("/env?V").text == "new\n", what="the new version answers")
    assert not answers, "the old one's event is still running"
    caller.join()
    assert answers[0].status == 200 and answers[0].text.split()[-1] in before["container"]
    wait_until(lambda: len(function.containers()) == 1, what="the old one is gone")


def test_a_function_removed_under_load_ends_in_clean_404s(functions):
    function = functions("removed", **HTTP, scale={"max": 3, "concurrency": 4})
    with Load(function) as load:
        load.more()
        assert function.remove().status == 204
        wait_until(lambda: load.answers[-1][0] == 404, what="it is not found any more")
        load.more(20)
    assert {status for status, _ in load.answers} == {200, 404}
    function.gone()


def test_a_patch_of_scale_holds_at_once(functions):
    function = functions("patched-scale", **HTTP)
    function.call()
    patched = function.daemon.api("PATCH", "/v1/functions/patched-scale", {"scale": {"min": 2, "max": 3, "concurrency": 5}})
    assert patched.status == 200 and patched.json["scale"]["min"] == 2
    wait_until(lambda: [one["version"] for one in function.instances("idle", "standby")] == [2, 2], what="two are kept warm")
    assert function.daemon.api("PATCH", "/v1/functions/patched-scale", {"scale": {"min": 0, "idle_timeout": "1s"}}).status == 200
    function.gone()
    assert function.call().status == 200


# ---- the end

WARM = {"warm": {**RESOURCE}, "paused": {**RESOURCE, "scale": {"idle": "pause"}},
        "fresh": {"image": SHELL, "command": ["cat", "/etc/hostname"], "scale": {"reuse": False, "standby": 2}},
        "kept": {**RESOURCE, "scale": {"min": 1}}, "cgi": {"image": SHELL, "command": ["cat", "/etc/hostname"]}}


def make_warm(daemon):
    made = {name: Function(daemon, name) for name in WARM}
    for name, resource in WARM.items():
        made[name].put(**resource)
        assert made[name].call().status == 200
    made["paused"].wait_for(1, "paused")
    made["fresh"].wait_for(2, "standby")
    return made


def test_sigterm_ends_warm_paused_and_standby_instances_in_time(start_daemon, server_image):
    daemon = start_daemon()
    make_warm(daemon)
    assert len(daemon.containers()) >= 6
    daemon.stop(seconds=10)
    assert not daemon.containers()


def test_after_a_kill_nothing_is_left_and_functions_answer_again(start_daemon, server_image):
    daemon = start_daemon()
    made = make_warm(daemon)
    running = [pid for container in daemon.containers() for pid in processes(container)]
    before = set(daemon.containers())
    daemon.kill()
    wait_until(lambda: not any(alive(pid) for pid in running), 20, what="every process of the functions has ended by itself")
    daemon.start()
    for function in made.values():
        assert function.call().status == 200
    wait_until(lambda: not before & set(daemon.containers()), 15, what="the predecessor's containers are gone")
    made["fresh"].wait_for(2, "standby")
    assert "launch failed" not in daemon.log()


def alive(pid):
    try:
        return stat(pid)[0] != "Z"
    except FileNotFoundError:
        return False
