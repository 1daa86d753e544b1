# SPDX-License-Identifier: Apache-2.0
"""How queued events end: what is tried again, dead letters, what people do to them, and where outcomes are sent."""
import json
import socket
import time

import pytest

from conftest import LATE, Daemon, close_all, free_port, wait_until
from queued import DELIVERIES, HELD, Queue, Receiver, outcomes
from warm import metric

FAILS = "echo it broke >&2; printf 'Status: 500 No\\n\\nno'"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("queue")
    daemon = Daemon("--bind-root", str(root), "--callback-allow", "127.0.0.1").start()
    yield Queue(daemon, root / "shared")
    close_all([daemon])


@pytest.fixture
def queue(server, request):
    request.node.daemons = [server.daemon]
    yield server
    server.clear()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


def answers(status):
    return f"printf 'Status: {status} X\\n\\n'"


# ---- what is tried again

def test_a_function_that_fails_twice_and_then_succeeds_has_succeeded(queue):
    queue.function("third", "echo attempt $SHALLOP_ATTEMPT >&2; [ $SHALLOP_ATTEMPT -ge 3 ] && echo ok || " + answers(500))
    ended = queue.run("third")
    assert ended["status"] == "succeeded" and ended["queued"]["attempts"] == 3 and ended["detail"] is None
    assert outcomes(ended) == ["http_500", "http_500", "ok"]
    assert [a["log"] for a in ended["queued"]["history"]] == [f"attempt {n}\n" for n in (1, 2, 3)]
    assert [a["number"] for a in ended["queued"]["history"]] == [1, 2, 3]
    assert ended["queued"]["reply"]["body"] == "ok\n"
    assert metric(queue.daemon, "shallop_queue_attempts_total", function="third", outcome="retried") == 2


def test_P10_attempts_are_used_up(queue):
    queue.function("never", FAILS, **{"async": {"max_attempts": 2}})
    ended = queue.run("never")
    assert (ended["status"], ended["fault"], ended["http_status"]) == ("failed", "http_500", 500)
    assert "attempt 2 of 2" in ended["detail"] and outcomes(ended) == ["http_500", "http_500"]
    assert queue.result(ended["id"]).body == b"no", "the last reply is kept"


@pytest.mark.parametrize("status", [400, 404, 408, 409])
def test_a_status_that_says_that_the_event_is_wrong_is_final(queue, status):
    queue.function("wrong", answers(status))
    ended = queue.run("wrong")
    assert (ended["status"], ended["fault"]) == ("failed", f"http_{status}") and len(outcomes(ended)) == 1


def test_a_status_of_retry_on_is_tried_again(queue):
    queue.function("listed", f"[ $SHALLOP_ATTEMPT -ge 2 ] && echo ok || {answers(404)}", **{"async": {"retry_on": [404]}})
    assert outcomes(queue.run("listed")) == ["http_404", "ok"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_function_that_is_busy_uses_up_no_attempt(queue, status):
    count = "n=$(cat /shared/n 2>/dev/null || echo 0); echo $((n + 1)) > /shared/n; echo attempt $SHALLOP_ATTEMPT >&2; "
    queue.function("busy", count + f"[ $n -ge 3 ] && echo ok || {answers(status)}", **{"async": {"max_attempts": 1}})
    ended = queue.run("busy")
    assert ended["status"] == "succeeded" and ended["queued"]["attempts"] == 1
    assert [(a["outcome"], a["counted"]) for a in ended["queued"]["history"]] == [(f"http_{status}", False)] * 3 + [("ok", True)]
    assert {a["log"] for a in ended["queued"]["history"]} == {"attempt 1\n"}


def test_a_process_that_fails_is_tried_again_whatever_it_has_printed(queue):
    queue.function("exits", "echo printed; [ $SHALLOP_ATTEMPT -ge 2 ] || exit 3")
    ended = queue.run("exits")
    assert ended["status"] == "succeeded"
    assert [a["exit_code"] for a in ended["queued"]["history"]] == [3, 0]


def test_a_timeout_is_tried_again(queue):
    queue.function("slow", "[ $SHALLOP_ATTEMPT -ge 2 ] || sleep 300; echo ok", limits={"timeout": "2s"})
    ended = queue.run("slow")
    assert ended["status"] == "succeeded" and outcomes(ended) == ["timed_out", "ok"]
    assert "limits.timeout" in ended["queued"]["history"][0]["detail"]


def test_an_event_that_would_be_too_old_is_not_tried_again(queue):
    queue.function("aged", answers(500), quick=False, **{"async": {"max_age": "1s", "backoff": {"initial": "1h", "max": "1h"}}})
    ended = queue.run("aged")
    assert ended["status"] == "failed" and "older than" in ended["detail"] and len(outcomes(ended)) == 1


# ---- dead letters

def test_P10_a_dead_letter_tells_every_attempt_and_runs_again_when_it_is_redriven(queue):
    queue.function("mailer", "echo trying >&2; " + answers(500), **{"async": {"max_attempts": 2}})
    id = queue.accept("mailer", b"dear")
    ended = queue.end(id)
    assert queue.dead("mailer") == [id] and id in [one["id"] for one in queue.list(status="failed")]
    assert [a["log"] for a in ended["queued"]["history"]] == ["trying\n"] * 2
    queue.function("mailer", "cat", **{"async": {"max_attempts": 2}})
    queue.serves("mailer", b"new")
    answer = queue.daemon.api("POST", f"/v1/dead-letters/{id}/redrive")
    assert answer.status == 202 and answer.json["status"] in ("queued", "running", "succeeded")
    ended = queue.end(id)
    assert ended["status"] == "succeeded" and ended["queued"]["attempts"] == 1 and ended["queued"]["reply"]["body"] == "dear"
    assert queue.dead("mailer") == []
    assert queue.daemon.api("POST", f"/v1/dead-letters/{id}/redrive").status == 409
    assert queue.daemon.api("DELETE", f"/v1/dead-letters/{id}").status == 409


@pytest.mark.parametrize("harm", ["exit 3", "kill -9 -1", "sleep 60"])
def test_P10_an_event_that_does_harm_each_time_delays_the_others_little(queue, harm):
    queue.function("poisoned", f'case $(cat) in poison) {harm};; *) echo fine;; esac', limits={"timeout": "1s"},
                   **{"async": {"max_attempts": 6, "concurrency": 4}})
    queue.run("poisoned", b"first")
    bad = [queue.accept("poisoned", b"poison") for _ in range(2)]
    took = []
    for _ in range(20):
        began = time.monotonic()
        assert queue.run("poisoned", b"good")["status"] == "succeeded"
        took.append(time.monotonic() - began)
    assert max(took) <= 2 + LATE, took
    for id in bad:
        ended = queue.end(id)
        assert ended["status"] == "failed" and len(outcomes(ended)) == 6


def test_all_dead_letters_of_a_function_are_redriven_or_dropped_and_no_others(queue):
    for name in ("left", "right"):
        queue.function(name, answers(404))
    left = [queue.run("left")["id"] for _ in range(3)]
    right = [queue.run("right")["id"]]
    assert sorted(queue.dead("left")) == sorted(left)
    queue.function("left", "cat")
    queue.serves("left", b"new")
    for method, path in (("POST", "/v1/dead-letters/redrive?function="), ("DELETE", "/v1/dead-letters?function=")):
        assert queue.daemon.api(method, path).status == 400, "an empty name is not all"
    answer = queue.daemon.api("POST", "/v1/dead-letters/redrive?function=left")
    assert answer.status == 202 and answer.json == {"redriven": 3}
    assert {queue.end(id)["status"] for id in left} == {"succeeded"}
    assert queue.dead("left") == [] and queue.dead("right") == right
    answer = queue.daemon.api("DELETE", "/v1/dead-letters?function=right")
    assert (answer.status, answer.json) == (200, {"dropped": 1})
    assert queue.dead("right") == [] and queue.daemon.api("GET", f"/v1/invocations/{right[0]}").status == 404


def test_one_dead_letter_is_dropped(queue):
    queue.function("dropped", answers(404))
    one, other = (queue.run("dropped", b"x" * size)["id"] for size in (1, 300_000))
    assert queue.daemon.api("DELETE", f"/v1/dead-letters/{other}").status == 204
    assert queue.dead("dropped") == [one]
    assert queue.daemon.api("DELETE", f"/v1/dead-letters/{other}").status == 404
    assert queue.daemon.api("POST", "/v1/dead-letters/none/redrive").status == 404


def test_events_of_a_function_that_is_removed_are_dead_letters_that_say_so(queue):
    queue.function("removed", HELD, **{"async": {"concurrency": 1}})
    queue.began(queue.accept("removed"))
    waiting = queue.accept("removed", b"kept")
    assert queue.daemon.api("DELETE", "/v1/functions/removed").status == 204
    queue.go()
    ended = queue.end(waiting)
    assert (ended["status"], ended["fault"]) == ("failed", "gone") and "deploy it again" in ended["detail"]
    queue.function("removed", "cat")
    assert queue.daemon.api("POST", f"/v1/dead-letters/{waiting}/redrive").status == 202
    assert queue.end(waiting)["queued"]["reply"]["body"] == "kept"


# ---- what people do

def test_what_waits_is_cancelled_without_running_and_what_runs_is_stopped(queue):
    queue.function("cancelled", HELD, limits={"timeout": "5m"}, **{"async": {"concurrency": 1}})
    running, waiting = queue.accept("cancelled"), queue.accept("cancelled")
    queue.began(running)
    answer = queue.daemon.api("POST", f"/v1/invocations/{waiting}/cancel")
    assert answer.status == 202 and answer.json["status"] == "cancelled" and answer.json["queued"]["history"] == []
    assert queue.daemon.api("POST", f"/v1/invocations/{waiting}/cancel").status in (404, 409)
    assert queue.daemon.api("POST", f"/v1/invocations/{running}/cancel").status == 202
    ended = queue.end(running)
    assert ended["status"] == "cancelled" and outcomes(ended) == ["cancelled"]
    assert not (queue.shared / f"began.{waiting}").exists()
    assert queue.daemon.api("POST", f"/v1/invocations/{running}/cancel").status == 409
    assert queue.daemon.api("POST", "/v1/invocations/none/cancel").status == 404
    assert queue.dead("cancelled") == []


def test_cancelling_lets_the_next_of_an_ordering_key_go(queue):
    queue.function("line", HELD, limits={"timeout": "5m"})
    key = {"Shallop-Ordering-Key": "k"}
    first, second, third = (queue.accept("line", headers=key) for _ in range(3))
    queue.began(first)
    assert queue.daemon.api("POST", f"/v1/invocations/{second}/cancel").status == 202
    assert queue.daemon.api("POST", f"/v1/invocations/{first}/cancel").status == 202
    queue.began(third)
    queue.go()
    assert queue.end(third)["status"] == "succeeded"


@pytest.mark.parametrize("body", [b"again", b"z" * 300_000], ids=["small", "file"])
def test_a_replay_is_the_same_event_once_more_under_a_new_id(queue, body):
    queue.function("replayed", 'printf "%s %s " "$REQUEST_METHOD" "$QUERY_STRING"; cat')
    first = queue.run("replayed", body, method="PUT", path="?a=b", headers={"Shallop-Ordering-Key": "k"})
    answer = queue.daemon.api("POST", f"/v1/invocations/{first['id']}/replay")
    id = answer.json["id"]
    assert answer.status == 202 and id != first["id"] and answer.headers["Location"] == f"/v1/invocations/{id}"
    again = queue.end(id)
    assert (again["queued"]["origin"], again["queued"]["ordering_key"]) == (f"replay:{first['id']}", "k")
    assert queue.result(id).body == b"PUT a=b " + body == queue.result(first["id"]).body


def test_a_request_that_was_answered_cannot_be_replayed(queue):
    queue.function("sync", "cat")
    id = queue.daemon.call("/function/sync").headers["X-Shallop-Invocation-Id"]
    assert wait_until(lambda: queue.show(id)["status"] == "succeeded")
    assert queue.show(id)["queued"] is None
    refused = queue.daemon.api("POST", f"/v1/invocations/{id}/replay")
    assert refused.status == 409 and "respond-async" in refused.json["detail"]
    assert queue.daemon.api("POST", "/v1/invocations/none/replay").status == 404


# ---- where outcomes are sent

def test_an_outcome_goes_to_another_function_as_an_event(queue):
    queue.function("after", 'env | grep ^HTTP_CE_ | sort >&2; cat')
    queue.function("before", "tr a-z A-Z", **{"async": {"on_success": {"function": "after"}}})
    first = queue.run("before", b"loud", headers={"Content-Type": "text/plain"})
    [sent] = wait_until(lambda: queue.list(function="after"))
    ended = queue.end(sent["id"])
    assert ended["queued"]["origin"] == f"destination:{first['id']}"
    document = json.loads(ended["queued"]["reply"]["body"])
    assert (document["id"], document["function"], document["status"], document["attempts"]) == (first["id"], "before", "succeeded", 1)
    assert document["request"]["body"] == "loud" and document["reply"]["body"] == "LOUD"
    assert f"HTTP_CE_ID={first['id']}\n" in ended["queued"]["history"][0]["log"]
    assert "HTTP_CE_TYPE=org.shallop.invocation.succeeded\n" in ended["queued"]["history"][0]["log"]


def test_functions_that_are_each_others_destination_come_to_an_end(queue):
    queue.function("ping", "echo ping", **{"async": {"on_success": {"function": "pong"}}})
    queue.function("pong", "echo pong", **{"async": {"on_success": {"function": "ping"}}})
    queue.run("ping")
    said = "a destination is not followed"
    wait_until(lambda: said in queue.daemon.log(), 60, what="the chain was ended")
    assert len(queue.list(function="ping")) + len(queue.list(function="pong")) == 17


def test_a_dead_letter_goes_to_a_file(queue):
    queue.function("filed", answers(404), **{"async": {"on_failure": {"file": "failed.jsonl"}}})
    ids = [queue.run("filed", body)["id"] for body in (b"one", b"\xff\xfe")]
    sink = queue.daemon.data_dir / "sinks/failed.jsonl"
    lines = wait_until(lambda: sink.exists() and len(sink.read_text().splitlines()) == 2 and sink.read_text().splitlines(), 60)
    documents = {line["id"]: line for line in map(json.loads, lines)}
    assert documents.keys() == set(ids) and {line["status"] for line in documents.values()} == {"failed"}
    assert documents[ids[0]]["fault"] == "http_404" and documents[ids[0]]["request"]["body"] == "one"
    assert documents[ids[1]]["request"]["body_base64"] == "//4="
    assert oct(sink.stat().st_mode)[-3:] == "600"


def test_an_outcome_is_posted_to_a_url(queue, receiver):
    queue.function("posted", FAILS, **{"async": {"max_attempts": 1, "on_failure": {"url": f"{receiver.url}/hook?a=b"}}})
    ended = queue.run("posted")
    path, fields, body = receiver.one()
    assert path == "/hook?a=b" and fields["ce-id"] == ended["id"] and fields["ce-type"] == "org.shallop.invocation.failed"
    assert fields["Content-Type"] == "application/json" and fields["User-Agent"].startswith("shallop/")
    assert json.loads(body)["reply"]["status"] == 500


# ---- callbacks

def test_a_callback_gets_the_reply_as_the_function_gave_it(queue, receiver):
    queue.function("called", "printf 'Content-Type: text/x-test\\n\\n'; cat")
    ended = queue.run("called", b"\x00\xff", headers={"X-Callback-Url": f"{receiver.url}/done"})
    assert ended["queued"]["callback"] == f"{receiver.url}/done"
    path, fields, body = receiver.one()
    assert path == "/done" and body == b"\x00\xff" and fields["Content-Type"] == "text/x-test"
    assert (fields["X-Shallop-Invocation-Id"], fields["X-Shallop-Function"]) == (ended["id"], "called")
    assert (fields["X-Shallop-Status"], fields["X-Shallop-Http-Status"]) == ("succeeded", "200")


def test_a_callback_is_tried_until_somebody_answers(queue):
    port = free_port()
    queue.function("patient", "echo ok")
    id = queue.accept("patient", headers={"X-Callback-Url": f"http://127.0.0.1:{port}/"})
    queue.end(id)
    [delivery] = wait_until(lambda: [one for one in queue.list(function=DELIVERIES) if one["queued"]["origin"] == f"destination:{id}"])
    wait_until(lambda: outcomes(queue.show(delivery["id"])), 60, what="nobody was there")
    receiver = Receiver(port)
    try:
        assert receiver.one(120)[1]["X-Shallop-Invocation-Id"] == id
    finally:
        receiver.close()
    ended = queue.end(delivery["id"])
    assert ended["status"] == "succeeded" and outcomes(ended)[0] == "function_failed"


def test_a_redirect_takes_nothing_so_it_is_tried_again(queue):
    receiver = Receiver(status=301)
    try:
        queue.function("moved", "echo ok")
        id = queue.accept("moved", headers={"X-Callback-Url": f"{receiver.url}/old"})
        queue.end(id)
        receiver.one()
        [delivery] = wait_until(lambda: [one for one in queue.list(function=DELIVERIES) if one["queued"]["origin"] == f"destination:{id}"])
        wait_until(lambda: outcomes(queue.show(delivery["id"])), 60, what="its answer is known")
        receiver.status = 200
        ended = queue.end(delivery["id"])
        assert ended["status"] == "succeeded" and outcomes(ended)[0] == "function_failed"
        assert "301" in ended["queued"]["history"][0]["detail"] and "redirect" in ended["queued"]["history"][0]["detail"]
    finally:
        receiver.close()


def test_a_delivery_that_is_cancelled_while_nobody_answers_is_not_tried_again(queue):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        queue.function("silent", "echo ok")
        id = queue.accept("silent", headers={"X-Callback-Url": f"http://127.0.0.1:{silent.getsockname()[1]}/"})
        queue.end(id)
        mine = lambda: [one for one in queue.list(function=DELIVERIES) if one["queued"]["origin"] == f"destination:{id}"]
        [delivery] = wait_until(lambda: [one for one in mine() if one["status"] == "running"])
        connection, _ = silent.accept()
        assert queue.daemon.api("POST", f"/v1/invocations/{delivery['id']}/cancel").status == 202
        connection.close()
        ended = queue.end(delivery["id"])
        assert (ended["status"], outcomes(ended)) == ("cancelled", ["cancelled"])


@pytest.mark.parametrize("url", ["ftp://example.org/", "/relative", "http://user:word@example.org/", "http://example.org/" + "x" * 2048])
def test_a_callback_that_is_no_url_is_refused(queue, url):
    queue.function("odd", "cat")
    refused = queue.ask("odd", headers={"X-Callback-Url": url})
    assert refused.status == 400 and "X-Callback-Url" in refused.json["detail"]


def test_an_address_that_none_of_those_allowed_is_refused_at_once(start_daemon, tmp_path, receiver):
    queue = Queue(start_daemon("--bind-root", str(tmp_path), "--callback-allow", f"127.0.0.1:{receiver.port},10.1.0.0/16,[::1]:9000"),
                  tmp_path / "shared")
    tmp_path.chmod(0o755)
    queue.function("picky", "cat")
    for place in ("127.0.0.1", "127.0.0.1:1", "10.2.0.1", "[::1]", "[::1]:9001", "192.168.0.1:80"):
        refused = queue.ask("picky", headers={"X-Callback-Url": f"http://{place}/"})
        assert refused.status == 400 and "--callback-allow" in refused.json["detail"], place
    id = queue.accept("picky", headers={"X-Callback-Url": f"http://127.0.0.1:{receiver.port}/"})
    assert queue.end(id)["status"] == "succeeded"
    wait_until(lambda: receiver.got, 20)


def test_callbacks_lead_to_no_private_address(start_daemon, tmp_path, receiver):
    queue = Queue(start_daemon("--bind-root", str(tmp_path)), tmp_path / "shared")
    tmp_path.chmod(0o755)
    queue.function("private", "cat")
    for host in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"):
        refused = queue.ask("private", headers={"X-Callback-Url": f"http://{host}:{receiver.port}/"})
        assert refused.status == 400 and "not to be called" in refused.json["detail"], host
    # A name is looked at when it is called.
    id = queue.accept("private", headers={"X-Callback-Url": f"http://localhost:{receiver.port}/"})
    queue.end(id)
    [delivery] = wait_until(lambda: queue.dead(DELIVERIES), 60)
    assert "--callback-allow" in queue.show(delivery)["detail"] and receiver.got == []
