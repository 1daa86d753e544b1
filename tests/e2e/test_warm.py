# SPDX-License-Identifier: Apache-2.0
"""Instances that stay: which one an event gets, how long it lives, and what an event leaves in it."""
import threading
import time

import pytest

from conftest import wait_until
from warm import SHELL, at_once, commands, docker, engine_calls, metric, processes, settled_engine_calls, stat, timing

WHERE = ["sh", "-c", "cat /etc/hostname"]  # a cgi function that tells its container
HTTP = {"contract": "http"}


def shell(script):
    return {"image": SHELL, "command": ["sh", "-c", script]}


# ---- warm

@pytest.mark.parametrize("resource", [HTTP, {"image": SHELL, "command": WHERE}], ids=["http", "cgi"])
def test_a_second_call_finds_the_instance_of_the_first(functions, resource):
    function = functions("second", **resource)
    first = function.call()
    [made] = function.instances()
    second = function.call()
    [kept] = function.instances()
    assert first.body == second.body
    assert first.text.strip() in made["container"]
    assert (kept["id"], kept["state"], kept["events"], made["served"], kept["served"]) == (made["id"], "idle", 0, 1, 2)
    assert timing(first)["start"] > 0 and timing(second)["start"] == 0
    assert (function.starts("cold"), function.starts("warm")) == (1, 1)
    assert len(function.containers()) == 1


def test_a_thousand_warm_calls_ask_nothing_of_the_engine(functions):
    function = functions("quiet", **HTTP, scale={"concurrency": 8, "max": 1})
    assert function.call().status == 200
    before = settled_engine_calls(function.daemon)

    def client(_):
        kept = function.kept()
        answers = [kept.call("/x") for _ in range(125)]
        kept.close()
        return answers

    answers = sum(at_once(8, client), [])
    assert len(answers) == 1000 and {status for status, _ in answers} == {200}
    assert engine_calls(function.daemon) == before
    assert function.starts("warm") == 1000


def test_the_metrics_tell_warm_cold_and_states(functions):
    function = functions("metered", **HTTP, limits={"memory": "100Mi"})
    for _ in range(3):
        function.call("/sleep?20")
    text = function.daemon.api("GET", "/metrics").text
    for state in ("launching", "idle", "leased", "paused", "retiring"):
        assert f'shallop_instances{{state="{state}"}}' in text
    for name in ("shallop_events_waiting", "shallop_instances_memory_bytes", "shallop_containers_leaving"):
        assert f"\n{name} " in text
    for name in ("queue", "start", "run"):
        assert metric(function.daemon, f"shallop_{name}_seconds_count", function="metered") == 3
    assert metric(function.daemon, "shallop_run_seconds_sum", function="metered") >= 0.06
    assert metric(function.daemon, "shallop_memory_gigabyte_seconds_total", function="metered") >= 0.06 * 0.1048
    assert metric(function.daemon, "shallop_invocations_total", function="metered", outcome="ok") == 3
    function.remove()
    assert 'function="metered"' not in function.daemon.api("GET", "/metrics").text


# ---- cgi in a container that stays

def test_cgi_events_run_side_by_side_in_one_container(functions):
    # Each says its name and waits for all the others: it ends only if the four are there at once.
    function = functions("beside", **shell('touch "/tmp/$QUERY_STRING"; while [ "$(ls /tmp | wc -l)" -lt 4 ]; do sleep 0.02; done;'
                                           "cat /etc/hostname"), scale={"max": 1, "concurrency": 4})
    answers = at_once(4, lambda number: function.call(f"?{number}"))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(function.containers()) == 1


def test_a_cgi_process_that_had_its_time_is_ended_and_its_neighbours_go_on(functions):
    function = functions("late", **shell('[ "$QUERY_STRING" != 77 ] || exec sleep 77; sleep "$QUERY_STRING"; cat /etc/hostname'),
                         limits={"timeout": "2s"}, scale={"max": 1, "concurrency": 4})
    first = function.call("?0")
    [container] = function.containers()
    answered, beside = [], []
    late = threading.Thread(target=lambda: answered.append(function.call("?77")))
    late.start()
    wait_until(lambda: "sleep 77" in commands(container), what="it runs")
    while late.is_alive():
        beside.append(function.call("?0.3"))
    late.join()
    wait_until(lambda: "sleep 77" not in commands(container), 20, what="the process is gone, long before it would end")
    assert (answered[0].status, answered[0].json["fault"]) == (504, "timed_out")
    assert {(answer.status, answer.body) for answer in beside} == {(200, first.body)}
    assert function.call("?0").body == first.body, "the instance is another one"


def test_what_a_cgi_event_leaves_is_swept_as_the_protocol_says(functions):
    function = functions("left", **shell(
        'case "$QUERY_STRING" in'
        " leave) touch /tmp/file; sleep 111 >/dev/null 2>&1 & setsid sleep 222 >/dev/null 2>&1 & sleep 0.2; echo left;;"
        " wait) while [ ! -e /tmp/on ]; do sleep 0.02; done; echo waited;;"
        " on) touch /tmp/on; echo on;;"
        ' *) ls /tmp; cat /proc/[0-9]*/comm | grep -c sleep;; esac'), scale={"max": 1, "concurrency": 2})
    # One other event runs all the while: so long, what has left its group may stay.
    waiting = threading.Thread(target=function.call, args=("?wait",))
    waiting.start()
    assert function.call("?leave").text == "left\n"
    [container] = function.containers()
    running = wait_until(lambda: (now := commands(container)) if "sleep 111" not in (now := commands(container)) else None, 20,
                         what="the process of its own group is killed")
    assert "sleep 222" in running
    assert function.call("?on").text == "on\n"
    waiting.join()
    assert function.call("?look").text == "file\non\n0\n", "files stay, processes do not"


# ---- a fresh one for each, ahead of need

def test_standby_answers_each_event_in_a_fresh_container_without_a_cold_start(functions):
    function = functions("fresh", image=SHELL, command=WHERE, scale={"reuse": False, "standby": 2})
    seen = []
    for _ in range(5):
        waiting = {one["container"][:12] for one in function.wait_for(2, "standby")}
        answer = function.call()
        assert answer.text.strip() in waiting
        assert timing(answer)["start"] == 0
        seen.append(answer.text)
    assert len(set(seen)) == 5
    assert (function.starts("standby"), function.starts("cold"), function.starts("warm")) == (5, 0, 0)
    function.wait_for(2, "standby")
    wait_until(lambda: len(function.containers()) == 2, what="only those on standby are left")


def test_more_events_than_are_on_standby_start_cold_and_all_are_answered(functions):
    function = functions("burst", image=SHELL, command=WHERE, scale={"reuse": False, "standby": 2, "max": 6})
    function.wait_for(2, "standby")
    answers = at_once(6, lambda _: function.call())
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 6
    assert function.starts("standby") >= 2
    assert function.starts("standby") + function.starts("cold") == 6


def test_what_is_not_wanted_any_more_before_it_has_started_goes_at_once(functions):
    for delay in (0.01, 0.02, 0.04, 0.08, 0.16):  # each is another place in create and start
        function = functions("unwanted", image=SHELL, command=WHERE, scale={"reuse": False, "standby": 4})
        time.sleep(delay)
        function.remove()
        function.gone(20)  # what would else idle for minutes


def test_the_cpu_time_of_a_server_is_metered_while_it_runs(functions):
    function = functions("metered", **HTTP)
    used = lambda: metric(function.daemon, "shallop_cpu_seconds_total", function="metered")
    assert function.call("/burn").status == 200
    wait_until(lambda: used() > 0.5, 10, what="the loop's CPU time is counted")


# ---- idle

def test_a_paused_instance_burns_nothing_and_wakes_for_the_next_event(functions):
    function = functions("sleepy", **HTTP, scale={"idle": "pause"})
    first = function.call("/burn")
    [container] = function.containers()
    function.wait_for(1, "paused")
    server = processes(container)
    wait_until(lambda: {stat(one)[0] for one in server} == {"T"}, 20, what="its processes are stopped")
    before = [stat(one)[1] for one in server]
    calls = settled_engine_calls(function.daemon)
    time.sleep(0.5)  # in which a loop that ran would burn fifty ticks
    assert [stat(one)[1] for one in server] == before
    second = function.call("/where")
    assert second.status == 200 and second.text.split()[-1] == first.text.split()[-1]
    assert timing(second)["start"] == 0 and engine_calls(function.daemon) == calls
    function.wait_for(1, "paused")
    wait_until(lambda: {stat(one)[0] for one in server} == {"T"}, 20, what="they are stopped again")


def test_idle_instances_go_when_their_time_is_over(functions):
    function = functions("brief", **HTTP, scale={"idle_timeout": "1s"})
    assert at_once(3, lambda _: function.call("/sleep?200").status) == [200] * 3
    assert function.containers()
    wait_until(lambda: not function.instances(), 20, what="they are reaped")
    function.gone()


def test_min_keeps_instances_warm_whatever_happens(functions):
    function = functions("ready", **HTTP, scale={"min": 2, "idle_timeout": "1s"})
    function.wait_for(2, "idle", "standby")
    assert function.call().status == 200 and function.starts("cold") == 0
    at_once(4, lambda _: function.call("/sleep?1000"))  # for which more are made
    kept = {one["id"] for one in function.wait_for(2)}
    time.sleep(1.5)  # longer than the idle timeout
    assert {one["id"] for one in function.instances()} == kept
    docker("kill", function.instances()[0]["container"])
    wait_until(lambda: (now := {one["id"] for one in function.instances("idle", "standby")}) != kept and len(now) == 2,
               what="the one that was lost is replaced")


def test_an_instance_goes_after_max_invocations(functions):
    function = functions("worn", **HTTP, scale={"max_invocations": 3})
    seen = [function.call().text for _ in range(7)]
    assert [seen.count(one) for one in dict.fromkeys(seen)] == [3, 3, 1]
    wait_until(lambda: len(function.containers()) == 1, what="those that are worn are gone")


def test_an_operator_retires_one_instance(functions):
    function = functions("chosen", **HTTP)
    first = function.call().text
    [one] = function.instances()
    assert function.daemon.api("DELETE", f"/v1/functions/chosen/instances/{one['id']}").status == 204
    assert function.daemon.api("DELETE", f"/v1/functions/chosen/instances/{one['id']}").status == 404
    second = function.call()
    assert second.status == 200 and second.text != first
    wait_until(lambda: len(function.containers()) == 1, what="its container is gone")
