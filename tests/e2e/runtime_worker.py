# SPDX-License-Identifier: Apache-2.0
"""A container of a runtime's image, started as the daemon starts one, without the daemon: code in /code, HTTP or FastCGI on a unix socket."""
import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path

from conftest import Answer, docker, wait_until
from fastcgi import FastCgiConnection

LOCKED_DOWN = ["--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--init"]
SPECIALIZE = "/.shallop/specialize"


_removals = []


def wait_for_removals():
    while _removals:
        _removals.pop().wait()
    left = docker("ps", "-aq", "--filter", "label=shallop.runtime-test").split()
    assert not left, f"containers left behind: {left}"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def write_tree(folder, files, mode=0o755):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)


def run_once(runtime, files, entry, body=b"", variables=None, mode=0o755):
    """A container of a runtime with the contract cgi, for one event: (exit status, output, errors)."""
    # /tmp and not pytest's own folder: the user of the image must be able to enter it.
    folder = Path(tempfile.mkdtemp(prefix="shallop-code-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        write_tree(folder, files, mode)
        given = {"SHALLOP_CODE": "/code", "SHALLOP_ENTRY": entry} | (variables or {})
        words = [word for name, value in given.items() for word in ("-e", f"{name}={value}")]
        done = subprocess.run(["docker", "run", "--rm", "-i", *LOCKED_DOWN, "-v", f"{folder}:/code:ro", *words, f"shallop-runtime-{runtime}:latest"],
                              input=body, capture_output=True, timeout=60)
        return done.returncode, done.stdout, done.stderr.decode()
    finally:
        shutil.rmtree(folder)


class Worker:
    """One container of a runtime with the contract http or fcgi. `specialize` gives it its code; `call` is a request on a kept connection."""

    def __init__(self, runtime):
        self.home = Path(tempfile.mkdtemp(prefix="shallop-worker-", dir="/tmp"))
        self.code, self.place = self.home / "code", self.home / "run"
        self.code.mkdir()
        self.place.mkdir()
        for folder, mode in ((self.home, 0o755), (self.code, 0o755), (self.place, 0o777)):
            folder.chmod(mode)
        self.name, self.socket, self.kept = f"shallop-runtime-test-{uuid.uuid4().hex[:12]}", self.place / "s", None
        labels = json.loads(docker("inspect", "-f", "{{json .Config.Labels}}", f"shallop-runtime-{runtime}:latest"))
        self.script = labels["shallop.runtime.script"] if labels["shallop.contract"] == "fcgi" else None
        try:
            docker("run", "-d", "--name", self.name, "--label", "shallop.runtime-test", *LOCKED_DOWN, "-v", f"{self.code}:/code:ro", "-v", f"{self.place}:/run/worker",
                   "-e", "SHALLOP_SOCKET=/run/worker/s", f"shallop-runtime-{runtime}:latest")
            wait_until(self.listens, 30, 0.01, "the runtime listens")
        except BaseException:
            self.close()
            raise

    def listens(self):
        try:
            self.connect().close()
            return True
        except OSError:
            assert docker("inspect", "-f", "{{.State.Running}}", self.name) == "true", f"the runtime has ended\n{self.log()}"
            return False

    def connect(self):
        connection = FastCgiConnection(self.socket, self.script) if self.script else UnixConnection(self.socket)
        connection.connect()
        return connection

    def close(self):
        """Begins to remove the container; wait_for_removals() ends it."""
        _removals.append(subprocess.Popen(["docker", "rm", "-f", self.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        # What the runtime made is its user's.
        shutil.rmtree(self.home, ignore_errors=True)

    def log(self):
        done = subprocess.run(["docker", "logs", self.name], capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    def logs(self, words):
        """Whether the log has these words, or gets them soon: the engine takes its time."""
        wait_until(lambda: words in self.log(), 10, 0.1, f"{words!r} is in the log")
        return True

    def send(self, connection, method, path, body=None, headers=None):
        connection.request(method, path, body, headers or {})
        reply = connection.getresponse()
        return Answer(reply.status, reply.headers, reply.read())

    def call(self, path="/", method=None, body=None, headers=None):
        if self.kept is None:
            self.kept = self.connect()
        return self.send(self.kept, method or ("GET" if body is None else "POST"), path, body, headers)

    def specialize(self, files=None, **said):
        write_tree(self.code, files or {})
        told = {"protocol": 1, "function": "f", "version": 1, "code": "/code", "entry": "", "handler": "", "env": {}, "concurrency": 1,
                "timeout_ms": 30000} | said
        return self.call(SPECIALIZE, body=json.dumps(told), headers={"Content-Type": "application/json"})

    def post_json(self, value, path="/"):
        return self.call(path, body=json.dumps(value), headers={"Content-Type": "application/json"})
