# SPDX-License-Identifier: Apache-2.0
"""New versions of a function while half of its peak load goes on: how many requests fail."""

import subprocess
import tempfile
import time

from daemon import Daemon
from measure import ANSWER, at_least, at_most, compiled, load

CONNECTIONS = 32


def put(daemon, number):
    daemon.api("PUT", "/v1/functions/deploy", {
        "image": ANSWER, "contract": {"http": {"port": 8080}}, "env": {"NUMBER": str(number)},
        "scale": {"max": 4, "concurrency": 64, "queue": 1000}})


def change_during(daemon, client, seconds, pause):
    """New versions one after another, each when the last one serves, until the client has ended; how many served."""
    changes = 0
    while client.poll() is None:
        time.sleep(pause)
        if client.poll() is not None or seconds < pause:
            break
        put(daemon, changes + 1)
        deadline = time.monotonic() + 60
        while not any(one["version"] == changes + 2 and one["served"] > 0 for one in daemon.instances("deploy")):
            if time.monotonic() > deadline or client.poll() is not None:
                return changes
            time.sleep(0.02)
        changes += 1
    return changes


def run(quick):
    seconds, pause = (4, 0.5) if quick else (20, 0.5)
    with tempfile.TemporaryDirectory(prefix="shallop-bench-") as directory, Daemon() as daemon:
        pace = compiled("pace", directory)
        put(daemon, 0)
        url = f"http://127.0.0.1:{daemon.gateway[1]}/function/deploy/2"
        load(url, CONNECTIONS, 1)
        peak = load(url, CONNECTIONS, 2)["rate"]
        client = subprocess.Popen([pace, str(daemon.gateway[1]), "/function/deploy/2", str(CONNECTIONS), f"{peak / 2:.0f}", str(seconds)],
                                  stdout=subprocess.PIPE, text=True)
        try:
            changes = change_during(daemon, client, seconds, pause)
            out = client.communicate(timeout=60)[0]
        finally:
            client.kill()
            client.wait(10)
        if client.returncode != 0:
            raise SystemExit(f"pace ended with {client.returncode}\n{daemon.log()}")
    sent, ok, failed, late = map(int, out.split()[:4])
    p50, p99, longest = (float(one) / 1000 for one in out.split()[4:])
    lines = [f"## New versions at half the peak load ({peak:,.0f} requests/s at c={CONNECTIONS})", "",
             "| versions that came to serve | sent | 200 | failed | p50 ms | p99 ms | longest ms |", "|---|---|---|---|---|---|---|",
             f"| {changes} | {sent:,} | {ok:,} | {failed} | {p50:.2f} | {p99:.2f} | {longest:.1f} |", "",
             f"Aimed at {peak / 2:,.0f} requests/s, reached {sent / seconds:,.0f}; {late:,} were sent over 50 ms late.", ""]
    return lines, [at_most("deploying at half the peak load: failed requests", failed, 0, "{:d}"),
                   at_least("deploying at half the peak load: versions that came to serve", changes, 2 if quick else 10, "{:d}")]
