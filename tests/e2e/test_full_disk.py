# SPDX-License-Identifier: Apache-2.0
"""A full disk below the data directory: what the operations guide says of it. P17 in test_hard_times.py has it under load."""
import pytest

from conftest import wait_until
from queued import HELD, SHELL, Queue
from test_hard_times import SmallDisk
from warm import metric

LARGE = {"image": SHELL, "command": ["true"], "env": {"X": "x" * 30_000}}


@pytest.fixture
def disk(tmp_path):
    small = SmallDisk(tmp_path / "disk", "2m")
    yield small
    small.close()


def degraded(daemon):
    said = daemon.api("GET", "/v1/info").json["storage_degraded"]
    assert metric(daemon, "shallop_storage_degraded") == said
    return said


def refused(daemon):
    """Until the last free pages of the database are used up, a change may still be taken."""
    return wait_until(lambda: (answer := daemon.api("PUT", "/v1/functions/large", LARGE)).status == 507 and answer, 20)


def test_an_event_that_ends_while_the_disk_is_full_runs_once_and_is_written_down_later(start_daemon, disk, tmp_path):
    daemon = start_daemon("--bind-root", str(tmp_path), data_dir=disk.at / "data")
    queue = Queue(daemon, tmp_path / "shared")
    queue.function("held", "echo ran >>/shared/runs; " + HELD, **{"async": {"concurrency": 1}})
    id, next_one = queue.accept("held", b"x"), queue.accept("held", b"y")
    queue.began(id)
    disk.fill()
    assert "no space is left" in refused(daemon).json["detail"] and degraded(daemon)
    failures = lambda: daemon.log().count("a write to the database failed")
    before = failures()
    queue.go()
    wait_until(lambda: failures() > before + 1, 30, what="its end cannot be written, again and again")
    assert queue.show(id)["status"] == "running" and queue.show(next_one)["status"] == "queued"
    assert daemon.api("GET", "/readyz", token=False).status == 200
    disk.free()
    ended = queue.end(id)
    assert ended["status"] == "succeeded" and len(ended["queued"]["history"]) == 1, ended
    assert queue.end(next_one)["status"] == "succeeded"
    assert (tmp_path / "shared/runs").read_text() == "ran\nran\n", "each ran once"
    assert daemon.api("PUT", "/v1/functions/after", LARGE).status == 201 and not degraded(daemon)
    daemon.stop()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_daemon_that_is_started_on_a_full_disk_serves_and_says_507(start_daemon, disk, end):
    daemon = start_daemon(data_dir=disk.at / "data")
    daemon.put("hello", image=SHELL, command=["echo", "hello"])
    disk.fill()
    getattr(daemon, end)()
    disk.fill()
    daemon.start()
    assert daemon.call("/function/hello").text == "hello\n"
    assert refused(daemon)
    disk.free()
    assert wait_until(lambda: daemon.api("PUT", "/v1/functions/after", LARGE).status == 201, 20)
    assert daemon.call("/function/hello").text == "hello\n"
    daemon.stop()
