# SPDX-License-Identifier: Apache-2.0
"""Warm http: the daemon against nginx (one worker, kept-alive upstream) in front of the very same server process in a container, and
against the same server on TCP with no proxy at all, in one run."""

import contextlib
import os
import pathlib
import subprocess
import tempfile

from daemon import Daemon, free_port
from measure import ANSWER, at_least, at_most, compiled, eventually, load, median, spread
from peers import Fn, Nginx

LEVELS = [(1, 2), (8, 2), (32, 2), (64, 2), (256, 2), (1, 65536), (16, 65536)]  # connections, bytes of body
QUICK = [(1, 2), (32, 2)]
# The figure, at which level, the bar as a multiple of nginx's.
BARS = [("p50", (1, 2), 1.1), ("rate", (32, 2), 1.0), ("cpu", (32, 2), 1.1), ("rate", (64, 2), 1.0), ("cpu", (64, 2), 1.1),
        ("p99", (64, 2), 1.1), ("rate", (256, 2), 1.0), ("cpu", (256, 2), 1.1), ("rate", (1, 65536), 1.0), ("rate", (16, 65536), 1.0)]
NAMES = {"p50": "p50", "p99": "p99", "rate": "requests/s", "cpu": "CPU a request"}


class Direct:
    """The server itself, on TCP."""

    def __init__(self, directory):
        self.port, self.program = free_port(), compiled("answer", directory)

    def __enter__(self):
        self.process = subprocess.Popen([self.program], env={"PORT": str(self.port)})
        eventually("the server answers", lambda: answers(self.url()), 10)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(10)

    def url(self):
        return f"http://127.0.0.1:{self.port}"


def answers(url):
    return subprocess.run(["curl", "-sf", "-m", "5", "-o", "/dev/null", url + "/2"]).returncode == 0


def register(daemon, sockets):
    daemon.api("PUT", "/v1/functions/warm", {
        "image": ANSWER, "command": ["/sockets/fn.sock"], "contract": {"http": {"port": "unix:/sockets/fn.sock"}},
        "mounts": [{"type": "bind", "source": str(sockets), "target": "/sockets", "read_only": False}],
        "scale": {"max": 1, "concurrency": 512, "queue": 1000}})
    url = f"http://127.0.0.1:{daemon.gateway[1]}/function/warm"
    if not answers(url):
        raise SystemExit("the function does not answer:\n" + daemon.log())
    return url


@contextlib.contextmanager
def servers():
    """Everything that is compared, running: its name, the address, the processes whose CPU time counts, and wrk's script."""
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="shallop-bench-"))
        os.chmod(directory, 0o755)
        sockets = pathlib.Path(directory, "sockets")
        sockets.mkdir()
        sockets.chmod(0o777)
        daemon = stack.enter_context(Daemon("--bind-root", directory))
        url = register(daemon, sockets)
        nginx = stack.enter_context(Nginx(directory, f"unix:{sockets}/fn.sock"))
        direct = stack.enter_context(Direct(directory))
        found = {"shallop": (url, [daemon.process.pid], None), "nginx": (nginx.url(), nginx.pids(), None),
                 "no proxy, TCP": (direct.url(), [direct.process.pid], None)}
        if Fn.BINARY:
            fn = stack.enter_context(Fn(directory))
            found["fnserver"] = (fn.url(), [fn.process.pid], fn.script)
        yield found


def compare(found, level, seconds, repeats):
    connections, body = level
    runs = {name: [] for name in found}
    for turn in range(repeats + 1):
        for name, (url, pids, script) in found.items():
            target = url if script else f"{url}/{body}"
            if script and body != 2:
                continue  # a peer that cannot pass a path on
            took = load(target, connections, seconds if turn else 1, pids, script)
            if turn:  # the first warms up
                runs[name].append(took)
    return {name: taken for name, taken in runs.items() if taken}


def level_name(level):
    connections, body = level
    return f"c={connections}, {body} B" if body < 1024 else f"c={connections}, {body >> 10} KiB"


def ratio(results, level, key, other="nginx"):
    return median(results[level]["shallop"], key) / median(results[level][other], key)


def bars_of(results):
    bars = []
    for key, level, bar in BARS:
        if level in results:
            what = f"warm http, {level_name(level)}: {NAMES[key]} against nginx"
            bars.append((at_least if key == "rate" else at_most)(what, ratio(results, level, key), bar))
    if Fn.BINARY:
        for level in (level for level in results if level[1] == 2 and level[0] > 1):
            rate = ratio(results, level, "rate", "fnserver")
            bars.append(at_least(f"warm http, {level_name(level)}: requests/s against fnserver", rate, 5.0))
    return bars


def lines_of(results):
    lines = ["## Warm http: a static server in a container, over its unix socket", "",
             "| connections, body | | requests/s | p50 ms | p99 ms | CPU µs/request | wrk's share of a core |", "|---|---|---|---|---|---|---|"]
    for level, runs in results.items():
        for name, taken in runs.items():
            client = median(taken, "client")
            limit = ", **the client is the limit**" if client > 0.95 else ""
            lines.append(f"| {level_name(level)} | {name} | {spread(taken, 'rate', '{:,.0f}')} | {spread(taken, 'p50', '{:.3f}')} | "
                         f"{spread(taken, 'p99', '{:.2f}')} | {spread(taken, 'cpu', '{:.1f}')} | {client:.2f}{limit} |")
    lines += ["", "CPU is the proxy's own; without one it is the server's. Shallop as a multiple of nginx:", "",
              "| connections, body | requests/s | p50 | p99 | CPU |", "|---|---|---|---|---|"]
    for level in results:
        figures = [f"{ratio(results, level, key):.2f}" for key in ("rate", "p50", "p99", "cpu")]
        lines.append(f"| {level_name(level)} | {' | '.join(figures)} |")
    given = "" if Fn.BINARY else "No fnserver was given (FNSERVER=path), so there is no comparison with it."
    return lines + ([""] + [given] if given else []) + [""]


def run(quick):
    with servers() as found:
        results = {level: compare(found, level, 1 if quick else 2, 1 if quick else 5) for level in (QUICK if quick else LEVELS)}
    return lines_of(results), bars_of(results)
