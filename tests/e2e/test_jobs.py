# SPDX-License-Identifier: Apache-2.0
"""Batch jobs: each index in a fresh container, until it ends well or may not be tried again."""
import json
import re
from pathlib import Path

import pytest

from conftest import containers, wait_until

IMAGE = "debian:bookworm-slim"
FLAKY = ("cat; echo index $SHALLOP_JOB_INDEX of $SHALLOP_JOB_COMPLETIONS; case $SHALLOP_JOB_INDEX in 3|7)"
         " [ $SHALLOP_ATTEMPT -ge 3 ] || { echo flaky >&2; exit 4; };; esac")


def create(daemon, **job):
    given = {name: value for name, value in ({"image": IMAGE} | job).items() if name != "image" or value}
    answer = daemon.api("POST", "/v1/jobs", given)
    assert answer.status == 202, answer
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json['id']}"
    return answer.json["id"]


def ended(daemon, job, seconds=60):
    def look():
        found = daemon.api("GET", f"/v1/jobs/{job}").json
        return found if found["state"] != "running" else None
    return wait_until(look, seconds, 0.1, "the job has ended")


def indexes(daemon, job, query=""):
    return daemon.api("GET", f"/v1/jobs/{job}/indexes{query}").json["indexes"]


def of_job(job):
    return containers(f"shallop.function=@job:{job}")


def test_ten_indexes_of_which_two_are_flaky_end_ten_of_ten_with_nothing_left_behind(daemon):
    job = create(daemon, command=["sh", "-c", FLAKY], completions=10, parallelism=4, max_attempts=20,
                 backoff={"initial": "50ms"}, input="hello\n", timeout=None)
    done = ended(daemon, job)
    assert done["state"] == "succeeded" and done["indexes"]["succeeded"] == 10
    found = indexes(daemon, job)
    assert [one["index"] for one in found] == list(range(10))
    assert [one["invocation"]["queued"]["attempts"] for one in found] == [1, 1, 1, 3, 1, 1, 1, 3, 1, 1]
    assert [one["exit_code"] for one in found[3]["invocation"]["queued"]["history"]] == [4, 4, 0]
    assert daemon.api("GET", f"/v1/jobs/{job}/indexes/3/log").text == "flaky\nflaky\nhello\nindex 3 of 10\n"
    wait_until(lambda: not of_job(job), what="its containers are gone")


def test_each_index_has_a_container_and_an_input_of_its_own(daemon):
    job = create(daemon, command=["sh", "-c", "cat; ls /tmp; touch /tmp/seen"], completions=4, parallelism=2,
                 input=["a\n", "b\n", {"c": 1}, 4])
    assert ended(daemon, job)["state"] == "succeeded"
    assert [daemon.api("GET", f"/v1/jobs/{job}/indexes/{at}/log").text for at in range(4)] == ["a\n", "b\n", '{"c":1}', "4"]


def test_no_more_run_at_once_than_parallelism_says(daemon):
    job = create(daemon, command=["sleep", "0.5"], completions=6, parallelism=2)
    most = 0
    while daemon.api("GET", f"/v1/jobs/{job}").json["state"] == "running":
        most = max(most, daemon.api("GET", f"/v1/jobs/{job}").json["indexes"]["running"])
    assert most == 2


def test_an_index_that_fails_for_good_does_not_stop_the_others(daemon):
    job = create(daemon, command=["sh", "-c", "[ $SHALLOP_JOB_INDEX != 1 ]"], completions=4, parallelism=4, max_attempts=2,
                 backoff={"initial": "10ms"})
    done = ended(daemon, job)
    assert done["state"] == "failed" and done["indexes"]["succeeded"] == 3 and done["indexes"]["failed"] == 1
    found = indexes(daemon, job)
    assert found[1]["exit_code"] == 1 and "exited with status 1" in found[1]["invocation"]["detail"]


def test_only_what_is_to_be_kept_is_kept_once_a_job_has_ended(daemon):
    job = create(daemon, command=["sh", "-c", "echo printed; exit $SHALLOP_JOB_INDEX"], completions=2, max_attempts=1, keep="failed")
    assert ended(daemon, job)["state"] == "failed"
    assert [daemon.api("GET", f"/v1/jobs/{job}/indexes/{at}/log").text for at in (0, 1)] == ["", "printed\n"]


def test_what_the_indexes_have_printed_is_asked_for_one_by_one(daemon):
    job = create(daemon, command=["sh", "-c", "head -c 900000 /dev/zero | tr '\\0' x; echo said >&2"], completions=3)
    assert ended(daemon, job)["state"] == "succeeded"
    listed = daemon.api("GET", f"/v1/jobs/{job}/indexes?limit=1000")
    assert len(listed.body) < 10_000 and [one["exit_code"] for one in listed.json["indexes"]] == [0, 0, 0]
    found = listed.json["indexes"][2]["invocation"]["queued"]
    assert "reply" not in found and all("log" not in attempt for attempt in found["history"])
    assert daemon.api("GET", f"/v1/jobs/{job}/indexes/2/log").text == "said\n" + "x" * 900_000


def test_inputs_of_all_indexes_together_are_bounded(daemon):
    answer = daemon.api("POST", "/v1/jobs", {"image": IMAGE, "command": ["cat"], "completions": 10_000, "input": "x" * 200_000})
    assert answer.status == 413 and answer.json["pointer"] == "/input" and "64Mi" in answer.json["detail"]


def test_a_job_that_finds_no_room_in_the_backlog_is_refused_whole(start_daemon):
    daemon = start_daemon("--backlog-events", "5")
    answer = daemon.api("POST", "/v1/jobs", {"image": IMAGE, "command": ["true"], "completions": 6})
    assert answer.status in (429, 507) and "backlog of this server" in answer.json["detail"], answer
    assert daemon.api("GET", "/v1/jobs").json["jobs"] == []
    assert ended(daemon, create(daemon, command=["true"], completions=5))["state"] == "succeeded"


def test_memory_of_a_large_job_goes_back_to_the_kernel(start_daemon):
    daemon = start_daemon()
    resident = lambda: int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{daemon.process.pid}/status").read_text())[1])
    before = resident()
    job = create(daemon, command=["true"], completions=10_000, parallelism=1, input="x" * 6000)
    assert resident() > before + 40_000
    daemon.api("POST", f"/v1/jobs/{job}/cancel")
    ended(daemon, job)
    wait_until(lambda: resident() < before + 20_000, 10, 0.2, "its memory is the kernel's again")


def test_indexes_are_no_dead_letters_and_are_not_run_by_themselves(daemon):
    job = create(daemon, command=["false"], completions=2, max_attempts=1)
    assert ended(daemon, job)["state"] == "failed"
    index = indexes(daemon, job)[0]["invocation"]["id"]
    assert daemon.api("GET", "/v1/dead-letters").json["dead_letters"] == []
    assert daemon.api("POST", "/v1/dead-letters/redrive").json == {"redriven": 0}
    assert daemon.api("DELETE", "/v1/dead-letters").json == {"dropped": 0}
    for method, path in (("POST", f"/v1/dead-letters/{index}/redrive"), ("DELETE", f"/v1/dead-letters/{index}"), ("POST", f"/v1/invocations/{index}/replay")):
        refused = daemon.api(method, path)
        assert refused.status == 409 and "index of a job" in refused.json["detail"], path
    assert [one["invocation"]["status"] for one in indexes(daemon, job)] == ["failed", "failed"]


def test_a_job_outlives_the_daemon(start_daemon):
    daemon = start_daemon()
    job = create(daemon, command=["sh", "-c", "sleep 0.4; echo done"], completions=8, parallelism=2)
    wait_until(lambda: daemon.api("GET", f"/v1/jobs/{job}").json["indexes"]["succeeded"] >= 2, what="some have run")
    daemon.kill()
    daemon.start()
    done = ended(daemon, job)
    assert done["state"] == "succeeded" and done["indexes"]["succeeded"] == 8
    assert all(one["invocation"]["queued"]["attempts"] == 1 for one in indexes(daemon, job)), "what was cut uses up no attempt"


def test_a_cancelled_job_stops_what_runs_and_begins_nothing(daemon):
    job = create(daemon, command=["sleep", "600"], completions=5, parallelism=2)
    wait_until(lambda: daemon.api("GET", f"/v1/jobs/{job}").json["indexes"]["running"] == 2, what="two run")
    assert daemon.api("DELETE", f"/v1/jobs/{job}").status == 409
    assert daemon.api("POST", f"/v1/jobs/{job}/cancel").status == 202
    done = ended(daemon, job)
    assert done["state"] == "cancelled" and done["indexes"]["cancelled"] == 5
    wait_until(lambda: not of_job(job), what="its containers are gone")
    assert daemon.api("POST", f"/v1/jobs/{job}/cancel").status == 409
    assert daemon.api("DELETE", f"/v1/jobs/{job}").status == 204
    assert daemon.api("GET", f"/v1/jobs/{job}").status == 404
    assert daemon.api("GET", "/v1/jobs").json["jobs"] == []


def test_a_function_can_be_run_as_a_job_with_changes_of_its_own(daemon):
    daemon.put("greet", image=IMAGE, command=["sh", "-c", "echo $GREETING $SHALLOP_JOB_INDEX"], env={"GREETING": "hello"},
               contract={"cgi": {"output": "raw"}})
    job = create(daemon, image=None, function="greet", env={"GREETING": "bye"}, completions=2)
    assert ended(daemon, job)["state"] == "succeeded"
    assert daemon.api("GET", f"/v1/jobs/{job}/indexes/1/log").text == "bye 1\n"


def test_a_timeout_ends_an_attempt(daemon):
    job = create(daemon, command=["sleep", "60"], timeout="300ms", max_attempts=2, backoff={"initial": "10ms"})
    assert ended(daemon, job)["state"] == "failed"
    (one,) = indexes(daemon, job)
    assert [attempt["outcome"] for attempt in one["invocation"]["queued"]["history"]] == ["timed_out", "timed_out"]


def test_jobs_are_listed_newest_first_in_pages(daemon):
    made = [create(daemon, command=["true"]) for _ in range(3)]
    page = daemon.api("GET", "/v1/jobs?limit=2").json
    assert [job["id"] for job in page["jobs"]] == sorted(made)[:0:-1]
    rest = daemon.api("GET", f"/v1/jobs?cursor={page['next_cursor']}").json
    assert [job["id"] for job in rest["jobs"]] == sorted(made)[:1]


@pytest.mark.parametrize("job, status, pointer", [
    ({"image": None}, 400, "/image"),
    ({"image": "no/such:image", "pull": "never"}, 404, "/image"),
    ({"image": None, "function": "nobody"}, 404, "/function"),
    ({"completions": 0}, 400, "/completions"),
    ({"completions": 10_001}, 400, "/completions"),
    ({"completions": 3, "input": ["a", "b"]}, 400, "/input"),
    ({"keep": "some"}, 400, "/keep"),
    ({"resources": {"memory": "1Ki"}}, 400, "/resources/memory"),
    ({"scale": {"max": 3}}, 400, "/scale"),
    ({"colour": "red"}, 400, "/colour"),
    ({"backoff": {"first": "1s"}}, 400, "/backoff/first"),
])
def test_what_is_no_job_is_refused_by_name_and_leaves_nothing(job, status, pointer, shared):
    before = shared.api("GET", "/v1/jobs").json["jobs"]
    answer = shared.api("POST", "/v1/jobs", {name: value for name, value in ({"image": IMAGE} | job).items() if value is not None})
    assert (answer.status, answer.json.get("pointer")) == (status, pointer), answer
    assert shared.api("GET", "/v1/jobs").json["jobs"] == before


@pytest.mark.parametrize("path", ["/v1/jobs/none", "/v1/jobs/none/indexes", "/v1/jobs/none/indexes/0/log"])
def test_a_job_that_is_not_there_is_not_found(path, shared):
    assert shared.api("GET", path).status == 404


def test_the_client_runs_a_job_and_shows_how_it_goes(daemon):
    done = daemon.cli("jobs", "run", "-n", "3", "-p", "3", IMAGE, "--", "sh", "-c", "echo $SHALLOP_JOB_INDEX")
    assert "3/3 done: succeeded" in done.stderr
    one = daemon.cli("job", "run", "--input", "-", IMAGE, "--", "tr", "a-z", "A-Z", input="shout\n")
    assert one.stdout == "SHOUT\n"
    listed = json.loads(daemon.cli("jobs", "--json").stdout)["jobs"]
    assert [job["state"] for job in listed] == ["succeeded", "succeeded"]
    assert "INDEX" in daemon.cli("jobs", "show", listed[1]["id"]).stdout
    assert daemon.cli("jobs", "logs", listed[1]["id"], "2").stdout == "2\n"
    failed = daemon.cli("jobs", "run", "--max-attempts", "1", IMAGE, "--", "false", check=False)
    assert failed.returncode == 1 and "the job failed" in failed.stderr
    assert daemon.cli("jobs", "run", check=False).returncode == 2
    assert daemon.cli("jobs", "remove", listed[1]["id"]).stdout == f"removed {listed[1]['id']}\n"
