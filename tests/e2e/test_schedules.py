# SPDX-License-Identifier: Apache-2.0
"""Schedules: functions that run by themselves, with the real clock and the real queue."""
import json
from collections import Counter
from datetime import datetime, timezone

import pytest

from conftest import wait_until

IMAGE = "debian:bookworm-slim"
TELL = ["sh", "-c", 'echo "$REQUEST_METHOD $PATH_INFO $HTTP_SHALLOP_SCHEDULE $HTTP_SHALLOP_SCHEDULED_TIME $(cat)" >&2']


@pytest.fixture
def teller(daemon):
    """A function that writes what its events say into its log."""
    daemon.put("teller", image=IMAGE, command=TELL)
    return daemon


def add(daemon, **document):
    answer = daemon.api("POST", "/v1/functions/teller/schedules", document)
    assert answer.status == 201, answer
    assert answer.headers["Location"] == f"/v1/schedules/{answer.json['id']}"
    return answer.json


def told(daemon):
    """What the function has written: the words of each event."""
    answer = daemon.api("GET", "/v1/functions/teller/logs?tail=1000")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    return [line["text"].split() for line in lines if line["stream"] == "stderr"]


def ticks(daemon):
    return Counter(words[3] for words in told(daemon))


def test_a_function_runs_by_itself_until_it_is_paused(teller):
    one = add(teller, cron="@every 1s", path="/tick", body="hello", overlap="allow")
    wait_until(lambda: len(told(teller)) >= 3, 60)
    words = told(teller)[0]
    assert words[:3] == ["POST", "/tick", one["id"]] and words[4] == "hello"
    assert datetime.fromisoformat(words[3].replace("Z", "+00:00")).tzinfo is not None
    paused = teller.api("POST", f"/v1/schedules/{one['id']}/pause").json
    assert paused["paused"] and paused["next"] == []
    wait_until(lambda: teller.api("GET", f"/v1/schedules/{one['id']}").json["last"]["outcome"] == "succeeded", 60)
    before = teller.api("GET", f"/v1/schedules/{one['id']}").json["last"]
    resumed = teller.api("POST", f"/v1/schedules/{one['id']}/resume").json
    assert not resumed["paused"] and len(resumed["next"]) == 5
    wait_until(lambda: teller.api("GET", f"/v1/schedules/{one['id']}").json["last"] != before, 60)
    assert max(ticks(teller).values()) == 1


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restart_gives_no_tick_a_second_run(start_daemon, tmp_path, end):
    """A run that is cut off is run again, as the same invocation; a tick has never two."""
    daemon = start_daemon("--bind-root", str(tmp_path))
    daemon.put("noter", image=IMAGE, mounts=[{"type": "bind", "source": str(tmp_path), "target": "/notes", "read_only": False}],
               command=["sh", "-c", 'echo "$HTTP_SHALLOP_SCHEDULED_TIME $SHALLOP_INVOCATION_ID" >> /notes/runs'])
    answer = daemon.api("POST", "/v1/functions/noter/schedules", {"cron": "@every 1s", "overlap": "allow", "catch_up": "all"})
    assert answer.status == 201, answer

    def runs():
        file = tmp_path / "runs"
        return [tuple(line.split()) for line in file.read_text().splitlines()] if file.exists() else []

    for _ in range(4):
        before = len(set(runs()))
        wait_until(lambda: len(set(runs())) >= before + 2, 60)
        last = daemon.api("GET", f"/v1/schedules/{answer.json['id']}").json["last"]["tick"]
        getattr(daemon, end)()
        daemon.start()
        assert daemon.api("GET", f"/v1/schedules/{answer.json['id']}").json["last"]["tick"] >= last
    before = len(set(runs()))
    wait_until(lambda: len(set(runs())) >= before + 2, 60)
    invocations = Counter(tick for tick, _ in set(runs()))
    assert max(invocations.values()) == 1, invocations
    if end == "stop":
        assert len(runs()) == len(set(runs()))


def test_a_run_that_was_missed_is_made_up_for_once(teller):
    add(teller, cron="@every 1s", overlap="allow")
    wait_until(lambda: told(teller), 60)
    teller.stop()
    stopped = datetime.now(timezone.utc)
    wait_until(lambda: (datetime.now(timezone.utc) - stopped).total_seconds() > 4, 30)
    teller.start()
    wait_until(lambda: len(told(teller)) >= 2, 60)
    late = [tick for tick in ticks(teller) if datetime.fromisoformat(tick.replace("Z", "+00:00")) < stopped]
    assert len(late) <= 1, late


def test_schedules_go_with_their_function(teller):
    one = add(teller, cron="@hourly")
    assert teller.api("DELETE", "/v1/functions/teller").status == 204
    assert teller.api("GET", f"/v1/schedules/{one['id']}").status == 404
    assert teller.api("GET", "/v1/schedules").json["schedules"] == []
    teller.kill()
    teller.start()
    assert teller.api("GET", "/v1/schedules").json["schedules"] == []


def test_what_cannot_be_is_refused_with_what_to_do(shared):
    shared.put("sched-refused", image=IMAGE, command=["true"])
    path = "/v1/functions/sched-refused/schedules"
    for document, pointer, says in (({"cron": "* * * *"}, "/cron", "five fields"),
                                    ({"cron": "0 0 30 2 *"}, "/cron", "no date"),
                                    ({"cron": "@daily", "time_zone": "Europe/Berln"}, "/time_zone", "Europe/Berlin"),
                                    ({"cron": "@daily", "overlap": "maybe"}, "/overlap", "forbid")):
        answer = shared.api("POST", path, document)
        assert answer.status == 400 and says in answer.json["detail"], answer
        assert answer.json["pointer"] == pointer
    assert shared.api("POST", "/v1/functions/nobody/schedules", {"cron": "@daily"}).status == 404
    assert shared.api("GET", "/v1/functions/nobody/schedules").status == 404
    assert shared.api("POST", "/v1/schedules/none/run").status == 404
    assert shared.api("GET", path).json == {"schedules": []}
    assert shared.api("DELETE", "/v1/functions/sched-refused").status == 204


def test_a_patch_and_pages(shared):
    shared.put("sched-pages", image=IMAGE, command=["true"])
    path = "/v1/functions/sched-pages/schedules"
    made = [shared.api("POST", path, {"cron": "30 2 * * *", "time_zone": "Europe/Berlin"}).json for _ in range(3)]
    page = shared.api("GET", path + "?limit=2").json
    assert [one["id"] for one in page["schedules"]] == [made[0]["id"], made[1]["id"]]
    rest = shared.api("GET", f"{path}?limit=2&cursor={page['next_cursor']}").json
    assert [one["id"] for one in rest["schedules"]] == [made[2]["id"]] and "next_cursor" not in rest
    assert len(made[0]["next"]) == 5 and all(run[19:] in ("+01:00", "+02:00") for run in made[0]["next"])
    answer = shared.api("PATCH", f"/v1/schedules/{made[0]['id']}", {"jitter": "30s"},
                        {"Content-Type": "application/merge-patch+json"})
    assert answer.status == 200 and answer.json["jitter"] == "30s" and answer.json["cron"] == "30 2 * * *"
    again = {key: value for key, value in answer.json.items()}
    assert shared.api("POST", path, again).status == 201, "what was read can be sent"
    assert shared.api("DELETE", f"/v1/schedules/{made[0]['id']}").status == 204
    assert shared.api("GET", f"/v1/schedules/{made[0]['id']}").status == 404
    assert shared.api("DELETE", "/v1/functions/sched-pages").status == 204


def test_the_client_speaks_of_schedules(shared):
    shared.put("sched-cli", image=IMAGE, command=["true"])
    added = shared.cli("schedules", "add", "sched-cli", "*/5 * * * *", "--time-zone", "Asia/Kathmandu", "--overlap", "replace",
                       "-H", "X-A: b", "-d", "body", "--json")
    one = json.loads(added.stdout)
    assert (one["overlap"], one["headers"], one["body"]) == ("replace", {"X-A": "b"}, "body")
    assert one["next"][0].endswith("+05:45")
    assert one["id"] in shared.cli("schedules").stdout and one["id"] in shared.cli("schedules", "list", "sched-cli").stdout
    assert "paused" in shared.cli("schedules", "pause", one["id"]).stdout
    assert "+05:45" in shared.cli("schedules", "resume", one["id"]).stdout
    queued = json.loads(shared.cli("schedules", "run", one["id"], "--json").stdout)["invocation"]
    wait_until(lambda: json.loads(shared.cli("schedules", "show", one["id"], "--json").stdout)["last"]["outcome"] == "succeeded", 60)
    assert queued in shared.cli("schedules", "show", one["id"]).stdout
    assert shared.cli("schedules", "remove", one["id"]).stdout == f"removed {one['id']}\n"
    refused = shared.cli("schedules", "add", "sched-cli", "* * *", check=False)
    assert refused.returncode == 1 and "five fields" in refused.stderr
    assert shared.cli("schedules", "add", "sched-cli", check=False).returncode == 2
    shared.cli("remove", "sched-cli")
