# SPDX-License-Identifier: Apache-2.0
"""The client's commands for queued events, as somebody types them."""
import json
import re

import pytest

from conftest import wait_until
from queued import QUICK
from test_cli import complains, name  # noqa: F401: a fixture

SHELL = "debian:bookworm-slim"


@pytest.fixture
def shout(shared, name):
    shared.put(name, image=SHELL, command=["tr", "a-z", "A-Z"])
    return name


@pytest.fixture
def failing(shared, name):
    """Fails for good; `async` stands in the resource."""
    shared.put(name, image=SHELL, command=["sh", "-c", "echo why >&2; printf 'Status: 500 No\\n\\nno'"],
               **{"async": {"max_attempts": 2, "backoff": QUICK}})
    return name


def queue(shared, name, *words):
    return shared.cli("invoke", name, "--async", *words).stdout.strip()


def test_an_event_is_queued_waited_for_and_its_result_printed(shared, shout):
    id = queue(shared, shout, "-d", "later")
    assert re.fullmatch(r"[0-9a-z]{26}", id)
    assert shared.cli("invocations", "wait", id, "--timeout", "60s").stdout == f"{id} succeeded after 1 attempt\n"
    assert shared.cli("invocations", "result", id).stdout == "LATER"
    assert json.loads(shared.cli("invocations", "wait", id, "--json").stdout)["status"] == "succeeded"
    assert json.loads(shared.cli("invocations", "result", id, "--json").stdout)["body"] == "LATER"
    shown = shared.cli("invocations", "show", id).stdout
    assert f"id          {id}\n" in shown and "origin      request" in shown and f"shallop invocations result {id}" in shown
    assert json.loads(shared.cli("invocations", "show", id, "--json").stdout)["queued"]["attempts"] == 1


def test_invoke_can_wait_for_what_it_queued(shared, shout):
    assert shared.cli("invoke", shout, "-d", "now", "--async", "--wait").stdout == "NOW"
    assert json.loads(shared.cli("invoke", shout, "-d", "x", "--async", "--wait", "--json").stdout)["queued"]["reply"]["body"] == "X"


def test_keys_and_a_callback_are_passed(shared, shout):
    words = ("-d", "x", "--idempotency-key", "one", "--ordering-key", "line", "--callback", "https://callback.invalid/x", "--json")
    first, again = (json.loads(queue(shared, shout, *words)) for _ in range(2))
    assert first["id"] == again["id"] and (first["repeated"], again["repeated"]) == (False, True)
    queued = shared.api("GET", f"/v1/invocations/{first['id']}").json["queued"]
    assert (queued["ordering_key"], queued["callback"]) == ("line", "https://callback.invalid/x")
    complains(shared.cli("invoke", shout, "--async", "-d", "y", "--idempotency-key", "one", check=False), 1, "Idempotency-Key")
    complains(shared.cli("invoke", shout, "--async", "--callback", "http://10.0.0.1/", check=False), 1, "10.0.0.1")


def test_invocations_are_listed_for_people_and_for_programs(shared, shout):
    assert shared.cli("invocations", "--function", shout).stdout.startswith("no such invocation")
    id = queue(shared, shout, "-d", "x")
    shared.cli("invocations", "wait", id)
    shared.cli("invoke", shout, "-d", "y")
    for words in (("invocations", "--function", shout), ("invocations", "list", "--function", shout, "--status", "succeeded", "--limit", "5")):
        heading, *rows = wait_until(lambda: len(lines := shared.cli(*words).stdout.splitlines()) == 3 and lines)
        assert heading.split() == ["ID", "FUNCTION", "STATUS", "ATTEMPTS", "AGE", "REMARK"]
        assert [row.split()[1:4] for row in rows] == [[shout, "succeeded", "-"], [shout, "succeeded", "1"]] and rows[1].startswith(id)
    assert [one["id"] for one in json.loads(shared.cli("invocations", "--function", shout, "--json").stdout)][1] == id
    assert "there are more" in shared.cli("invocations", "--function", shout, "--limit", "1").stdout


def test_what_failed_fails_the_command_and_says_where_to_look(shared, failing):
    done = shared.cli("invoke", failing, "--async", "--wait", check=False)
    assert done.returncode == 1 and done.stdout == "no"
    assert "attempt 2 of 2" in done.stderr and "shallop invocations show" in done.stderr
    [one] = json.loads(shared.cli("dead-letters", "--function", failing, "--json").stdout)
    done = shared.cli("invocations", "wait", one["id"], check=False)
    assert done.returncode == 1 and done.stdout.startswith(f"{one['id']} failed after 2 attempts: ")
    shown = shared.cli("dead-letters", "show", one["id"]).stdout
    assert shown.count("http_500: the function answered 500") == 2 and shown.count("      | why\n") == 2
    assert failing in shared.cli("dead-letters").stdout


def test_a_wait_that_is_over_before_the_end_fails(shared, name):
    shared.put(name, image=SHELL, command=["sleep", "300"], limits={"timeout": "10m"})
    id = queue(shared, name)
    complains(shared.cli("invocations", "wait", id, "--timeout", "100ms", check=False), 1, "has not ended", f"wait {id}")
    wait_until(lambda: shared.api("GET", f"/v1/invocations/{id}").json["status"] == "running", 60)
    assert id in shared.cli("invocations", "cancel", id).stdout
    done = shared.cli("invocations", "wait", id, check=False)
    assert done.returncode == 1 and "cancelled" in done.stdout
    complains(shared.cli("invocations", "result", id, check=False), 1, "no reply")
    complains(shared.cli("invocations", "cancel", id, check=False), 1, "ended")


def test_a_replay_has_an_id_of_its_own(shared, shout):
    id = queue(shared, shout, "-d", "again")
    shared.cli("invocations", "wait", id)
    said = shared.cli("invocations", "replay", id).stdout
    again = re.fullmatch(rf"queued (\w+), the event of {id} once more\n", said)[1]
    shared.cli("invocations", "wait", again)
    assert again != id and shared.cli("invocations", "result", again).stdout == "AGAIN"
    assert json.loads(shared.cli("invocations", "replay", id, "--json").stdout)["status"] == "queued"
    complains(shared.cli("invocations", "replay", "none", check=False), 1, "none", "shallop invocations")


def test_dead_letters_are_redriven_and_dropped(shared, failing):
    assert shared.cli("dead-letters", "--function", failing).stdout == "no dead letters\n"
    ids = [queue(shared, failing) for _ in range(3)]
    for id in ids:
        shared.cli("invocations", "wait", id, check=False)
    assert shared.cli("dead-letters", "redrive", ids[0]).stdout == f"redriven {ids[0]}\n"
    wait_until(lambda: shared.api("GET", f"/v1/invocations/{ids[0]}").json["status"] == "failed", 60)
    assert json.loads(shared.cli("dead-letters", "redrive", "--all", "--function", failing, "--json").stdout) == {"redriven": 3}
    for id in ids:
        shared.cli("invocations", "wait", id, check=False)
    assert shared.cli("dead-letters", "drop", ids[0]).stdout == f"dropped {ids[0]}\n"
    assert shared.cli("dead-letters", "drop", "--all", "--function", failing, "--yes").stdout == "dropped 2\n"
    complains(shared.cli("dead-letters", "drop", ids[0], check=False), 1, ids[0])


def test_an_empty_word_is_not_taken_for_all(shared, failing):
    """A script's variable that is not set."""
    id = queue(shared, failing)
    shared.cli("invocations", "wait", id, check=False)
    for words in (("drop", "--all", "--yes", "--function", ""), ("drop", "--all", "--yes", "--function="), ("drop", ""),
                  ("redrive", "--all", "--function", ""), ("redrive", ""), ("list", "--function", ""), ("drop", id, "")):
        complains(shared.cli("dead-letters", *words, check=False), 2, "empty" if words[-1] == "" else "--function", "--help")
    complains(shared.cli("invocations", "cancel", "", check=False), 2, "empty", "--help")
    assert [one["id"] for one in json.loads(shared.cli("dead-letters", "--function", failing, "--json").stdout)] == [id]


def test_a_call_that_was_waited_for_has_no_result(shared, shout):
    [id] = [line.split()[1] for line in shared.cli("invoke", shout, "-i").stdout.splitlines() if line.startswith("x-shallop-invocation-id")]
    complains(shared.cli("invocations", "result", id, "--json", check=False), 1, "no reply", "shallop invocations show")


def test_a_manifest_and_a_plan_know_async(shared, name, tmp_path):
    file = tmp_path / "function.yaml"
    written = "name: {}\nimage: {}\ncommand: [cat]\nasync:\n  max_attempts: {}\n  backoff: {{initial: 2s}}\n  on_failure: {{function: alarm}}\n"
    file.write_text(written.format(name, SHELL, 5))
    shared.cli("apply", "-f", str(file))
    made = json.loads(shared.cli("show", name, "--json").stdout)["async"]
    assert (made["max_attempts"], made["backoff"]["initial"], made["on_failure"]) == (5, "2s", {"function": "alarm"})
    assert shared.cli("plan", "-f", str(file)).stdout.startswith("nothing to do")
    file.write_text(written.format(name, SHELL, 7))
    assert "async.max_attempts: 5 → 7" in shared.cli("plan", "-f", str(file)).stdout
