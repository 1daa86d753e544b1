# SPDX-License-Identifier: Apache-2.0
"""Standby: a fresh container for each event that was started ahead, and how fast used ones are replaced, against the engine alone."""

import statistics
import threading
import time

from daemon import Caller, Daemon
from engine import LABEL, SOCKET, Bare, Connection, containers, spec
from measure import BUSYBOX, DOCUMENT, at_least, at_most, clock, percentile, settle

BOUNDS = (4, 5, 6, 8)
REST = 0.2  # seconds from a full standby to the next call: the engine has done with the last one


def together(clients, work):
    """Runs work(0) … work(clients - 1) at once; the first error of any is ours."""
    errors = []

    def guarded(number):
        try:
            work(number)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise SystemExit(f"{len(errors)} failed: {errors[0]!r}")


class Standing:
    """Containers of the bare engine that do nothing until they are removed."""

    def __init__(self, image=BUSYBOX, command=("/bin/busybox", "sleep", "600")):
        self.spec, self.made, self.lock = spec(image, list(command)), [], threading.Lock()

    def start(self, count, at_once):
        """Creates and starts; returns the seconds that it took."""
        left, began = [count], clock()

        def work(_):
            api = Connection(SOCKET)
            while True:
                with self.lock:
                    if left[0] == 0:
                        return api.close()
                    left[0] -= 1
                made = api.call("POST", "/containers/create", self.spec)["Id"]
                with self.lock:
                    self.made.append(made)
                api.call("POST", f"/containers/{made}/start")

        together(at_once, work)
        return clock() - began

    def remove(self):
        api = Connection(SOCKET)
        with self.lock:
            made, self.made = self.made, []
        for one in made:
            api.call("DELETE", f"/containers/{one}?force=1")
        api.close()


def bare_fill(count, at_once):
    standing = Standing()
    try:
        return standing.start(count, at_once)
    finally:
        standing.remove()
        settle(LABEL)


def bare_refill(count, at_once):
    """`count` run and end, the engine removes them, and as many more are started meanwhile."""
    used, standing = Standing(), Standing()
    try:
        used.start(count, at_once)
        removal = threading.Thread(target=used.remove)
        began = clock()
        removal.start()
        standing.start(count, at_once)
        took = clock() - began
        removal.join()
        return took
    finally:
        used.remove()
        standing.remove()
        settle(LABEL)


def register(daemon, standby, name="standby"):
    daemon.api("PUT", f"/v1/functions/{name}", {"image": DOCUMENT, "contract": "cgi", "limits": {"timeout": "60s"},
                                                "scale": {"reuse": False, "standby": standby, "max": 64, "queue": 100}})


def starts(daemon, kind):
    text = daemon.api("GET", "/metrics")[1].decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith("shallop_starts_total{") and f'"{kind}"' in line)


def hits(rounds):
    """One call after another, each a little after standby is full again; milliseconds."""
    with Daemon() as daemon:
        register(daemon, 4)
        caller, times, seen = Caller(daemon, "standby"), [], set()
        for turn in range(rounds + 2):
            daemon.await_instances("standby", 4, "standby")
            time.sleep(REST)
            began = clock()
            caller.connection.send("GET", caller.path)
            status, fields = caller.connection.head()
            body = caller.connection.body(status, fields)
            took = (clock() - began) * 1000
            if status != 200 or body in seen:
                raise SystemExit(f"no fresh container: {status} {body!r}")
            seen.add(body)
            if turn >= 2:
                times.append(took)
        found = starts(daemon, "standby")
    if found != rounds + 2:
        raise SystemExit(f"{found} of {rounds + 2} calls found a container that was ready")
    return times


def daemon_rates(count):
    """Seconds to the first `count` that are ready, and to as many again after all were used at once."""
    with Daemon() as daemon:
        began = clock()
        register(daemon, count)
        daemon.await_instances("standby", count, "standby")
        filled = clock() - began
        callers = [Caller(daemon, "standby") for _ in range(count)]
        old = {one["id"] for one in daemon.instances("standby")}
        began = clock()
        together(count, lambda number: callers[number].run(clock))
        while sum(one["state"] == "standby" and one["id"] not in old for one in daemon.instances("standby")) < count:
            if clock() - began > 120:
                raise SystemExit(f"standby is not refilled: {daemon.instances('standby')}")
            time.sleep(0.01)
        refilled = clock() - began
    settle("shallop.function=standby")
    return filled, refilled


def rates(count, repeats, bounds):
    fill, refill = {}, {}
    for _ in range(repeats):
        for bound in bounds:
            fill.setdefault(f"bare API, {bound} at once", []).append(count / bare_fill(count, bound))
            refill.setdefault(f"bare API, {bound} at once", []).append(count / bare_refill(count, bound))
        ours = daemon_rates(count)
        fill.setdefault("shallop", []).append(count / ours[0])
        refill.setdefault("shallop", []).append(count / ours[1])
    return fill, refill


def share(taken):
    best = max(statistics.median(values) for name, values in taken.items() if name != "shallop")
    return statistics.median(taken["shallop"]) / best


def run(quick):
    count = 16
    times = hits(5 if quick else 40)
    fill, refill = rates(count, 1 if quick else 5, (5,) if quick else BOUNDS)
    if containers(LABEL):
        raise SystemExit("containers of the bare engine were left behind")
    p50 = statistics.median(times)
    lines = ["## Standby: a fresh container for each event, started ahead", "",
             f"{len(times)} calls, each {REST} s after standby was full again, "
             f"each answered by a container of its own: p50 {p50:.2f} ms, p95 {percentile(times, 0.95):.2f}, "
             f"min–max {min(times):.2f}–{max(times):.2f}.", "",
             f"| {count} containers | first filled, containers/s | refilled after all were used at once |", "|---|---|---|"]
    for name in fill:
        row = [f"{statistics.median(taken[name]):.1f} ({min(taken[name]):.1f}–{max(taken[name]):.1f})" for taken in (fill, refill)]
        lines.append(f"| {name} | {row[0]} | {row[1]} |")
    lines += ["", "The bare engine creates and starts; for the second column it removes as many meanwhile, for ours end and are removed "
              "too.", ""]
    return lines, [at_most("standby hit: p50", p50, 1.5, "{:.2f} ms"),
                   at_least("standby: filled, against bare create and start at its best bound", share(fill), 0.9),
                   at_least("standby: refilled, against bare create, start and remove at its best bound", share(refill), 0.9)]
