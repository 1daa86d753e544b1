# SPDX-License-Identifier: Apache-2.0
"""What the daemon itself costs: memory, time to readiness, streaming in constant memory, a burst, a million warm requests."""

import re
import statistics
import threading
import time

from daemon import Caller, Daemon
from engine import Connection, containers
from measure import ANSWER, Bar, at_most, eventually, load
from measure import BUSYBOX as IMAGE

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
BY_THE_CLOCK = {"ping": 5, "list": 60}  # an idle daemon makes one in so many seconds; more than that is not the clock


def registered(count):
    with Daemon() as daemon:
        for number in range(count):
            daemon.register(f"f-{number}", IMAGE, ["/bin/echo", "hello"], routes=[{"path": f"/r/{number}/{{id}}"}])
        starts = []
        for _ in range(5):
            daemon.stop()
            starts.append(daemon.start())
        time.sleep(1)
        memory, threads = daemon.memory(), daemon.threads()
    lines = [f"With {count} functions: ready {min(starts) * 1000:.0f}–{max(starts) * 1000:.0f} ms after its start, {threads} threads."]
    return lines, [at_most(f"ready after start, {count} functions, median of 5", statistics.median(starts) * 1000, 100, "{:.0f} ms"),
                   at_most(f"resident, idle, {count} functions", memory / MIB, 15, "{:.1f} MiB")]


def download(daemon, name):
    connection = Connection(daemon.gateway)
    connection.send("GET", f"/function/{name}")
    status, fields = connection.head()
    total = 0
    while size := int(connection.line(), 16):
        total += size
        while size:
            if not connection.buffer:
                connection.fill()
            taken = min(size, len(connection.buffer))
            connection.buffer, size = connection.buffer[taken:], size - taken
        connection.line()
    assert status == 200 and total == GIB, (status, fields, total)


def upload(daemon, name):
    connection = Connection(daemon.gateway)
    head = f"POST /function/{name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {GIB}\r\n\r\n"
    connection.socket.sendall(head.encode())
    block = b"x" * MIB
    for _ in range(GIB // MIB):
        connection.socket.sendall(block)
    status, fields = connection.head()
    body = connection.body(status, fields)
    assert status == 200 and body.strip() == str(GIB).encode(), (status, body)


def streaming():
    lines, bars = [], []
    with Daemon() as daemon:
        daemon.register("out", IMAGE, ["/bin/busybox", "dd", "if=/dev/zero", "bs=1048576", "count=1024"])
        daemon.register("in", IMAGE, ["/bin/busybox", "wc", "-c"])
        for name, work in (("out", download), ("in", upload)):
            before, began = daemon.memory(), time.perf_counter()
            work(daemon, name)
            took = time.perf_counter() - began
            growth = max(0, daemon.memory("VmHWM") - before)
            lines.append(f"1 GiB streamed {name} at {1024 / took:.0f} MiB/s.")
            bars.append(at_most(f"growth while 1 GiB streams {name}", growth / MIB, 20, "{:.1f} MiB"))
    return lines, bars


def burst(count):
    answers, lock = {}, threading.Lock()

    def call(daemon):
        try:
            connection = Connection(daemon.gateway)
            connection.send("GET", "/function/bench")
            status, fields = connection.head()
            connection.body(status, fields)
            sound = status == 200 or (status in (429, 503) and "retry-after" in fields)
            key = str(status) if sound else f"{status} without Retry-After"
        except (OSError, ValueError) as error:
            sound, key = False, repr(error)
        with lock:
            answers[key, sound] = answers.get((key, sound), 0) + 1

    with Daemon() as daemon:
        daemon.api("PUT", "/v1/functions/bench", {
            "image": IMAGE, "command": ["/bin/echo", "hello"], "limits": {"timeout": "60s"}, "scale": {"reuse": False}})
        threads = [threading.Thread(target=call, args=(daemon,)) for _ in range(count)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - began
        deadline = time.monotonic() + 15
        while containers("shallop.function=bench") and time.monotonic() < deadline:
            time.sleep(0.1)
        left = len(containers("shallop.function=bench"))
    told = ", ".join(f"{n} × {key}" for (key, _), n in sorted(answers.items()))
    unsound = sum(n for (_, sound), n in answers.items() if not sound)
    return [f"{count} cold at once, default limits: {told} in {took:.1f} s."], [
        at_most(f"{count} cold at once, default limits: answers other than 200 or 429/503 with Retry-After", unsound, 0, "{:d}"),
        at_most(f"{count} cold at once: containers left", left, 0, "{:d}")]


def use_at_once(daemon, name, clients):
    """Long replies, all asked for before the first is read."""
    connections = [Connection(daemon.gateway) for _ in range(clients)]
    for connection in connections:
        connection.send("GET", f"/function/{name}/1000000")
    for connection in connections:
        status, fields = connection.head()
        body = connection.body(status, fields)
        if status != 200 or len(body) != 1_000_000:
            raise SystemExit(f"{status} {len(body)}\n{daemon.log()}")
        connection.close()


def idle_instances(count):
    """What each of many idle http instances costs the daemon, new ones and ones that have served; a few came before, for what all share."""
    few, seen = 2, {}
    with Daemon("--max-instances", str(2 * count + 10)) as daemon:
        for least in (few, count + few):
            daemon.api("PUT", "/v1/functions/idle", {"image": ANSWER, "contract": {"http": {"port": 8080}}, "scale": {
                "min": least, "max": least, "concurrency": 1, "queue": 1000}})
            daemon.await_instances("idle", least, "standby", "idle")
            eventually("older instances are gone", lambda least=least: len(daemon.instances("idle")) == least)
            time.sleep(2)
            seen[least, "new"] = daemon.memory()
            for _ in range(5):
                use_at_once(daemon, "idle", count + few)
            eventually("each instance has served and rests", lambda: all(
                one["served"] and one["state"] == "idle" for one in daemon.instances("idle")))
            time.sleep(2)
            seen[least, "used"] = daemon.memory()
    each = {kind: (seen[count + few, kind] - seen[few, kind]) / count / KIB for kind in ("new", "used")}
    told = "; ".join(f"{kind}: {seen[few, kind] / MIB:.2f} MiB with {few}, {seen[count + few, kind] / MIB:.2f} MiB with {count + few}"
                     for kind in each)
    return [f"Resident with idle http instances: {told}."], [
        at_most("daemon's memory for an idle http instance that was not used yet", each["new"], 20, "{:.1f} KiB"),
        at_most("daemon's memory for an idle http instance that has served", each["used"], 20, "{:.1f} KiB")]


def warm_requests(count):
    """Growth over many warm requests, and the calls to the engine that they led to."""
    with Daemon() as daemon:
        daemon.api("PUT", "/v1/functions/many", {"image": ANSWER, "contract": {"http": {"port": 8080}},
                                                 "scale": {"max": 1, "concurrency": 64, "idle_timeout": "1h"}})
        url = f"http://127.0.0.1:{daemon.gateway[1]}/function/many/2"
        warmed = load(url, 32, 4)["count"]
        before, calls, done, began = daemon.memory(), engine_calls(daemon), 0, time.monotonic()
        while done < count:
            done += load(url, 32, 5)["count"]
        growth, now, took = daemon.memory() - before, engine_calls(daemon), time.monotonic() - began
    asked = {verb: number - calls.get(verb, 0) for verb, number in now.items() if number > calls.get(verb, 0)}
    beyond = sum(max(0, number - (int(took / BY_THE_CLOCK[verb]) + 1 if verb in BY_THE_CLOCK else 0)) for verb, number in asked.items())
    return [f"{done:,} warm requests in {took:.0f} s after {warmed:,}: {before / MIB:.2f} MiB before, {growth / KIB:+.0f} KiB after; "
            f"calls to the engine meanwhile: {asked or 'none'}."], [
        Bar(f"growth over {count:,} warm requests", "less than a byte a request", f"{growth / done:.3f} bytes a request", growth < done),
        at_most(f"engine calls during {count:,} warm requests beyond an idle daemon's", beyond, 0, "{:d}")]


def engine_calls(daemon):
    """How many so far, by verb."""
    found = {}
    for line in daemon.api("GET", "/metrics")[1].decode().splitlines():
        if line.startswith("shallop_engine_calls_total{"):
            verb = re.search(r'verb="(\w+)"', line)[1]
            found[verb] = found.get(verb, 0) + int(float(line.rsplit(" ", 1)[1]))
    return found


def run(quick):
    lines, bars = ["## The daemon itself", ""], []
    whole = {registered: 500, burst: 200, idle_instances: 40, warm_requests: 1_000_000}
    small = {registered: 100, burst: 50, idle_instances: 5, warm_requests: 20_000}
    for work, size in (small if quick else whole).items():
        more, some = work(size)
        lines, bars = lines + ["- " + line for line in more], bars + some
    if not quick:
        more, some = streaming()
        lines, bars = lines + ["- " + line for line in more], bars + some
    return lines + [""], bars
