# SPDX-License-Identifier: Apache-2.0
"""Starts the built daemon for a measurement, and talks to it."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from engine import Connection, containers

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("SHALLOP_BIN", str(ROOT / "build/release/shallop"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """A daemon with directories of its own; `with` stops it and removes them."""

    def __init__(self, *flags):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="shallop-bench-"))
        self.flags = flags
        self.gateway, self.admin = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_):
        """An end that leaves a container or does not come in time is an error."""
        identity = self.label()
        try:
            self.stop()
            left = containers(identity)
        except (subprocess.TimeoutExpired, OSError):
            left = "the daemon, which did not end"
        self.kill()
        if left:
            raise SystemExit(f"left behind: {left}")

    def label(self):
        """The label that all containers of this daemon carry."""
        return "shallop.daemon=" + json.loads(self.api("GET", "/v1/info")[1])["daemon"]

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self):
        """Returns the seconds from the start of the process to its first answer."""
        log = open(self.directory / "log", "ab")
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [BINARY, "serve", "--listen", f"127.0.0.1:{self.gateway[1]}", "--admin-listen", f"127.0.0.1:{self.admin[1]}",
             "--data-dir", self.directory / "data", "--run-dir", self.directory / "run", *self.flags],
            stderr=log, stdout=log)
        while True:
            try:
                connection = Connection(self.gateway)
                connection.send("GET", "/healthz")
                connection.head()
                connection.close()
                break
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit("the daemon did not start:\n" + (self.directory / "log").read_text())
        took = time.perf_counter() - began
        deadline = time.monotonic() + 30
        while self.api("GET", "/readyz", check=False)[0] != 200:
            if time.monotonic() > deadline:
                raise SystemExit("the daemon is not ready:\n" + self.log())
            time.sleep(0.02)
        return took

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def api(self, method, path, document=None, check=True):
        connection = Connection(self.admin)
        token = (self.directory / "data/admin-token").read_text().strip()
        body = json.dumps(document).encode() if document is not None else b""
        connection.send(method, path, body, f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n")
        status, fields = connection.head()
        data = connection.body(status, fields)
        connection.close()
        if check and status >= 400:
            raise SystemExit(f"{method} {path}: {status} {data!r}")
        return status, data

    def register(self, name, image, command, **more):
        """A function that has a fresh container for each event."""
        self.api("PUT", f"/v1/functions/{name}",
                 {"image": image, "command": command,
                  "scale": {"reuse": False, "max": 64, "queue": 1000, "queue_timeout": "120s"},
                  "limits": {"timeout": "120s", "request_body": "2Gi"}, **more})

    def instances(self, name, *states, version=0):
        """What is there of a function: all, or what is in one of the states, of a version or of any."""
        found = json.loads(self.api("GET", f"/v1/functions/{name}/instances")[1])["instances"]
        return [one for one in found if (not states or one["state"] in states) and version in (0, one["version"])]

    def await_instances(self, name, count, *states, pause=0.005):
        """Waits for `count` instances in one of the states."""
        deadline = time.monotonic() + 120
        while len(self.instances(name, *states)) < count:
            if time.monotonic() > deadline:
                raise SystemExit(f"{name} has no {count} instances {states}: {self.instances(name)}\n{self.log()}")
            time.sleep(pause)

    def metric(self, name):
        """The sum of a metric over its labels."""
        text = self.api("GET", "/metrics")[1].decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.split("{")[0].split(" ")[0] == name)

    def log(self):
        """The end of what it said."""
        return (self.directory / "log").read_text(errors="replace")[-3000:]

    def memory(self, key="VmRSS"):
        """Resident bytes: now (VmRSS) or at most so far (VmHWM)."""
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith(key):
                return int(line.split()[1]) * 1024
        raise SystemExit("the daemon is gone")

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))


class Caller:
    """One client of the gateway, on a kept connection."""

    def __init__(self, daemon, name):
        self.connection = Connection(daemon.gateway)
        self.path = f"/function/{name}"

    def run(self, clock, permit=None):
        self.connection.send("GET", self.path)
        status, fields = self.connection.head()
        if fields.get("transfer-encoding") == "chunked" or int(fields.get("content-length", 1)) > 0:
            self.connection.first_byte()
        first = clock()
        body = self.connection.body(status, fields)
        if status != 200:
            raise RuntimeError(f"{status} {body[:300]!r}")
        return first, clock()
