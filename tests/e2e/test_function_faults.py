# SPDX-License-Identifier: Apache-2.0
"""Functions that fail: every way a server can, and what the client, the neighbours and the next caller see of it."""
import http.client
import socket
import threading

import pytest

from conftest import wait_until
from test_lifecycle import Relay
from warm import SERVER, SHELL, Function, at_once, docker, engine_calls

HTTP = {"contract": "http"}
CUT = "cut"  # the head came, the body was not whole


def outcome(function, path):
    """Status and body of a call, or CUT; the body of a cut one has to be a part of what the function sent."""
    connection = http.client.HTTPConnection("127.0.0.1", function.daemon.port, timeout=20)
    try:
        connection.request("GET", function.path + path)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    except http.client.HTTPException:
        return CUT, ""
    finally:
        connection.close()


def log_of(function):
    return function.daemon.api("GET", f"/v1/functions/{function.name}/logs").text


# ---- instances that die

def test_a_kill_in_mid_request_is_a_502_and_nobody_else_notices(functions):
    function = functions("killed", **HTTP, scale={"max": 2})
    answers = []
    callers = [threading.Thread(target=lambda: answers.append(outcome(function, "/sleep?2500"))) for _ in range(2)]
    for caller in callers:
        caller.start()
    victim, survivor = function.wait_for(2, "leased")
    docker("kill", victim["container"])
    wait_until(lambda: [status for status, _ in answers][:1] == [502], 20, what="its request is answered, long before its time is over")
    assert function.call("/x?next").status == 200
    for caller in callers:
        caller.join()
    assert answers[1][0] == 200 and answers[1][1].strip().split()[-1] in survivor["container"]


def test_a_kill_while_idle_costs_the_next_event_a_start_and_nothing_else(functions):
    function = functions("idle", **HTTP)
    first = function.call().text
    docker("kill", function.instances()[0]["container"])
    second = function.call()
    assert second.status == 200 and second.text != first
    wait_until(lambda: len(function.containers()) == 1, what="the dead one is gone")


@pytest.mark.parametrize("idle", ["keep", "pause"])
def test_a_server_that_exits_while_idle_or_paused_is_replaced(functions, idle):
    function = functions("gone", **HTTP, scale={"idle": idle})
    assert outcome(function, "/exit?3")[0] == 502
    wait_until(lambda: "3" in log_of(function), what="the log has its status")
    assert function.call("/x?next").text.startswith("next ")
    if idle == "pause":
        [one] = function.wait_for(1, "paused")
        docker("kill", one["container"])
        assert function.call("/x?after").text.startswith("after ")


# ---- servers that do not start

def test_a_server_that_never_listens_is_a_start_timeout_with_its_last_words(functions):
    function = functions("never", **HTTP, command=["never"], limits={"timeout": "1s"})
    answer = function.call()
    assert (answer.status, answer.json["fault"]) == (504, "start_timeout")
    assert "database" not in answer.text, "a function's words are the operator's alone"
    logs = function.daemon.cli("logs", "never").stdout
    assert "still looking for the database" in logs
    assert "start_timeout: the function's server does not listen on tcp:127.0.0.1:8080" in logs
    function.gone()


def test_a_server_that_exits_at_once_is_a_502_with_its_last_words(functions):
    function = functions("fails", **HTTP, command=["fail"])
    answer = function.call()
    assert (answer.status, answer.json["fault"]) == (502, "function_failed")
    assert "database" not in answer.text
    assert "there is no database" in function.daemon.cli("logs", "fails").stdout
    function.gone()


@pytest.mark.parametrize("broken, fixed", [
    ({"image": SERVER, "contract": "http", "command": ["fail"]}, {"image": SERVER, "contract": "http"}),
    ({"image": SHELL, "contract": {"http": {"port": 80}}, "command": ["/no/such/program"]}, {"image": SERVER, "contract": "http"}),
    ({"image": SHELL, "command": ["/no/such/program"]}, {"image": SHELL, "command": ["echo", "fine"]}),
], ids=["exits", "no-server", "no-program"])
def test_what_cannot_start_does_not_hammer_the_engine_and_works_once_mended(functions, broken, fixed):
    function = functions("broken", **broken)
    before = engine_calls(function.daemon).get("create", 0)
    for _ in range(50):
        answer = function.call()
        assert answer.status in (502, 503) and answer.json["fault"] in ("launch_failed", "function_failed"), answer
    assert engine_calls(function.daemon)["create"] - before <= 6
    function.put(**fixed)
    # Where an instance of the broken version is still there, it serves until the mended one is ready.
    wait_until(lambda: function.call().status == 200, 20, what="it works")


# ---- replies that are none

@pytest.mark.parametrize("path, expected", [
    ("/garbage", 502), ("/half-head", 502), ("/silent", 502), ("/two-lengths", 502), ("/both", 502), ("/split", 502), ("/unasked", 502),
    ("/short", CUT), ("/cut-chunk", CUT), ("/exit-in-body?1", CUT), ("/exit?0", 502), ("/bad-chunk", (502, CUT)),
    ("/long", 200), ("/endless", CUT), ("/sleep?60000", 504),
])
def test_a_reply_that_is_broken_is_a_clean_error_or_a_cut(functions, path, expected):
    function = functions("breaks", **HTTP, limits={"timeout": "1s"})
    status, body = outcome(function, path)
    assert status in (expected if isinstance(expected, tuple) else (expected,)), body
    assert "leaked" not in body
    if path == "/long":
        assert body == "five\n"
    assert outcome(function, "/x?next")[1].startswith("next ")


def test_nobody_gets_anothers_bytes_whatever_a_server_sends(functions):
    function = functions("mixed", **HTTP, scale={"max": 3, "concurrency": 8})
    breaking = ["/garbage", "/long", "/split", "/short", "/unasked", "/two-lengths", "/half-head", "/bad-chunk", "/silent", "/cut-chunk"]
    wrong = []

    def breaker(number):
        for turn in range(30):
            status, body = outcome(function, breaking[(number + turn) % len(breaking)])
            if "leaked" in body or (status == 200 and body != "five\n"):
                wrong.append((status, body))

    def caller(number):
        kept = function.kept()
        for turn in range(150):
            status, body = kept.call(f"/x?{number}-{turn}")
            if status != 200 or body.split()[0] != f"{number}-{turn}":
                wrong.append((status, body))
        kept.close()

    at_once(10, lambda number: caller(number) if number < 6 else breaker(number))
    assert not wrong, wrong[:5]


def test_an_instance_that_sent_garbage_twice_is_replaced(functions):
    function = functions("garbled", **HTTP)
    first = function.call("/where").text
    outcome(function, "/garbage")
    assert function.call("/where").text == first, "once may be chance"
    outcome(function, "/garbage")
    assert function.call("/where").text != first
    wait_until(lambda: len(function.containers()) == 1, what="the first is gone")


def test_a_timeout_takes_its_instance_and_no_other(functions):
    function = functions("late", **HTTP, limits={"timeout": "1s"}, scale={"max": 2})
    at_once(2, lambda _: function.call("/sleep?300"))
    assert function.call("/sleep?60000").status == 504
    wait_until(lambda: len(function.containers()) == 1, what="one is left")
    assert function.call().status == 200 and function.starts("cold") == 2


# ---- clients and operators that stop

def test_a_client_that_hangs_up_leaves_the_instance_warm(functions):
    function = functions("hung", **HTTP, scale={"max": 1, "concurrency": 2})
    first = function.call("/where").text
    for request in (b"GET /function/hung/sleep?60000 HTTP/1.1\r\nHost: x\r\n\r\n",
                    b"POST /function/hung/take HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nonly a part"):
        with socket.create_connection(("127.0.0.1", function.daemon.port)) as client:
            client.sendall(request)
            wait_until(lambda: function.instances()[0]["events"] == 1, what="it runs")
        wait_until(lambda: function.instances()[0]["events"] == 0, what="it is over")
    assert function.call("/where").text == first
    assert function.starts("cold") == 1


def test_an_operator_cancels_one_event_and_the_instance_stays(functions):
    function = functions("stopped", **HTTP, scale={"max": 1, "concurrency": 2})
    first = function.call("/where").text
    answers = []
    caller = threading.Thread(target=lambda: answers.append(function.call("/sleep?60000")))
    caller.start()
    [running] = wait_until(lambda: function.daemon.api("GET", "/v1/invocations?function=stopped&status=running").json["invocations"])
    assert function.daemon.api("POST", f"/v1/invocations/{running['id']}/cancel").status == 202
    caller.join(5)
    assert answers[0].status == 502
    assert function.call("/where").text == first


# ---- an engine that is away or does not answer

def test_warm_functions_do_not_notice_that_the_engine_is_away_or_frozen(start_daemon, server_image, tmp_path):
    relay = Relay(tmp_path)
    try:
        daemon = start_daemon(docker_host=relay.url)
        warm, cold = Function(daemon, "warm"), Function(daemon, "cold")
        for function in (warm, cold):
            function.put(image=SERVER, contract="http", scale={"concurrency": 4})
        first = warm.call("/where").text
        relay.freeze()
        assert [warm.call("/where").text for _ in range(50)] == [first] * 50
        relay.thaw()
        relay.down()
        assert [warm.call("/where").text for _ in range(50)] == [first] * 50
        answer = cold.call()
        assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
        relay.up()
        wait_until(lambda: cold.call().status == 200, 20, what="it works again by itself")
        assert warm.call("/where").text == first
        daemon.stop()
    finally:
        relay.end()
