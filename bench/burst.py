# SPDX-License-Identifier: Apache-2.0
"""A hundred requests at the same moment to a sleeping http function, against the engine's own time for ten starts."""

import select
import statistics
import sys
import time

from daemon import Daemon
from engine import Connection, containers, made_since
from measure import ANSWER, at_most, clock, eventually, settle
from standby import BOUNDS, Standing

EVENTS, MOST, CONCURRENCY = 100, 10, 10
FUNCTION = "shallop.function=burst"


def bare(count, at_once):
    standing = Standing(ANSWER, [])
    try:
        return standing.start(count, at_once)
    finally:
        standing.remove()


def burst(daemon):
    """Seconds to the first and to the last answer, and how many were no 200."""
    connections = [Connection(daemon.gateway) for _ in range(EVENTS)]
    waiting = {one.socket.fileno(): one for one in connections}
    poller = select.epoll()
    for number in waiting:
        poller.register(number, select.EPOLLIN)
    began, times, failed = clock(), [], 0
    for one in connections:
        one.send("GET", "/function/burst/2")
    while waiting:
        ready = poller.poll(60)
        if not ready:
            raise SystemExit(f"{len(waiting)} of {EVENTS} have no answer\n{daemon.log()}")
        for number, _ in ready:
            one = waiting.pop(number)
            poller.unregister(number)
            status, fields = one.head()
            body = one.body(status, fields)
            times.append(clock() - began)
            if status != 200:
                failed += 1
                print(f"burst: {status} {body!r}", file=sys.stderr)
    poller.close()
    for one in connections:
        one.close()
    return min(times), max(times), failed


def sleeping(daemon):
    """A new function without any instance, burst at: what burst() says, and the containers made for it."""
    daemon.api("PUT", "/v1/functions/burst", {
        "image": ANSWER, "contract": {"http": {"port": 8080}},
        "scale": {"max": MOST, "concurrency": CONCURRENCY, "queue": 1000, "queue_timeout": "60s"}})
    if containers(FUNCTION):
        raise SystemExit("the function does not sleep")
    began = time.time()
    taken = burst(daemon)
    eventually("all launches have ended", lambda: not daemon.instances("burst", "launching"))
    daemon.api("DELETE", "/v1/functions/burst")
    settle(FUNCTION)
    return *taken, made_since(FUNCTION, began)


def run(quick):
    own, taken = {}, []
    with Daemon() as daemon:
        for turn in range((1 if quick else 5) + 1):
            for bound in (5,) if quick else BOUNDS:
                took = bare(MOST, bound)
                if turn:
                    own.setdefault(bound, []).append(took)
            took = sleeping(daemon)
            if turn:  # the first warms up
                taken.append(took)
    bound, best = min(((b, statistics.median(t)) for b, t in own.items()), key=lambda pair: pair[1])
    last, failed, made = statistics.median(t[1] for t in taken), sum(t[2] for t in taken), max(t[3] for t in taken)
    lines = [f"## {EVENTS} at once to a sleeping http function (`max` {MOST}, `concurrency` {CONCURRENCY})", "",
             "| | seconds, median | min–max |", "|---|---|---|"]
    rows = {"first answer": [t[0] for t in taken], "last answer": [t[1] for t in taken],
            **{f"the engine's own time for {MOST} starts, {b} at once": t for b, t in own.items()}}
    lines += [f"| {name} | {statistics.median(t):.3f} | {min(t):.3f}–{max(t):.3f} |" for name, t in rows.items()]
    lines += ["", f"{EVENTS * len(taken) - failed} of {EVENTS * len(taken)} answers were 200; {made} containers were made at most.", ""]
    return lines, [at_most(f"burst of {EVENTS}: answers that are no 200", failed, 0, "{:d}"),
                   at_most(f"burst of {EVENTS}: containers made", made, MOST, "{:d}"),
                   at_most(f"burst of {EVENTS}: last answer against {MOST} starts of the engine ({bound} at once)", last / best, 1.2)]
