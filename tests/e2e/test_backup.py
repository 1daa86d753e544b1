# SPDX-License-Identifier: Apache-2.0
"""docs/backup.md: a backup that is taken under load, by the guide's own commands, and what is there when it is restored."""
import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from conftest import ROOT, Daemon, close_all, wait_until
from queued import ENDED, HELD, QUICK, SHELL, Queue
from test_queue_crash import MARKS, Senders
from warm import SERVER, Function

GUIDE = (ROOT / "docs/backup.md").read_text()
LARGE = 300_000  # beyond 256 KiB a body is a file


def commands(heading):
    """The shell commands below a heading of the guide; the last block, where there are several."""
    section = re.split(r"^## ", GUIDE, flags=re.M)
    [text] = [part for part in section if part.startswith(heading + "\n")]
    return re.findall(r"```sh\n(.*?)```", text, re.S)


def run(script, **variables):
    done = subprocess.run(["sh", "-e", "-c", script], env=os.environ | {name: str(value) for name, value in variables.items()},
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def folders():
    """Where events leave marks, and where a backup goes."""
    home = Path(tempfile.mkdtemp(prefix="shallop-backup-", dir="/tmp"))
    (home / "shared").mkdir()
    (home / "shared").chmod(0o777)
    yield home
    shutil.rmtree(home)


def register(daemon, shared):
    """One function of each kind, a secret, a schedule, a trigger and a token."""
    mounts = [{"type": "bind", "source": str(shared), "target": "/marks", "read_only": False}]
    daemon.put("mark", image=SHELL, command=["sh", "-c", MARKS], mounts=mounts, scale={"max": 4, "concurrency": 2},
               **{"async": {"concurrency": 8, "backoff": QUICK}})
    assert daemon.api("PUT", "/v1/secrets/word", {"value": "sesame"}).status == 201
    daemon.put("reader", image=SHELL, command=["cat", "/run/secrets/word"], secrets=["word"])
    daemon.put("script", source={"files": {"main.sh": "#!/bin/sh\necho from its source\n"}})
    daemon.put("script", source={"files": {"main.sh": "#!/bin/sh\necho from its second source\n"}})
    assert daemon.api("POST", "/v1/functions/reader/schedules", {"cron": "@yearly"}).status == 201
    assert daemon.api("POST", "/v1/tokens", {"name": "ci", "scope": "deploy"}).status == 201


def marked(shared):
    """Ids of the events that ran."""
    return set((shared / "done").read_text().split()) if (shared / "done").exists() else set()


def test_a_backup_under_load_has_everything_that_was_there_when_it_began(start_daemon, runtime_images, folders):
    shared, backup = folders / "shared", folders / "backup"
    first = start_daemon("--bind-root", str(shared))
    register(first, shared)
    held = Queue(first, shared)
    held.function("held", HELD)
    bodies = [b"short", os.urandom(LARGE), os.urandom(LARGE)]
    waiting = {held.accept("held", body): body for body in bodies}
    ended = held.run("script", b"")["id"]
    senders = Senders(first, "/async-function/mark", 3, pause=0.01)
    large = Senders(first, "/async-function/mark", 1, pause=0.05, sizes=(LARGE, LARGE + 1))
    try:
        wait_until(lambda: len(senders.accepted) > 50 and len(large.accepted) > 5 and len(marked(shared)) > 50, 60, what="there is load")
        accepted = senders.accepted + large.accepted
        run(commands("Backup")[0], DATA_DIR=first.data_dir, BACKUP=backup)
        during = len(senders.accepted) + len(large.accepted) - len(accepted)
        key = shutil.copy(first.data_dir / "secret-key", folders / "key")
        wait_until(lambda: len(senders.accepted) + len(large.accepted) > len(accepted) + during + 20, 60, what="the load goes on")
    finally:
        senders.end()
        large.end()
    ran = marked(shared)
    token = first.token
    before = {one["name"]: one["version"] for one in first.api("GET", "/v1/functions").json["functions"]}
    first.kill()
    shutil.rmtree(first.data_dir)

    second = Daemon("--bind-root", str(shared), data_dir=folders / "restored")
    try:
        assert run(commands("Restore")[0], DATA_DIR=second.data_dir, BACKUP=backup, KEY=key).strip() == "ok"
        second.start()
        assert second.token == token
        assert {one["name"]: one["version"] for one in second.api("GET", "/v1/functions").json["functions"]} == before
        assert before["script"] == 2 and second.call("/function/script").text == "from its second source\n"
        assert second.call("/function/reader").text == "sesame"
        assert len(second.api("GET", "/v1/functions/reader/schedules").json["schedules"]) == 1
        assert "ci" in [one["name"] for one in second.api("GET", "/v1/tokens").json["tokens"]]

        restored = Queue(second, shared)
        assert restored.show(ended)["status"] == "succeeded"
        (shared / "go").touch()
        for id, body in waiting.items():
            assert restored.end(id)["status"] == "succeeded"
            assert hashlib.sha256(restored.result(id).body).digest() == hashlib.sha256(body).digest()
        ends = {id: restored.end(id) for id in accepted}
        # One that ended while the backup was taken has lost its large body: it has run.
        lost = {id for id, end in ends.items() if end["status"] != "succeeded"}
        assert lost <= ran and lost <= set(large.accepted), [ends[id] for id in lost - ran]
        assert all("body" in ends[id]["detail"] for id in lost)
        assert set(ends) - lost <= marked(shared), "each has run"
        print(f"{len(accepted)} accepted before the backup, {during} while it was taken, {len(lost)} without their body")
    finally:
        close_all([second])


def test_an_event_whose_body_is_not_in_the_backup_fails_and_says_so(start_daemon, folders):
    first = start_daemon("--bind-root", str(folders / "shared"))
    queue = Queue(first, folders / "shared")
    queue.function("held", HELD)
    id = queue.accept("held", os.urandom(LARGE))
    run(commands("Backup")[0], DATA_DIR=first.data_dir, BACKUP=folders / "backup")
    first.kill()
    second = Daemon("--bind-root", str(folders / "shared"), data_dir=folders / "restored")
    try:
        run(commands("Restore")[0].replace("cp \"$KEY\"", ": cp \"$KEY\""), DATA_DIR=second.data_dir, BACKUP=folders / "backup", KEY="")
        [body] = (second.data_dir / "bodies").iterdir()
        body.unlink()
        second.start()
        queue.go()
        ended = Queue(second, folders / "shared").end(id)
        assert ended["status"] == "failed" and "body of a queued event cannot be opened" in str(ended), ended
    finally:
        close_all([second])


def test_a_backup_is_tried_out_beside_its_daemon_under_an_id_of_its_own(start_daemon, server_image, folders):
    first = start_daemon("--bind-root", str(folders / "shared"))
    warm = Function(first, "warm")
    warm.put(image=SERVER, contract="http")
    before = warm.call("/where").text
    queue = Queue(first, folders / "shared")
    queue.function("held", HELD)
    queue.accept("held")
    run(commands("Backup")[0], DATA_DIR=first.data_dir, BACKUP=folders / "backup")
    restore, own_id = commands("Restore")
    second = Daemon("--bind-root", str(folders / "shared"), data_dir=folders / "restored")
    try:
        run(restore.replace("cp \"$KEY\"", ": cp \"$KEY\""), DATA_DIR=second.data_dir, BACKUP=folders / "backup", KEY="")
        run(own_id, DATA_DIR=second.data_dir)
        second.start()
        assert Function(second, "warm").call("/where").status == 200 and not first.daemon_ids & second.daemon_ids
        assert second.api("GET", "/v1/invocations?status=queued").json["invocations"] == []
        assert warm.call("/where").text == before, "the first one's instance was not touched"
        second.stop()
        with closing(sqlite3.connect(second.data_dir / "shallop.db")) as opened, opened:
            opened.execute("UPDATE meta SET value = ? WHERE name = 'daemon_id'", [*first.daemon_ids])
        second.start()
        wait_until(lambda: warm.call("/where").text != before, 20, what="under the same id it takes the first one's containers for its own")
    finally:
        queue.go()
        first.stop()  # before the second one is asked what it has left behind
        close_all([second])
