# SPDX-License-Identifier: Apache-2.0
"""What all parts of the benchmark share: bars, images, programs of the host, CPU time, and one run of wrk."""

import os
import pathlib
import re
import resource
import statistics
import subprocess
import tempfile
import time
from typing import NamedTuple

from engine import SOCKET, Connection, containers

FUNCTIONS = pathlib.Path(__file__).resolve().parent / "functions"
BUSYBOX, ANSWER, DOCUMENT = "shallop-bench:latest", "shallop-bench-answer:latest", "shallop-bench-document:latest"
TICK = os.sysconf("SC_CLK_TCK")
clock = time.perf_counter


class Bar(NamedTuple):
    """What is promised, what was measured, and whether the one is the other."""

    what: str
    bar: str
    measured: str
    met: bool


def shown(value, bar, form):
    """With the difference where a value that is not the bar would look like it."""
    text = form.format(value)
    return text if value == bar or text != form.format(bar) else f"{text} ({value - bar:+.2g})"


def at_most(what, value, bar, form="{:.2f} ×"):
    return Bar(what, "≤ " + form.format(bar), shown(value, bar, form), value <= bar)


def at_least(what, value, bar, form="{:.2f} ×"):
    return Bar(what, "≥ " + form.format(bar), shown(value, bar, form), value >= bar)


def table_of(bars):
    rows = ["| bar | | measured | met |", "|---|---|---|---|"]
    return rows + [f"| {b.what} | {b.bar} | {b.measured} | {'yes' if b.met else '**no**'} |" for b in bars]


def compiled(name, directory):
    """A static program from functions/NAME.c."""
    target = pathlib.Path(directory, name)
    subprocess.run(["musl-gcc", "-O2", "-static", "-o", target, FUNCTIONS / f"{name}.c"], check=True)
    return target


def build(tag, dockerfile, *files):
    with tempfile.TemporaryDirectory() as directory:
        for name, source in files:
            subprocess.run(["cp", source, f"{directory}/{name}"], check=True)
        pathlib.Path(directory, "Dockerfile").write_text(dockerfile)
        done = subprocess.run(["docker", "build", "-q", "--force-rm", "-t", tag, directory], capture_output=True, text=True,
                              env={**os.environ, "DOCKER_BUILDKIT": "0"})
    if done.returncode != 0:
        raise SystemExit(f"{tag} cannot be built: {done.stderr}")


def make_images():
    """Each FROM scratch and one static program: what is measured is not the program."""
    build(BUSYBOX, 'FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/echo\nCMD ["/bin/echo", "hello"]\n',
          ("busybox", "/bin/busybox"))
    with tempfile.TemporaryDirectory() as directory:
        for tag, name in ((ANSWER, "answer"), (DOCUMENT, "document")):
            build(tag, f'FROM scratch\nCOPY {name} /{name}\nENTRYPOINT ["/{name}"]\n', (name, compiled(name, directory)))


def eventually(what, check, patience=60.0, pause=0.02):
    """The first true value of check(); a patience that runs out is an error that says what did not happen."""
    deadline = time.monotonic() + patience
    while not (value := check()):
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {patience:.0f} s: {what}")
        time.sleep(pause)
    return value


def settle(*labels):
    """Waits until the engine has removed what has ended: the next block must not pay for this one."""
    for label in labels:
        eventually(f"no container with the label {label}", lambda label=label: not containers(label), pause=0.05)


def cpu_seconds(pids):
    """User and system time of whole processes, in the kernel's ticks of 10 ms."""
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit]


def load(url, connections, seconds, pids=(), script=None):
    """One run of wrk: requests, rate, p50 and p99 in ms, CPU microseconds a request of `pids`, and the share of a core that wrk took."""
    before, own, began = cpu_seconds(pids), children_seconds(), clock()
    more = ["-s", script] if script else []
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *more, url], capture_output=True, text=True)
    used, own, took, out = cpu_seconds(pids) - before, children_seconds() - own, clock() - began, done.stdout
    count = int((re.search(r"(\d+) requests in", out) or [0, 0])[1])
    if done.returncode != 0 or "Non-2xx" in out or "Socket errors" in out or count == 0:
        raise SystemExit(f"wrk -c{connections} {url}: {out}{done.stderr}")
    return {"count": count, "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]),
            "p50": milliseconds(re.search(r"^ +50% +(\S+)", out, re.M)[1]), "p99": milliseconds(re.search(r"^ +99% +(\S+)", out, re.M)[1]),
            "cpu": used / count * 1e6, "client": own / took}


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def spread(runs, key, form):
    values = sorted(run[key] for run in runs)
    return f"{form.format(statistics.median(values))} ({form.format(values[0])}–{form.format(values[-1])})"


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def engine_facts():
    api = Connection(SOCKET)
    facts = api.call("GET", "/info"), api.call("GET", "/version")
    api.close()
    return facts
