# SPDX-License-Identifier: Apache-2.0
"""A folder of functions (`serve --functions`): how long a start with 300 of them takes, the first time and again, and how soon a saved file answers."""

import pathlib
import subprocess
import tempfile
import time

from daemon import ROOT, Daemon
from engine import Connection, containers
from measure import at_most, clock, eventually, percentile

FUNCTIONS = 300
CODE = "def handler(event):\n    return '{}'\n"


def fill(folder):
    for number in range(FUNCTIONS):
        file = pathlib.Path(folder, f"group{number % 10}", f"f{number}.py")
        file.parent.mkdir(exist_ok=True)
        file.write_text(CODE.format(number))


def timed_start(daemon):
    """Seconds until all functions are there, which is when the daemon says that it is ready."""
    began = clock()
    daemon.start()
    return clock() - began


def answer(daemon, path):
    connection = Connection(daemon.gateway)
    try:
        connection.send("GET", path)
        status, fields = connection.head()
        return status, connection.body(status, fields)
    finally:
        connection.close()


def starts(quick):
    first, again, waiting = [], [], 0
    for _ in range(1 if quick else 5):
        with tempfile.TemporaryDirectory(prefix="shallop-bench-") as folder:
            fill(folder)
            daemon = Daemon("--functions", folder)
            try:
                first.append(timed_start(daemon))
                time.sleep(2)  # what waits for code has been started
                waiting = max(waiting, len(containers(daemon.label())))
                daemon.stop()
                again.append(timed_start(daemon))
                daemon.stop()
            finally:
                daemon.kill()
    return first, again, waiting


def saves(quick):
    taken = []
    with tempfile.TemporaryDirectory(prefix="shallop-bench-") as folder:
        file = pathlib.Path(folder, "hello.py")
        file.write_text(CODE.format("start"))
        with Daemon("--functions", folder) as daemon:
            eventually("the first version answers", lambda: answer(daemon, "/hello")[1] == b"start")
            for turn in range(3 if quick else 21):
                time.sleep(1)  # the instances that wait for code are there again
                began = clock()
                file.write_text(CODE.format(turn))
                eventually("what was saved answers", lambda: answer(daemon, "/hello")[1] == str(turn).encode(), pause=0.002)
                taken.append(clock() - began)
    return taken


def run(quick):
    subprocess.run([ROOT / "tools/build-runtimes", "python"], check=True, stdout=subprocess.DEVNULL)
    first, again, waiting = starts(quick)
    taken = [took * 1000 for took in saves(quick)]
    lines = ["## A folder of functions", "", "| | p50 | min–max |", "|---|---|---|"]
    for what, values in ((f"start with {FUNCTIONS} functions that are new", first), ("the same start again", again)):
        lines.append(f"| {what} | {percentile(values, 0.5):.2f} s | {min(values):.2f}–{max(values):.2f} |")
    lines.append(f"| from a save to its answer | {percentile(taken, 0.5):.0f} ms | {min(taken):.0f}–{max(taken):.0f} |")
    bars = [at_most(f"a start with {FUNCTIONS} functions that are new", percentile(first, 0.5), 2, "{:.2f} s"),
            at_most("the same start again", percentile(again, 0.5), 2, "{:.2f} s"),
            at_most("containers after it: those that wait for code", waiting, 2, "{:.0f}"),
            at_most("from a save to its answer, p50", percentile(taken, 0.5), 1000, "{:.0f} ms")]
    return lines + [""], bars
