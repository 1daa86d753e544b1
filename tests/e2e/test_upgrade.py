# SPDX-License-Identifier: Apache-2.0
"""docs/backup.md, upgrade: databases of every older schema are taken over, those of a newer one are refused, and work goes on."""
import hashlib
import re
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from conftest import ROOT, Daemon, close_all, wait_until
from queued import HELD, SHELL, Queue
from test_lifecycle import Relay
from warm import SERVER, Function, Load

APPLICATION = 0x53484C50


def steps():
    """The SQL of each step, as src/store/schema.cpp has it; step N makes schema N."""
    text = (ROOT / "src/store/schema.cpp").read_text()
    text = text[text.index("steps{"):text.index("\n};")]
    found, step = [], ""
    for raw, plain, comma in re.findall(r'//[^\n]*|R"\((.*?)\)"|"((?:[^"\\]|\\.)*)"|(,)', text, re.S):
        step += raw + plain
        if comma and step:
            found.append(step)
            step = ""
    return found


STEPS = steps()
NEWEST = len(STEPS)


def tables(opened):
    return {name for (name,) in opened.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def columns(opened, table):
    return [row[1] for row in opened.execute(f"PRAGMA table_info({table})")]


def older(database, schema, at):
    """What an older program would have in `at`: its tables and columns, with what `database` has in them."""
    with closing(sqlite3.connect(at)) as opened:
        opened.executescript("PRAGMA journal_mode = WAL;" + "".join(STEPS[:schema]) + f"PRAGMA user_version = {schema}; PRAGMA application_id = {APPLICATION}")
        there = tables(opened)
        opened.execute("ATTACH ? AS now", [str(database)])
        for table in sorted(there):
            names = ", ".join(columns(opened, table))
            opened.execute(f"INSERT INTO main.{table}({names}) SELECT {names} FROM now.{table}")
        opened.commit()
        return there


@pytest.fixture(scope="module")
def today():
    """The data directory of a daemon of today that was killed: a function, an event that has not run, a schedule, a secret."""
    home = Path(tempfile.mkdtemp(prefix="shallop-upgrade-", dir="/tmp"))
    daemon = Daemon("--bind-root", str(home), data_dir=home / "data")
    try:
        daemon.start()
        daemon.put("hello", image=SHELL, command=["echo", "hello"])
        daemon.put("hello", image=SHELL, command=["echo", "hello again"])
        queue = Queue(daemon, home / "shared")
        queue.function("held", HELD)
        event = queue.accept("held", b"from before")
        assert daemon.api("POST", "/v1/functions/hello/schedules", {"cron": "@yearly"}).status == 201
        assert daemon.api("PUT", "/v1/secrets/word", {"value": "sesame"}).status == 201
        daemon.kill()
        yield home, event
    finally:
        close_all([daemon])
        shutil.rmtree(home)


def test_the_steps_that_were_read_are_those_of_the_program(today):
    home, _ = today
    with closing(sqlite3.connect(home / "data/shallop.db")) as opened:
        assert opened.execute("PRAGMA user_version").fetchone() == (NEWEST,)


@pytest.mark.parametrize("schema", range(1, NEWEST))
def test_a_database_of_an_older_schema_is_taken_over_with_all_that_it_has(today, request, schema):
    home, event = today
    daemon = Daemon("--bind-root", str(home), data_dir=home / f"schema-{schema}")
    request.node.daemons = [daemon]
    daemon.data_dir.mkdir(mode=0o700)
    there = older(home / "data/shallop.db", schema, daemon.data_dir / "shallop.db")
    if "secrets" in there:
        shutil.copy(home / "data/secret-key", daemon.data_dir)
    queue = Queue(daemon, home / "shared")
    try:
        daemon.start()
        assert f"from={schema} to={NEWEST}" in daemon.log()
        assert daemon.call("/function/hello").text == "hello again\n"
        assert daemon.api("GET", "/v1/functions/hello").json["version"] == 2
        if "events" in there:
            queue.go()
            assert queue.end(event)["status"] == "succeeded" and queue.result(event).body == b"from before"
        if "schedules" in there:
            assert len(daemon.api("GET", "/v1/functions/hello/schedules").json["schedules"]) == 1
        if "secrets" in there:
            assert [one["name"] for one in daemon.api("GET", "/v1/secrets").json["secrets"]] == ["word"]
        queue.go()
        assert queue.run("held", b"now")["status"] == "succeeded"
        daemon.stop()
        with closing(sqlite3.connect(daemon.data_dir / "shallop.db")) as opened:
            assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        close_all([daemon])


def test_a_database_of_a_newer_program_is_refused_in_words_and_left_as_it_is(today, request):
    home, _ = today
    daemon = Daemon(data_dir=home / "newer")
    request.node.daemons = [daemon]
    daemon.data_dir.mkdir(mode=0o700)
    file = daemon.data_dir / "shallop.db"
    older(home / "data/shallop.db", NEWEST, file)
    with closing(sqlite3.connect(file)) as opened:
        opened.execute(f"PRAGMA user_version = {NEWEST + 1}")
    digest = hashlib.sha256(file.read_bytes()).digest()
    try:
        daemon.start(wait=False)
        assert daemon.process.wait(20) == 1
        assert f"was written by a newer shallop (schema {NEWEST + 1}; this one knows {NEWEST}): start that version" in daemon.log()
        assert hashlib.sha256(file.read_bytes()).digest() == digest
    finally:
        close_all([daemon])


def test_a_daemon_that_is_replaced_under_load_goes_on_with_what_was_queued_and_has_its_instances_anew(start_daemon, server_image, tmp_path):
    """What callers meet is an answer, a 503 that says when to come again, or a connection that is refused."""
    daemon = start_daemon("--bind-root", str(tmp_path), "--grace", "2s")
    warm = Function(daemon, "warm")
    warm.put(image=SERVER, contract="http", scale={"min": 1, "concurrency": 4})
    queue = Queue(daemon, tmp_path / "shared")
    queue.function("held", HELD)
    first = warm.call("/where").text
    running = queue.accept("held", b"runs")
    queue.began(running)
    waiting = [queue.accept("held", b"waits %d" % number) for number in range(3)]
    with Load(warm, 2, "/where", 0.005) as callers:
        callers.more()
        daemon.stop()
        daemon.start()
        wait_until(lambda: warm.instances("idle", "leased"), 20, what="min is kept again")
        callers.more(100)
    statuses = {status for status, _ in callers.answers}
    assert 200 in statuses and statuses <= {0, 200, 503}, statuses
    assert warm.call("/where").text != first
    queue.go()
    for id, body in zip([running, *waiting], [b"runs", b"waits 0", b"waits 1", b"waits 2"]):
        ended = queue.end(id)
        assert ended["status"] == "succeeded" and queue.result(id).body == body
        assert [one["counted"] for one in ended["queued"]["history"] if one["outcome"] != "ok"] in ([], [False]), ended


# ---- the engine

def test_queued_events_wait_for_an_engine_that_is_away_and_use_up_no_attempt(start_daemon, tmp_path):
    relay = Relay(tmp_path)
    try:
        daemon = start_daemon(docker_host=relay.url)
        queue = Queue(daemon, tmp_path / "shared")
        daemon.put("later", image=SHELL, command=["cat"], **{"async": {"max_attempts": 1}})
        relay.down()
        wait_until(lambda: daemon.call("/function/later").status == 503, 20, what="the engine is away")
        id = queue.accept("later", b"while it was away")
        wait_until(lambda: queue.show(id)["queued"]["history"], 30, what="it was tried")
        assert queue.show(id)["status"] == "queued"
        relay.up()
        ended = queue.end(id)
        assert ended["status"] == "succeeded" and queue.result(id).body == b"while it was away"
        assert [one["counted"] for one in ended["queued"]["history"]].count(True) == 1
        daemon.stop()  # while there is still a way to the engine
    finally:
        relay.end()
