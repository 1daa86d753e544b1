# SPDX-License-Identifier: Apache-2.0
"""Accepted means done: queued events under kill -9 and power cuts, on a real engine and a real file system."""
import http.client
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from conftest import wait_until

KILLS = int(os.environ.get("SHALLOP_TEST_KILLS", "50"))
CUTS = int(os.environ.get("SHALLOP_TEST_CUTS", "12"))
SEED = int(os.environ.get("SHALLOP_TEST_SEED", "0")) or random.randrange(1, 1 << 31)

MARKS = "cat >/dev/null; echo $SHALLOP_INVOCATION_ID >>/marks/done; printf 'Content-Type: text/plain\\n\\nran\\n'"


class Senders:
    """Clients that queue events as fast as they are accepted, and know which ones were."""

    def __init__(self, daemon, path, count, pause=0.0, sizes=(1, 2000)):
        self.daemon, self.path, self.pause, self.sizes = daemon, path, pause, sizes
        self.accepted, self.refused, self.ending = [], Counter(), False
        self.threads = [threading.Thread(target=self.send, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def send(self):
        connection = None
        while not self.ending:
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=20)
                connection.request("POST", self.path, body=b"x" * random.randrange(*self.sizes))
                reply = connection.getresponse()
                reply.read()
                if reply.status == 202:
                    self.accepted.append(reply.headers["X-Shallop-Invocation-Id"])
                else:
                    self.refused[reply.status] += 1
            except (OSError, http.client.HTTPException):
                connection = None
                time.sleep(0.01)
            time.sleep(self.pause)

    def end(self):
        self.ending = True
        for thread in self.threads:
            thread.join(60)


def events_of(database):
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        return dict(opened.execute("SELECT id, state FROM events"))


def test_P1_nothing_accepted_is_lost_however_often_the_daemon_is_killed(start_daemon):
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    marks = Path(tempfile.mkdtemp(prefix="shallop-marks-", dir="/tmp"))
    os.chmod(marks, 0o777)
    daemon = start_daemon("--bind-root", str(marks))
    daemon.put("mark", image="debian:bookworm-slim", command=["sh", "-c", MARKS],
               mounts=[{"type": "bind", "source": str(marks), "target": "/marks", "read_only": False}],
               scale={"max": 4, "concurrency": 2}, **{"async": {"concurrency": 8, "backoff": {"initial": "20ms", "max": "200ms"}}})
    senders = Senders(daemon, "/async-function/mark", 4, pause=0.005)
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.02, 0.6))
        daemon.kill()
        daemon.start()
    senders.end()
    assert len(senders.accepted) > 10 * KILLS, senders.refused

    database = daemon.data_dir / "shallop.db"
    unfinished = lambda: [id for id, state in events_of(database).items() if state in (0, 1, 5)]
    wait_until(lambda: not unfinished(), 180, 0.5, "every event has an outcome")
    ends = events_of(database)
    assert not [id for id in senders.accepted if id not in ends], "accepted and lost"
    assert Counter(ends.values()) == {2: len(ends)}, "each has succeeded"

    runs = Counter((marks / "done").read_text().split())
    assert not [id for id in senders.accepted if runs[id] == 0], "succeeded without having run"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        cut = {id for (id,) in opened.execute(
            "SELECT id FROM events WHERE seq IN (SELECT seq FROM attempts WHERE outcome = 'interrupted')")}
    repeated = {id for id, times in runs.items() if times > 1}
    assert repeated <= cut, "an event ran twice though no run of it was cut"
    print(f"{len(senders.accepted)} accepted, {len(cut)} cut, {len(repeated)} ran more than once")
    shutil.rmtree(marks)


class Disk:
    """A small disk of its own, whose contents as they would be after a power cut can be looked at: what was synced, and what the kernel happened
    to have written."""

    def __init__(self, megabytes=96):
        self.home = Path(tempfile.mkdtemp(prefix="shallop-disk-", dir="/dev/shm"))
        self.image, self.at = self.home / "disk", self.home / "mounted"
        with open(self.image, "wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)
        self.mount(self.image, self.at)

    @staticmethod
    def mount(image, at):
        at.mkdir()
        subprocess.run(["mount", "-o", "loop", image, at], check=True)

    def after_a_cut(self, look):
        """What `look(directory)` says of the disk as it is now, seen after a restart."""
        copy, at = self.home / "copy", self.home / "seen"
        subprocess.run(["cp", "--sparse=always", self.image, copy], check=True)
        return lambda: self.seen(copy, at, look)

    def seen(self, copy, at, look):
        self.mount(copy, at)
        try:
            return look(at)
        finally:
            subprocess.run(["umount", at], check=True)
            at.rmdir()
            copy.unlink()

    def close(self):
        subprocess.run(["umount", self.at], check=True)
        shutil.rmtree(self.home)


def test_P2_nothing_accepted_is_lost_when_the_power_goes(start_daemon):
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    disk = Disk()
    daemon = start_daemon(data_dir=disk.at / "data")
    senders = Senders(daemon, "/async-function/later", 0)
    try:
        daemon.put("later", image="debian:bookworm-slim", command=["true"], **{"async": {"concurrency": 1}},
                   contract={"cgi": {"output": "raw"}})
        senders = Senders(daemon, "/async-function/later", 4)
        checked = 0
        for _ in range(CUTS):
            time.sleep(chance.uniform(0.05, 0.4))
            daemon.process.send_signal(signal.SIGSTOP)
            time.sleep(0.02)  # answers that are on their way arrive
            acknowledged = list(senders.accepted)
            look = disk.after_a_cut(look_at_database)
            daemon.process.send_signal(signal.SIGCONT)
            sound, there = look()
            assert sound == "ok"
            lost = [id for id in acknowledged if id not in there]
            assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged events are gone after the cut"
            checked += len(acknowledged)
        senders.end()
        assert checked > 100 * CUTS
        print(f"{CUTS} cuts, {len(senders.accepted)} events, none lost")
    finally:
        senders.ending = True
        daemon.process.send_signal(signal.SIGCONT)
        daemon.stop()
        disk.close()


def look_at_database(directory):
    with closing(sqlite3.connect(directory / "data/shallop.db")) as opened:
        sound = opened.execute("PRAGMA integrity_check").fetchone()[0]
        return sound, {id for (id,) in opened.execute("SELECT id FROM events")}
