# SPDX-License-Identifier: Apache-2.0
"""What a pause adds: a call on an instance whose processes are stopped, and one on an instance that only waited as long, in turn."""

import statistics
import time

from daemon import Caller, Daemon
from measure import ANSWER, at_most, clock, percentile


def timed(caller):
    began = clock()
    caller.run(clock)
    return (clock() - began) * 1000


def run(quick):
    names = ("keep", "pause")
    times = {name: [] for name in names}
    with Daemon() as daemon:
        for name in names:
            daemon.api("PUT", f"/v1/functions/{name}", {"image": ANSWER, "contract": {"http": {"port": 8080}},
                                                        "scale": {"max": 1, "idle": name}})
        callers = {name: Caller(daemon, name) for name in names}
        for turn in range((5 if quick else 60) + 2):
            # Both have rested equally long when they are called; who is first alternates.
            daemon.await_instances("pause", 1 if turn else 0, "paused")
            time.sleep(0.02)
            for name in names if turn % 2 else reversed(names):
                took = timed(callers[name])
                if turn >= 2:  # the first start a container, the second warm up
                    times[name].append(took)
        cold = daemon.metric("shallop_starts_total"), [len(daemon.instances(name)) for name in names]
    if cold[1] != [1, 1]:
        raise SystemExit(f"instances were replaced: {cold}")
    p50 = {name: statistics.median(taken) for name, taken in times.items()}
    added = p50["pause"] - p50["keep"]
    lines = ["## Waking from `idle: pause`", "",
             f"| first call after a rest, {len(times['keep'])} of each in turn | p50 ms | p95 | min–max |", "|---|---|---|---|"]
    for name, taken in times.items():
        lines.append(f"| idle: {name} | {p50[name]:.3f} | {percentile(taken, 0.95):.3f} | {min(taken):.3f}–{max(taken):.3f} |")
    return lines + [""], [at_most("waking from a pause: added to the p50", added, 0.3, "{:.3f} ms")]
