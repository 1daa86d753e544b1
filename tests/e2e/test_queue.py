# SPDX-License-Identifier: Apache-2.0
"""Events that are accepted now and run later: what is accepted, in which order it runs, what is refused, what outlives a restart."""
import json
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import Daemon, close_all, wait_until
from queued import HELD, Queue
from warm import metric

SAYS = ('printf "%s|%s|%s|%s" "$REQUEST_METHOD" "$QUERY_STRING" "$PATH_INFO" "$HTTP_X_TEST" | tee /dev/stderr')


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("queue")
    daemon = Daemon("--bind-root", str(root)).start()
    yield Queue(daemon, root / "shared")
    close_all([daemon])


@pytest.fixture
def queue(server, request):
    request.node.daemons = [server.daemon]
    yield server
    server.clear()


@pytest.fixture
def own_queue(start_daemon, tmp_path):
    """`own_queue(*flags)`: on a daemon of its own."""
    queues = []

    def make(*flags):
        queues.append(Queue(start_daemon("--bind-root", str(tmp_path), *flags), tmp_path / "shared"))
        return queues[-1]

    tmp_path.chmod(0o755)
    yield make
    for one in queues:
        one.go()


# ---- accepted, run, kept

def test_an_event_is_accepted_at_once_run_later_and_its_reply_kept(queue):
    queue.function("later", "cat; echo heard >&2")
    answer = queue.ask("later", b"hello", headers={"Content-Type": "text/plain"})
    id = answer.headers["X-Shallop-Invocation-Id"]
    assert answer.status == 202 and answer.json == {"id": id, "status": "queued"}
    assert answer.headers["Location"] == f"/v1/invocations/{id}"
    assert answer.headers["Preference-Applied"] == "respond-async"
    ended = queue.end(id)
    assert (ended["status"], ended["fault"], ended["http_status"]) == ("succeeded", None, 200)
    assert ended["bytes_in"] == 5 and ended["function"] == "later" and ended["method"] == "POST"
    queued = ended["queued"]
    assert (queued["origin"], queued["attempts"], queued["due"], queued["callback"]) == ("request", 1, None, None)
    [attempt] = queued["history"]
    assert (attempt["outcome"], attempt["counted"], attempt["log"]) == ("ok", True, "heard\n")
    assert queued["reply"]["body"] == "hello" and queued["reply"]["status"] == 200
    result = queue.result(id)
    assert (result.status, result.body, result.headers["X-Shallop-Http-Status"]) == (200, b"hello", "200")
    assert id in [one["id"] for one in queue.list(function="later", status="succeeded")]
    assert metric(queue.daemon, "shallop_queue_attempts_total", function="later", outcome="succeeded") == 1
    written, changes = (metric(queue.daemon, f"shallop_queue_{name}_total") for name in ("transactions", "changes"))
    assert changes >= 3 and 1 <= written <= changes, "accepted, taken and ended"


def test_a_client_may_prefer_not_to_wait_wherever_it_asks(queue):
    queue.function("preferred", "cat", routes=[{"path": "/preferred-route"}])
    for path in ("/function/preferred", "/preferred-route"):
        for value in ("respond-async", "wait=10, respond-async; x=y", "Respond-Async"):
            answer = queue.daemon.call(path, "POST", b"x", {"Prefer": value})
            assert answer.status == 202, (path, value, answer)
            assert queue.end(answer.json["id"])["queued"]["reply"]["body"] == "x"
        for value in ("return=minimal", "no-respond-async"):
            assert queue.daemon.call(path, "POST", b"x", {"Prefer": value}).status == 200


def test_the_wait_for_an_end_ends_with_its_time(queue):
    queue.function("waited", HELD)
    id = queue.accept("waited", b"x")
    queue.began(id)
    assert queue.daemon.api("GET", f"/v1/invocations/{id}?wait=50ms").json["status"] == "running"
    assert queue.result(id).status == 409
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(queue.daemon.api, "GET", f"/v1/invocations/{id}?wait=60s", timeout=90)
        queue.go()
        assert waiting.result().json["status"] == "succeeded"
    assert queue.daemon.api("GET", f"/v1/invocations/{id}?wait=6m").status == 400
    assert queue.daemon.api("GET", "/v1/invocations/none?wait=1s").status == 404
    assert queue.result("none").status == 404


def test_who_waits_no_more_holds_no_connection(queue):
    queue.function("left", HELD)
    id, daemon = queue.accept("left", b"x"), queue.daemon
    queue.began(id)
    connections = lambda: metric(daemon, "shallop_connections", listener="admin")
    before = connections()
    client = socket.create_connection(("127.0.0.1", daemon.admin_port), timeout=30)
    client.sendall(f"GET /v1/invocations/{id}?wait=5m HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {daemon.token}\r\n\r\n".encode())
    wait_until(lambda: connections() > before, 20)
    client.close()
    wait_until(lambda: connections() <= before, 20, what="the connection is given up")
    queue.go()
    assert queue.end(id)["status"] == "succeeded"


@pytest.mark.parametrize("body", [b"", "grün".encode(), bytes(range(256)), os.urandom(1 << 20)],
                         ids=["none", "text", "bytes", "mebibyte"])
def test_a_body_arrives_and_comes_back_byte_for_byte(queue, body):
    queue.function("bodies", "cat")
    ended = queue.run("bodies", body)
    reply = ended["queued"]["reply"]
    assert ended["status"] == "succeeded" and not reply["truncated"] and ended["bytes_in"] == len(body)
    assert ("body" in reply) == (len(body) < 100 and body != bytes(range(256)))
    assert queue.result(ended["id"]).body == body
    files = [file.stat().st_size for file in (queue.daemon.data_dir / "bodies").glob("*")]
    assert (len(body) in files) == (len(body) > 256 * 1024), "large bodies are files"


def test_of_a_long_reply_only_the_beginning_is_kept(queue):
    queue.function("long", "cat", **{"async": {"result": "1Ki"}})
    ended = queue.run("long", b"x" * 5000)
    result = queue.result(ended["id"])
    assert ended["queued"]["reply"]["truncated"] and result.headers["X-Shallop-Truncated"] == "true"
    assert result.body == b"x" * 1024


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_method_query_path_and_fields_arrive(queue, method):
    queue.function("methods", SAYS)
    answer = queue.daemon.call("/async-function/methods/a%20b/c?x=1&y=%2F", method, None, {"X-Test": "seen"})
    assert answer.status == 202 and (answer.body == b"") == (method == "HEAD")
    ended = queue.end(answer.headers["Location"].rsplit("/", 1)[1])
    assert ended["status"] == "succeeded" and ended["method"] == method
    assert ended["queued"]["history"][0]["log"].strip() == f"{method}|x=1&y=%2F|/a b/c|seen"


def test_fields_that_are_for_the_queue_are_no_part_of_the_event(queue):
    queue.function("fields", "env | grep -c -e HTTP_PREFER -e HTTP_X_CALLBACK -e HTTP_SHALLOP_ORDERING; true")
    answer = queue.daemon.call("/function/fields", "GET", headers={"Prefer": "respond-async", "Shallop-Ordering-Key": "k"})
    ended = queue.end(answer.json["id"])
    assert ended["queued"]["ordering_key"] == "k" and ended["queued"]["reply"]["body"] == "0\n"


# ---- keys

def test_the_same_idempotency_key_queues_once_and_another_request_under_it_is_refused(queue):
    queue.function("once", "cat")
    queue.function("other", "cat")
    key = {"Idempotency-Key": "order 17"}
    first, again = (queue.ask("once", b"a", headers=key) for _ in range(2))
    assert again.status == 202 and again.json["id"] == first.json["id"]
    assert again.headers["Idempotency-Replayed"] == "true" and first.headers["Idempotency-Replayed"] is None
    refused = queue.ask("once", b"b", headers=key)
    assert refused.status == 422 and "Idempotency-Key" in refused.json["detail"]
    assert queue.ask("once", b"a", path="/x", headers=key).status == 422
    assert queue.accept("other", b"b", headers=key) != first.json["id"]
    queue.end(first.json["id"])
    assert queue.accept("once", b"a", headers=key) == first.json["id"]
    assert len(queue.list(function="once")) == 1


@pytest.mark.parametrize("field", ["Idempotency-Key", "Shallop-Ordering-Key"])
def test_a_key_is_printable_and_of_bounded_length(queue, field):
    queue.function("keyed", "cat")
    assert queue.ask("keyed", headers={field: "k" * 255}).status == 202
    for key in ("k" * 256, "caf\xe9"):
        refused = queue.ask("keyed", headers={field: key})
        assert refused.status == 400 and field in refused.json["detail"]


def test_events_with_one_ordering_key_run_one_after_the_other_in_their_order(queue):
    queue.function("ordered", "cat; sleep 0.1", **{"async": {"concurrency": 8}})
    ids = [queue.accept("ordered", str(number).encode(), headers={"Shallop-Ordering-Key": "k"}) for number in range(6)]
    runs = [queue.end(id)["queued"]["history"] for id in ids]
    assert all(len(run) == 1 for run in runs)
    for before, after in zip(runs, runs[1:]):
        assert before[0]["ended"] <= after[0]["started"]


def test_a_retry_holds_up_those_behind_its_ordering_key(queue):
    queue.function("held", '[ "$(cat)" != first ] || [ $SHALLOP_ATTEMPT -ge 3 ]')
    key = {"Shallop-Ordering-Key": "k"}
    first, second = queue.accept("held", b"first", headers=key), queue.accept("held", b"second", headers=key)
    assert queue.end(second)["queued"]["history"][0]["started"] >= queue.end(first)["queued"]["history"][2]["ended"]


def test_events_with_different_ordering_keys_run_side_by_side(queue):
    """Each waits for the other."""
    meet = 'me=$(cat); touch /shared/$me; for i in $(seq 600); do [ -e /shared/a ] && [ -e /shared/b ] && exit 0; sleep 0.05; done; exit 1'
    queue.function("beside", meet, limits={"timeout": "60s"}, **{"async": {"max_attempts": 1}})
    ids = [queue.accept("beside", key.encode(), headers={"Shallop-Ordering-Key": key}) for key in ("a", "b")]
    assert [queue.end(id)["status"] for id in ids] == ["succeeded", "succeeded"]


def test_no_more_events_of_a_function_run_at_once_than_it_says(queue):
    queue.function("narrow", HELD, **{"async": {"concurrency": 2}})
    ids = [queue.accept("narrow") for _ in range(4)]
    for id in ids[:2]:
        queue.began(id)
    assert len(queue.list(function="narrow", status="running")) == 2
    assert {one["id"] for one in queue.list(function="narrow", status="queued")} == set(ids[2:])
    queue.go()
    assert {queue.end(id)["status"] for id in ids} == {"succeeded"}


# ---- refused

def test_a_full_backlog_is_429_with_the_time_to_come_again(queue):
    queue.function("full", HELD, **{"async": {"concurrency": 1, "backlog": 1}})
    running = queue.accept("full")
    queue.began(running)
    waiting = queue.accept("full")
    refused = queue.ask("full")
    assert refused.status == 429 and int(refused.headers["Retry-After"]) >= 1
    assert refused.json["fault"] == "overloaded" and "backlog" in refused.json["detail"]
    queue.go()
    assert {queue.end(id)["status"] for id in (running, waiting)} == {"succeeded"}
    assert queue.ask("full").status == 202


def test_a_backlog_is_full_of_bytes_too(queue):
    queue.function("heavy", HELD, **{"async": {"concurrency": 1, "backlog_bytes": "1Ki"}})
    queue.began(queue.accept("heavy"))
    assert queue.ask("heavy", b"x" * 1000).status == 202
    assert queue.ask("heavy", b"x" * 100).status == 429
    assert queue.ask("heavy", b"x" * 24).status == 202


def test_a_full_server_is_507(own_queue):
    queue = own_queue("--backlog-events", "1")
    queue.function("one", HELD, **{"async": {"concurrency": 1}})
    queue.function("two", "cat")
    queue.began(queue.accept("one"))
    queue.accept("one")
    refused = queue.ask("two")
    assert refused.status == 507 and refused.json["fault"] == "overloaded" and refused.headers["Retry-After"]


def test_a_body_over_the_limit_is_413_and_leaves_nothing(queue):
    queue.function("small", "cat", limits={"request_body": "300Ki"})
    before = set((queue.daemon.data_dir / "bodies").glob("*"))
    assert queue.ask("small", b"x" * (300 * 1024)).status == 202
    kept = set((queue.daemon.data_dir / "bodies").glob("*")) - before
    assert len(kept) == 1
    assert queue.ask("small", b"x" * (300 * 1024 + 1)).status == 413
    assert queue.ask("small", iter([b"x" * (200 * 1024)] * 2)).status == 413  # in chunks: its length is not known ahead
    wait_until(lambda: set((queue.daemon.data_dir / "bodies").glob("*")) - before == kept, what="nothing is left of what was refused")


def test_what_is_no_function_is_404(queue):
    assert queue.ask("none").status == 404
    assert queue.daemon.call("/async-function").status == 404


# ---- restarts

def outcomes_counted(invocation):
    return sum(attempt["counted"] for attempt in invocation["queued"]["history"])


def test_what_is_queued_outlives_a_restart(own_queue):
    queue = own_queue()
    queue.function("held", HELD, **{"async": {"concurrency": 1}})
    queue.began(queue.accept("held"))
    waiting = [queue.accept("held", f"{number}".encode()) for number in range(3)]
    large = queue.accept("held", b"y" * 400_000)
    queue.go()
    queue.daemon.stop()
    queue.daemon.start()
    for number, id in enumerate(waiting):
        ended = queue.end(id)
        assert ended["queued"]["reply"]["body"] == f"{number}" and outcomes_counted(ended) == 1
    assert queue.result(queue.end(large)["id"]).body == b"y" * 400_000


def test_what_ran_when_the_daemon_was_killed_runs_again(own_queue):
    queue = own_queue()
    queue.function("killed", HELD, **{"async": {"concurrency": 1}})
    running, waiting = queue.accept("killed", b"a"), queue.accept("killed", b"b")
    queue.began(running)
    queue.daemon.kill()
    queue.go()
    queue.daemon.start()
    ended = queue.end(running)
    assert ended["status"] == "succeeded" and ended["queued"]["reply"]["body"] == "a"
    assert [(a["outcome"], a["counted"]) for a in ended["queued"]["history"]] == [("interrupted", False), ("ok", True)]
    assert ended["queued"]["attempts"] == 1
    assert queue.end(waiting)["queued"]["reply"]["body"] == "b"


def test_what_is_due_later_is_not_looked_past_while_others_are_promised_all_places(own_queue):
    queue = own_queue("--queue-concurrency", "10")
    queue.function("again", "[ $SHALLOP_ATTEMPT -ge 2 ] || exit 1", quick=False, **{"async": {"backoff": {"initial": "2s", "jitter": 0}}})
    queue.function("long", HELD, limits={"timeout": "5m"})
    again = queue.accept("again")
    wait_until(lambda: queue.show(again)["queued"]["history"], what="its first attempt has failed")
    queue.began(queue.accept("long"))
    assert queue.end(again, 15)["status"] == "succeeded"


def test_what_is_cut_off_each_time_fails_and_its_destination_is_told(own_queue):
    queue = own_queue()
    queue.function("fatal", HELD, **{"async": {"on_failure": {"file": "fatal.jsonl"}}})
    id = queue.accept("fatal")
    for _ in range(10):
        queue.began(id)
        queue.daemon.kill()
        (queue.shared / f"began.{id}").unlink()
        queue.daemon.start()
    ended = queue.end(id)
    assert (ended["status"], ended["fault"], ended["queued"]["attempts"]) == ("failed", "interrupted", 0)
    assert "it may be the reason" in ended["detail"] and queue.dead("fatal") == [id]
    sink = queue.daemon.data_dir / "sinks/fatal.jsonl"
    wait_until(lambda: sink.exists() and json.loads(sink.read_text())["id"] == id, 20, what="its destination knows")


def test_what_is_kept_long_enough_is_forgotten_with_its_body(queue):
    queue.function("brief", "cat", **{"async": {"retention": "1s"}})
    before = set((queue.daemon.data_dir / "bodies").glob("*"))
    id = queue.accept("brief", b"z" * 300_000)
    assert queue.end(id)["queued"]["kept_until"]
    wait_until(lambda: queue.daemon.api("GET", f"/v1/invocations/{id}").status == 404, 60, 0.5, "it is forgotten")
    wait_until(lambda: not set((queue.daemon.data_dir / "bodies").glob("*")) - before, what="its body is gone")


@pytest.mark.parametrize("yields", [True, False])
def test_a_request_goes_before_queued_events_for_the_only_instance_if_the_function_says_so(queue, yields):
    script = f'read body; echo "$body" >>/shared/order; [ "$body" != first ] || {HELD}'
    queue.function("yielding", script, scale={"max": 1}, **{"async": {"concurrency": 3, "yield": yields}})
    ids = [queue.accept("yielding", b"first\n")]
    queue.began(ids[0])
    for number, body in enumerate((b"second\n", b"third\n"), 1):
        ids.append(queue.accept("yielding", body))
        wait_until(lambda: metric(queue.daemon, "shallop_events_waiting") == number, 30, what="it waits for the instance")
    asking = threading.Thread(target=queue.daemon.call, args=("/function/yielding", "POST", b"request\n"))
    asking.start()
    wait_until(lambda: metric(queue.daemon, "shallop_events_waiting") == 3, 30, what="the request waits too")
    queue.go()
    asking.join(60)
    assert [queue.end(id)["status"] for id in ids] == ["succeeded"] * 3
    order = (queue.shared / "order").read_text().split()
    assert order == (["first", "request", "second", "third"] if yields else ["first", "second", "third", "request"])
