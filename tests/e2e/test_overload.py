# SPDX-License-Identifier: Apache-2.0
"""The ladder of a daemon that comes near the limit of its control group: docs/operations.md."""
import http.client
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from conftest import wait_until
from warm import SERVER, Function, metric

LIMIT = 400 << 20
CLOSE, REFUSE, STOP = 1, 2, 3

# Holds as many MiB as each line says.
HOG = """
import sys
held = []
for line in sys.stdin:
    held = held[:int(line)]
    while len(held) < int(line):
        held.append(bytearray(b"x") * (1 << 20))
    print(line, end="", flush=True)
"""


class ControlGroup:
    """A group of processes with LIMIT of memory, of either version of cgroups."""

    def __init__(self):
        self.first_version = Path("/sys/fs/cgroup/memory").exists()
        top = Path("/sys/fs/cgroup/memory" if self.first_version else "/sys/fs/cgroup")
        if not self.first_version:
            (top / "cgroup.subtree_control").write_text("+memory")
        self.folder = top / f"shallop-test-{uuid.uuid4().hex[:8]}"
        self.folder.mkdir()
        (self.folder / ("memory.limit_in_bytes" if self.first_version else "memory.max")).write_text(str(LIMIT))
        self.hog = subprocess.Popen([*self.wrapper, sys.executable, "-c", HOG], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.held = 0

    @property
    def wrapper(self):
        return ["sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', "sh"]

    def used(self):
        """What the group has, but for what the kernel keeps of files."""
        usage, kept = ("memory.usage_in_bytes", "total_") if self.first_version else ("memory.current", "")
        stat = dict(line.split() for line in (self.folder / "memory.stat").read_text().splitlines())
        return int((self.folder / usage).read_text()) - int(stat[f"{kept}inactive_file"]) - int(stat[f"{kept}active_file"])

    def hold(self, mebibytes):
        self.held = mebibytes
        self.hog.stdin.write(f"{mebibytes}\n")
        self.hog.stdin.flush()
        assert self.hog.stdout.readline().strip() == str(mebibytes), "what holds the memory was killed"

    def close(self):
        self.hog.stdin.close()
        self.hog.wait(10)
        wait_until(lambda: not (self.folder / "cgroup.procs").read_text(), 20, what="nobody is left in the group")
        self.folder.rmdir()


@pytest.fixture
def group(request):
    group = ControlGroup()
    request.addfinalizer(group.close)
    return group


@pytest.fixture
def daemon(group, start_daemon):
    return start_daemon(wrapper=group.wrapper)


def rung(daemon):
    return metric(daemon, "shallop_overload_rung")


def climb(group, daemon, wanted, left):
    """Has so much of the limit left, and waits until the daemon is on that rung."""
    for _ in range(3):  # what the kernel counts follows a little behind
        group.hold(group.held + int((LIMIT * (1 - left) - group.used()) / (1 << 20)))
    wait_until(lambda: rung(daemon) == wanted, 20, what=f"rung {wanted} is reached")


def test_T15_near_its_limit_it_gives_up_keep_alive_then_requests_then_connections(group, daemon, server_image):
    function = Function(daemon, "warm")
    function.put(image=SERVER, contract="http", scale={"concurrency": 4})
    assert function.call().status == 200
    kept = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)

    def ask(connection):
        connection.request("GET", "/function/warm/x")
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers

    assert ask(kept)[0] == 200 and kept.sock is not None, "it is kept alive"
    climb(group, daemon, CLOSE, 0.075)
    status, _, headers = ask(kept)
    assert status == 200 and headers["Connection"] == "close" and kept.sock is None
    climb(group, daemon, REFUSE, 0.037)
    status, text, headers = ask(kept)
    assert status == 503 and int(headers["Retry-After"]) > 0 and b"short of memory" in text
    climb(group, daemon, STOP, 0.015)
    waits = socket.create_connection(("127.0.0.1", daemon.port), timeout=30)
    waits.sendall(b"GET /function/warm/x HTTP/1.1\r\nHost: a\r\n\r\n")
    waits.settimeout(1)
    with pytest.raises(TimeoutError):
        waits.recv(1)
    assert daemon.api("GET", "/livez", token=False).status == 200, "the operator is answered on every rung"
    group.hold(0)
    waits.settimeout(30)
    assert waits.recv(64).startswith(b"HTTP/1.1 200 "), "who waited is answered"
    waits.close()
    wait_until(lambda: rung(daemon) == 0, 20)
    assert ask(kept)[0] == 200 and kept.sock is not None
    assert 'so="requests are refused"' in daemon.log() and "there is memory again" in daemon.log()
