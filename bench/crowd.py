# SPDX-License-Identifier: Apache-2.0
"""Many connections that ask for nothing, or slowly: what each costs the daemon, and what others feel of them."""

import contextlib
import resource
import socket
import time

from daemon import Daemon
from measure import ANSWER, at_most, eventually, load, median

KIB = 1 << 10
WHOLE = b"GET /function/crowd/2 HTTP/1.1\r\nHost: localhost\r\n\r\n"
SLOW = b"GET /function/crowd/2 HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 100
HEAD_SECONDS = 15  # of a head that does not end


def opened(daemon, count, request, answered):
    sockets = []
    for _ in range(count):
        one = socket.create_connection(daemon.gateway, timeout=60)
        one.sendall(request)
        assert not answered or one.recv(4096).startswith(b"HTTP/1.1 200 ")
        sockets.append(one)
    return sockets


def end(sockets):
    for one in sockets:
        with contextlib.suppress(OSError):
            one.close()


def others(url, seconds):
    return load(url, 8, seconds)


@contextlib.contextmanager
def served():
    """A fresh daemon that has had some load, and the URL of its function."""
    with Daemon() as daemon:
        daemon.api("PUT", "/v1/functions/crowd", {"image": ANSWER, "contract": {"http": {"port": 8080}},
                                                  "scale": {"max": 1, "concurrency": 64, "idle_timeout": "1h"}})
        url = f"http://127.0.0.1:{daemon.gateway[1]}/function/crowd/2"
        others(url, 2)
        yield daemon, url


def cost(count, request, answered):
    """Resident bytes of the daemon for each of so many connections."""
    with served() as (daemon, _):
        before = daemon.memory()
        sockets = opened(daemon, count, request, answered)
        eventually("all are accepted", lambda: daemon.metric("shallop_connections") >= count)
        each = (daemon.memory() - before) / count
        end(sockets)
    return each


def felt(idle_count, slow_count, rounds, seconds):
    """What 8 connections feel, in turn: alone, beside idle ones, beside slow ones; and how long the longest slow one lasted."""
    runs, cut = {"alone": [], "idle": [], "slow": []}, []
    with served() as (daemon, url):
        for _ in range(rounds):
            runs["alone"].append(others(url, seconds))
            idle = opened(daemon, idle_count, WHOLE, True)
            runs["idle"].append(others(url, seconds))
            end(idle)
            eventually("they are closed", lambda: daemon.metric("shallop_connections") < 20)
            began = time.monotonic()
            slow = opened(daemon, slow_count, SLOW, False)
            runs["slow"].append(others(url, seconds))
            for one in slow:
                while one.recv(4096):
                    pass
            cut.append(time.monotonic() - began)
            end(slow)
    return {name: median(some, "p99") for name, some in runs.items()}, max(cut)


def run(quick):
    idle_count, slow_count, rounds, seconds = (500, 100, 2, 1) if quick else (10_000 - 500, 2_000, 5, 4)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    idle, slow = cost(idle_count, WHOLE, True), cost(slow_count, SLOW, False)
    p99, longest = felt(idle_count, slow_count, rounds, seconds)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    told = ", ".join(f"{name} {value:.2f} ms" for name, value in p99.items())
    return ["## A crowd", "", f"- 8 connections beside {idle_count} idle ones, and beside {slow_count} whose head does not end; p99: {told}.", ""], [
        at_most(f"daemon's memory for one of {idle_count} idle connections", idle / KIB, 8, "{:.1f} KiB"),
        at_most(f"daemon's memory for one of {slow_count} slow connections", slow / KIB, 24, "{:.1f} KiB"),
        at_most("others' p99 beside idle connections", p99["idle"] / p99["alone"], 3),
        at_most("others' p99 beside slow connections", p99["slow"] / p99["alone"], 3),
        at_most("slow heads are closed after", longest, HEAD_SECONDS, "{:.1f} s")]
