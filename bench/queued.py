# SPDX-License-Identifier: Apache-2.0
"""Queued events: how many are accepted a second, each on the disk before its 202, against what SQLite itself can insert in transactions of the same shape;
how long one takes from its sending to its end; how fast a backlog is worked off; and what a million of them cost at a start."""

import json
import pathlib
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing

from daemon import Daemon
from engine import Connection
from measure import ANSWER, BUSYBOX, at_least, at_most, clock, eventually, load, percentile, spread

BODY = 200
SCRIPT = f'wrk.method = "POST"\nwrk.body = string.rep("x", {BODY})\n'
MIB = 1 << 20
STALLED = {"image": BUSYBOX, "command": ["/bin/busybox", "sleep", "100000"], "limits": {"timeout": "24h"},
           "contract": {"cgi": {"output": "raw"}}, "async": {"concurrency": 1}}
COLUMNS = ("id, function, state, due, bytes, attempts, interruptions, accepted, lease, ended, keep_until, http_status, origin,"
           " ordering_key, callback, fault, detail")


def written(daemon):
    """Transactions, and changes in them."""
    return [daemon.metric(f"shallop_queue_{name}_total") for name in ("transactions", "changes")]


def accepts(quick):
    """Of a function that one event keeps busy: nothing is measured but accepting. And how many shared a transaction at c=32."""
    runs, groups = {connections: [] for connections in (1, 8, 32)}, []
    with tempfile.TemporaryDirectory(prefix="shallop-bench-") as directory, Daemon("--grace", "1s") as daemon:
        script = pathlib.Path(directory, "post.lua")
        script.write_text(SCRIPT)
        daemon.api("PUT", "/v1/functions/stalled", STALLED)
        url = f"http://127.0.0.1:{daemon.gateway[1]}/async-function/stalled"
        for turn in range(2 if quick else 6):
            for connections, taken in runs.items():
                before = written(daemon)
                took = load(url, connections, 2 if turn else 1, [daemon.process.pid], script)
                after = written(daemon)
                if turn:  # the first warms up
                    taken.append(took)
                    if connections == 32:
                        groups.append((after[1] - before[1]) / (after[0] - before[0]))
        database = daemon.directory / "data/shallop.db"
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
            schema = [sql for (sql,) in opened.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%'")]
            head = opened.execute("SELECT head FROM payloads LIMIT 1").fetchone()[0]
    return runs, round(statistics.median(groups)), schema, head


def inserts(schema, head, group, seconds=2.0):
    """Rows a second of a connection that does nothing but insert what an accepted event is, `group` in a transaction, each synced."""
    with tempfile.TemporaryDirectory(prefix="shallop-bench-") as directory:
        with closing(sqlite3.connect(f"{directory}/bare.db", isolation_level=None)) as bare:
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -512"):
                bare.execute(f"PRAGMA {pragma}")
            for sql in schema:
                bare.execute(sql)
            count, body, began = 0, b"x" * BODY, clock()
            while clock() - began < seconds:
                numbers = range(count, count + group)
                rows = [(f"{number:026d}", "stalled", 1000) for number in numbers]
                payloads = [(number + 1, head, body) for number in numbers]
                bare.execute("BEGIN IMMEDIATE")
                bare.executemany(f"INSERT INTO events({COLUMNS}) VALUES(?, ?, 0, ?, 200, 0, 0, 1000, 0, 0, 0, 0, 'request', '', '', '', '')", rows)
                bare.executemany("INSERT INTO payloads(seq, head, file, body) VALUES(?, ?, '', ?)", payloads)
                bare.execute("COMMIT")
                count += group
            return count / (clock() - began)


def fill(database, count, due):
    """`count` events like the one that is there, due at `due`."""
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("PRAGMA synchronous = OFF")
        opened.execute(f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) INSERT INTO events({COLUMNS})"
                       f" SELECT printf('0%025d', i), function, 0, {due}, bytes, 0, 0, accepted, 0, 0, 0, 0, origin, '', '', '', ''"
                       " FROM n, (SELECT * FROM events LIMIT 1)")
        opened.execute("INSERT INTO payloads(seq, head, file, body) SELECT e.seq, p.head, '', p.body FROM events e,"
                       " (SELECT * FROM payloads LIMIT 1) p WHERE e.seq NOT IN (SELECT seq FROM payloads)")
        opened.commit()


def once(daemon, path):
    connection = Connection(daemon.gateway)
    connection.send("POST", path, b"x" * BODY)
    status, fields = connection.head()
    body = connection.body(status, fields)
    connection.close()
    assert status == 202, (status, body)
    return json.loads(body)["id"]


def ends(quick):
    """Milliseconds from sending an event to knowing its end, and events a second of a backlog at concurrency 8."""
    function = {"image": ANSWER, "command": ["/tmp/fn.sock"], "contract": {"http": {"port": "unix:/tmp/fn.sock"}}, "scale": {"max": 1, "concurrency": 8},
                "async": {"concurrency": 8, "retention": "1h"}}
    backlog = 5_000 if quick else 30_000
    with Daemon() as daemon:
        daemon.api("PUT", "/v1/functions/quick", function)
        taken, rates = [], []
        for _ in range(20 if quick else 300):
            began = clock()
            id = once(daemon, "/async-function/quick/2")
            end = json.loads(daemon.api("GET", f"/v1/invocations/{id}?wait=10s")[1])
            assert end["status"] == "succeeded", end
            taken.append((clock() - began) * 1000)
        for _ in range(1 if quick else 3):
            daemon.stop()
            with closing(sqlite3.connect(daemon.directory / "data/shallop.db")) as opened:
                opened.execute("DELETE FROM events WHERE seq > 1")
                opened.execute("DELETE FROM payloads WHERE seq > 1")
                opened.commit()
            fill(daemon.directory / "data/shallop.db", backlog, 1000)
            daemon.start()
            done = lambda: daemon.metric("shallop_queue_attempts_total")
            eventually("the backlog is begun", lambda: done() > backlog / 10, pause=0.01)
            first, began = done(), clock()
            eventually("the backlog is worked off", lambda: done() > backlog * 0.9, 180, 0.05)
            rates.append((done() - first) / (clock() - began))
            assert not json.loads(daemon.api("GET", "/v1/dead-letters")[1])["dead_letters"], "each has succeeded"
    return taken, rates


def backlog(quick):
    """Seconds until a daemon with so many queued events is ready, and what it then has resident."""
    count = 100_000 if quick else 1_000_000
    with Daemon("--grace", "1s") as daemon:
        daemon.api("PUT", "/v1/functions/stalled", STALLED)
        once(daemon, "/async-function/stalled")
        daemon.stop()
        fill(daemon.directory / "data/shallop.db", count, int(time.time() * 1000) + 86_400_000)
        starts = []
        for _ in range(3):
            starts.append(daemon.start())
            time.sleep(2)
            memory = daemon.memory()
            assert daemon.metric("shallop_queue_events") >= count
            daemon.stop()
        daemon.start()
    return count, starts, memory


def run(quick):
    runs, group, schema, head = accepts(quick)
    sizes = sorted({1, group, 32})
    bare = {size: [inserts(schema, head, size, 1 if quick else 2) for _ in range(1 if quick else 3)] for size in sizes}
    taken, rates = ends(quick)
    count, starts, memory = backlog(quick)
    lines = ["## Queued events", "", f"Bodies of {BODY} bytes; each 202 follows an fsync.", "",
             "| accepted at connections | events/s | p50 ms | p99 ms | CPU µs/event | wrk's share of a core |", "|---|---|---|---|---|---|"]
    for connections, of in runs.items():
        lines.append(f"| {connections} | {spread(of, 'rate', '{:.0f}')} | {spread(of, 'p50', '{:.2f}')} | {spread(of, 'p99', '{:.2f}')} | "
                     f"{spread(of, 'cpu', '{:.0f}')} | {statistics.median(run['client'] for run in of):.2f} |")
    lines += ["", "| bare SQLite, rows in a transaction | rows/s |", "|---|---|"]
    lines += [f"| {size} | {statistics.median(rate):.0f} ({min(rate):.0f}–{max(rate):.0f}) |" for size, rate in bare.items()]
    lines += ["", f"From sending to the known end, one at a time: p50 {percentile(taken, 0.5):.2f} ms, p99 {percentile(taken, 0.99):.2f} ms. "
                  f"A backlog at concurrency 8: {statistics.median(rates):.0f} events/s ({min(rates):.0f}–{max(rates):.0f}). "
                  f"{count} queued: ready {min(starts) * 1000:.0f}–{max(starts) * 1000:.0f} ms after the start.", ""]
    rate = statistics.median(run["rate"] for run in runs[32])
    p50 = statistics.median(run["p50"] for run in runs[8])
    bars = [at_least("durable accepts, c=32", rate, 5000, "{:.0f}/s"),
            at_least(f"the same against bare SQLite in the same transactions, {group} rows each", rate / statistics.median(bare[group]), 0.5),
            at_least("the same against bare SQLite with 32 rows a transaction", rate / statistics.median(bare[32]), 0.5),
            at_most("accept, c=8, p50", p50, 2, "{:.2f} ms"),
            at_most(f"start with {count} queued, median of 3", statistics.median(starts), 1, "{:.2f} s"),
            at_most(f"resident with {count} queued", memory / MIB, 60, "{:.1f} MiB")]
    return lines, bars
