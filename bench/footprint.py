# SPDX-License-Identifier: Apache-2.0
"""What the daemon itself costs: memory, time to readiness, streaming in constant memory, a burst."""

import statistics
import threading
import time

from daemon import Caller, Daemon
from engine import Connection, containers

IMAGE = "shallop-bench:latest"
GIB = 1 << 30
MIB = 1 << 20


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
    return [f"| ready after start, {count} functions, median of 5 | {statistics.median(starts) * 1000:.0f} ms | 100 ms |",
            f"| resident, idle, {count} functions | {memory / MIB:.1f} MiB | 15 MiB |",
            f"| threads | {threads} | – |"]


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
    rows = []
    with Daemon() as daemon:
        daemon.register("out", IMAGE, ["/bin/busybox", "dd", "if=/dev/zero", "bs=1048576", "count=1024"])
        daemon.register("in", IMAGE, ["/bin/busybox", "wc", "-c"])
        for name, work in (("out", download), ("in", upload)):
            before, began = daemon.memory(), time.perf_counter()
            work(daemon, name)
            took = time.perf_counter() - began
            growth = max(0, daemon.memory("VmHWM") - before)
            rows.append(f"| growth while 1 GiB streams {name} ({1024 / took:.0f} MiB/s) | {growth / MIB:.1f} MiB | 20 MiB |")
    return rows


def burst(count):
    answers, lock = {}, threading.Lock()

    def call(daemon):
        connection = Connection(daemon.gateway)
        connection.send("GET", "/function/bench")
        status, fields = connection.head()
        connection.body(status, fields)
        sound = status == 200 or (status in (429, 503) and "retry-after" in fields)
        with lock:
            key = str(status) if sound else f"{status} without Retry-After"
            answers[key] = answers.get(key, 0) + 1

    with Daemon() as daemon:
        daemon.api("PUT", "/v1/functions/bench", {"image": IMAGE, "command": ["/bin/echo", "hello"], "limits": {"timeout": "60s"}})
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
    told = ", ".join(f"{n} × {status}" for status, n in sorted(answers.items()))
    return [f"| {count} at once, default limits, {took:.1f} s | {told} | each 200, or 429/503 with Retry-After |",
            f"| containers left after it | {left} | 0 |"]


def run():
    rows = ["## The daemon itself", "", "| what | measured | bar |", "|---|---|---|"]
    return rows + registered(500) + streaming() + burst(200) + [""]
