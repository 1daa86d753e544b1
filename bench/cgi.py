# SPDX-License-Identifier: Apache-2.0
"""Warm CGI: a small static program for each event in a container that stays, against posix_spawn of the same program on the host."""

import json
import subprocess
import tempfile

from daemon import Daemon
from measure import DOCUMENT, at_least, at_most, compiled, load, median, spread

LIMITS = {"cpus": 2, "pids": 256}


def floor(spawn, program, at_once, seconds):
    done = subprocess.run([spawn, str(at_once), str(seconds), program], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"spawn: {done.stdout}{done.stderr}")
    rate, p50, p99 = map(float, done.stdout.split())
    return {"rate": rate, "p50": p50 / 1000, "p99": p99 / 1000}


def run(quick):
    seconds, repeats = (1, 1) if quick else (2, 5)
    results = {}
    with tempfile.TemporaryDirectory(prefix="shallop-bench-") as directory, Daemon() as daemon:
        spawn, program = compiled("spawn", directory), compiled("document", directory)
        daemon.api("PUT", "/v1/functions/cgi", {"image": DOCUMENT, "contract": "cgi", "limits": LIMITS,
                                                "scale": {"max": 1, "concurrency": 16, "queue": 100}})
        url = f"http://127.0.0.1:{daemon.gateway[1]}/function/cgi"
        for at_once in (1, 16):
            ours, bare = [], []
            for turn in range(repeats + 1):
                took = load(url, at_once, seconds if turn else 1, [daemon.process.pid])
                least = floor(spawn, program, at_once, seconds if turn else 1)
                if turn:  # the first warms up
                    ours.append(took)
                    bare.append(least)
            results[at_once] = ours, bare
        used = len(daemon.instances("cgi"))
    if used != 1:
        raise SystemExit(f"{used} instances of a function that may have one")
    lines = [f"## Warm CGI: a small static program for each event (`limits` {json.dumps(LIMITS)}, one instance)", "",
             "| | programs/s | p50 ms | p99 ms | daemon's CPU µs/request |", "|---|---|---|---|---|"]
    for at_once, (ours, bare) in results.items():
        for name, taken in (("shallop", ours), ("posix_spawn on the host", bare)):
            cpu = spread(taken, "cpu", "{:.1f}") if "cpu" in taken[0] else "–"
            lines.append(f"| c={at_once}, {name} | {spread(taken, 'rate', '{:,.0f}')} | {spread(taken, 'p50', '{:.3f}')} | "
                         f"{spread(taken, 'p99', '{:.2f}')} | {cpu} |")
    p50, rate = median(results[1][0], "p50"), median(results[16][0], "rate")
    least, most = median(results[1][1], "p50"), median(results[16][1], "rate")
    lines += ["", f"p50 at c=1 is **{p50 / least:.2f} ×** that of the bare loop, the rate at c=16 **{rate / most:.2f} ×**.", ""]
    return lines, [at_most("warm CGI, c=1: p50", p50, 0.3, "{:.3f} ms"), at_least("warm CGI, c=16: programs/s", rate, 5000, "{:,.0f}")]
