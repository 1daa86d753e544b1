# SPDX-License-Identifier: Apache-2.0
"""The image of functions/zoo, and what its tests share: a daemon that is watched while functions do it harm."""
import functools
import http.client
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from conftest import ROOT, Daemon, close_all, wait_until
from warm import Function, build

ZOO = "shallop-test-zoo:latest"
CUT = "cut"  # the head came, the body was not whole
USERS = {"root": None, "nobody": "65534"}
ENGINE_CONNECTIONS = 16  # are kept at most
RSS_GROWTH = 20 << 20  # of the daemon, whatever functions do


@functools.cache
def build_zoo():
    compiler = shutil.which("musl-gcc") or "cc"  # a static program of the C library that is there does as well
    sources = sorted((ROOT / "tests/e2e/functions/zoo").glob("*.c"))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([compiler, "-O2", "-pthread", "-static", "-o", f"{folder}/zoo", *sources], check=True)
        build(ZOO, 'FROM scratch\nCOPY zoo /zoo\nENTRYPOINT ["/zoo"]\nCMD []\n', folder)


def outcome(function, path, method="GET", body=None, timeout=30):
    """Status (or CUT), body and seconds of a call."""
    connection = http.client.HTTPConnection("127.0.0.1", function.daemon.port, timeout=timeout)
    begun = time.monotonic()
    try:
        connection.request(method, function.path + path, body=body)
        reply = connection.getresponse()
        status, text = reply.status, read_some(reply)
    except (http.client.HTTPException, ConnectionError):
        status, text = CUT, b""
    finally:
        connection.close()
    return status, text.decode(errors="replace"), time.monotonic() - begun


def read_some(reply):
    """The body; of an endless one a part is kept."""
    kept = b""
    while piece := reply.read(1 << 20):
        kept = (kept + piece)[:1 << 20]
    if reply.length:
        raise http.client.IncompleteRead(kept)
    return kept


def told(text):
    """A report of the zoo: what was tried, and what came of it."""
    return dict(line.rsplit(": ", 1) for line in text.splitlines() if ": " in line)


def zoo_function(daemon, name, contract="http", command=None, **resource):
    """Registers one; of contract http a server, else a CGI program."""
    resource = {"image": ZOO, "contract": contract, "limits": {"timeout": "1s"}} | resource
    if contract == "http":
        resource["command"] = command or ["serve"]
    function = Function(daemon, name)
    function.put(**resource)
    return function


class Watched:
    """A daemon with a neighbour that is called all the time: counts what it does not answer, and the daemon's memory and descriptors."""

    def __init__(self, *flags):
        self.daemon = Daemon(*flags).start()
        self.neighbour = zoo_function(self.daemon, "neighbour", scale={"min": 1, "concurrency": 4}, limits={"timeout": "20s"})
        for _ in range(100):
            self.neighbour.call()
        self.failed, self.answered, self.largest = [], 0, 0
        self.memory, self.descriptors = self.rss(), self.daemon.open_descriptors()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.call), threading.Thread(target=self.look)]
        for thread in self.threads:
            thread.start()

    def rss(self):
        return int(Path(f"/proc/{self.daemon.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def call(self):
        while not self.stopping.wait(0.02):
            status, text, _ = outcome(self.neighbour, "/")
            self.answered += 1
            if status != 200:
                self.failed.append((status, text))

    def look(self):
        while not self.stopping.wait(0.05):
            try:
                self.largest = max(self.largest, self.rss())
            except (OSError, IndexError):
                return

    def verdict(self):
        """What the neighbour and the daemon have to complain about; each verdict is about the time since the one before."""
        failed, answered, self.failed, self.answered = self.failed, self.answered, [], 0
        assert not failed, f"{len(failed)} of {answered}: {failed[:3]}"
        assert self.largest - self.memory <= RSS_GROWTH, f"{(self.largest - self.memory) >> 10} KiB more"
        return answered

    def descriptors_are_back(self):
        """There are as many as before, but for the call that is under way and the engine's connections that are kept."""
        spare = Counter(socket=ENGINE_CONNECTIONS + 2)

        def more():
            return self.daemon.open_descriptors() - self.descriptors - spare

        try:
            wait_until(lambda: not more(), 30)
        except AssertionError:
            raise AssertionError(f"more descriptors than before: {more()}") from None

    def close(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        close_all([self.daemon])
