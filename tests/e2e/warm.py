# SPDX-License-Identifier: Apache-2.0
"""What the tests of warm instances share: the server of functions/server.c as an image, and a function as an object."""
import http.client
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conftest import ROOT, containers, docker, wait_until

SHELL = "debian:bookworm-slim"
SERVER = "shallop-test-server:latest"
BACKGROUND = {"ping", "list", "events", "info", "version"}  # verbs that no event asks for


def build(tag, dockerfile, folder=None):
    """An image from a Dockerfile's text, by the builder that needs no plug-in."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = folder or scratch
        Path(folder, "Dockerfile").write_text(dockerfile)
        docker("build", "-q", "-t", tag, str(folder), env=os.environ | {"DOCKER_BUILDKIT": "0"})


def build_server():
    compiler = shutil.which("musl-gcc") or "cc"  # a static program of the C library that is there does as well
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([compiler, "-O2", "-pthread", "-static", "-o", f"{folder}/server", ROOT / "tests/e2e/functions/server.c"], check=True)
        build(SERVER, 'FROM scratch\nCOPY server /server\nENTRYPOINT ["/server"]\n', folder)


def metric(daemon, name, **labels):
    """The sum of a metric's series that have these labels."""
    total = 0.0
    for line in daemon.api("GET", "/metrics").text.splitlines():
        series, _, value = line.rpartition(" ")
        found = dict(re.findall(r'(\w+)="([^"]*)"', series))
        if series.split("{")[0] == name and labels.items() <= found.items():
            total += float(value)
    return total


def engine_calls(daemon):
    """Calls to the engine so far, by verb; without those that are made whether events come or not."""
    calls = {}
    for line in daemon.api("GET", "/metrics").text.splitlines():
        if line.startswith("shallop_engine_calls_total{"):
            verb = re.search(r'verb="([^"]*)"', line)[1]
            calls[verb] = calls.get(verb, 0) + float(line.rsplit(" ", 1)[1])
    return {verb: count for verb, count in calls.items() if verb not in BACKGROUND}


def settled_engine_calls(daemon):
    """The same once they stand still: the answer to a start may come after the container's first event."""
    counts = [{}]

    def still():
        counts.append(engine_calls(daemon))
        return counts[-1] == counts[-2]

    wait_until(still, every=0.5, what="the engine has nothing to do")
    return counts[-1]


def at_once(count, work):
    """Runs work(0) … work(count - 1), all at once, and returns what they returned."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def timing(answer):
    """Server-Timing in milliseconds: queue, start, run."""
    return {name: float(value) for name, value in re.findall(r"(\w+);dur=([\d.]+)", answer.headers["Server-Timing"])}


class Function:
    """A function of a daemon, as its callers and its operator see it."""

    def __init__(self, daemon, name):
        self.daemon, self.name, self.path = daemon, name, f"/function/{name}"

    def call(self, path="", *words, **options):
        return self.daemon.call(self.path + path, *words, **options)

    def put(self, **resource):
        return self.daemon.put(self.name, **resource)

    def remove(self):
        return self.daemon.api("DELETE", f"/v1/functions/{self.name}")

    def kept(self):
        """A connection that is kept, for many calls."""
        return Kept(self)

    def instances(self, *states):
        found = self.daemon.api("GET", f"/v1/functions/{self.name}/instances").json["instances"]
        return [one for one in found if not states or one["state"] in states]

    def wait_for(self, count, *states, seconds=10):
        """Waits until it has so many instances in these states, and returns them."""
        claim = lambda: len(found := self.instances(*states)) == count and (found or True)
        return wait_until(claim, seconds, what=f"{count} {states} of {self.name}; it has {self.instances()}")

    def containers(self):
        """Ids of its containers, in whatever state; those of a namesake that another daemon has are not among them."""
        ours = self.daemon.containers()
        return [one for one in containers(f"shallop.function={self.name}") if one in ours]

    def starts(self, kind):
        return metric(self.daemon, "shallop_starts_total", function=self.name, start=kind)

    def gone(self, seconds=10):
        wait_until(lambda: not self.containers(), seconds, what=f"no container of {self.name} is left")


class Kept:
    def __init__(self, function):
        self.path = function.path
        self.connection = http.client.HTTPConnection("127.0.0.1", function.daemon.port, timeout=60)

    def call(self, path="", method="GET"):
        self.connection.request(method, self.path + path)
        reply = self.connection.getresponse()
        return reply.status, reply.read().decode()

    def close(self):
        self.connection.close()


# ---- processes of a container, as the host sees them

def processes(container):
    """Process ids of all processes of a container, its first process not among them."""
    first = docker("inspect", "-f", "{{.State.Pid}}", container)
    found, left = [], [first]
    while left:
        for task in Path(f"/proc/{left.pop()}/task").iterdir():
            try:
                children = (task / "children").read_text().split()
            except FileNotFoundError:
                continue
            found += children
            left += children
    return found


class Meanwhile:
    """Threads that work until `over` is set; `with` begins and ends them."""

    def __init__(self, *works):
        self.over = threading.Event()
        self.threads = [threading.Thread(target=work) for work in works]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


class Load(Meanwhile):
    """Clients that call a function all the while, `pause` seconds between two calls; `answers` has what they got."""

    def __init__(self, function, clients=4, path="/env?V", pause=0.0):
        super().__init__(*[self.client] * clients)
        self.function, self.path, self.pause, self.answers = function, path, pause, []

    def client(self):
        while not self.over.is_set():
            try:
                answer = self.function.call(self.path)
                self.answers.append((answer.status, answer.text))
            except OSError as error:
                self.answers.append((0, str(error)))
            time.sleep(self.pause)

    def more(self, count=50):
        """Waits until so many further calls were answered."""
        goal = len(self.answers) + count
        wait_until(lambda: len(self.answers) >= goal, 30, what=f"{count} further answers")


def stat(process):
    """State letter and CPU ticks of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return fields[0], int(fields[11]) + int(fields[12])


def commands(container):
    """The command lines of what runs in a container."""
    return [Path(f"/proc/{one}/cmdline").read_text().replace("\0", " ").strip() for one in processes(container)
            if Path(f"/proc/{one}/cmdline").exists()]
