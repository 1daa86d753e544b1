# SPDX-License-Identifier: Apache-2.0
"""The n-th write to the disk fails, and the n-th call of the engine, once, for every n of changes, a cold call and events: an honest answer, and all of it
works the next time. Of the writes, some 260, each ninth one; SHALLOP_TEST_EVERY=1 takes all (three minutes)."""
import ctypes
import mmap
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT, Daemon, close_all, wait_until
from engine_proxy import EngineProxy
from queued import SHELL
from warm import SERVER, Function

LARGE = bytes(300_000)  # a queued body that becomes a file
ECHO = {"image": SHELL, "command": ["cat"]}
MANY = 1 << 40
EVERY = int(os.environ.get("SHALLOP_TEST_EVERY", "9"))


# ---- the disk

class FailingDisk:
    """Preloaded into the daemon: of its writes below the data directory the n-th from arm(n) on fails with EIO."""

    def __init__(self, folder):
        self.preloaded, control = folder / "failing_disk.so", folder / "control"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.preloaded, ROOT / "tests/e2e/functions/failing_disk.c", "-ldl"], check=True)
        control.write_bytes(bytes(8))
        with open(control, "r+b") as file:
            self.left = ctypes.c_long.from_buffer(mmap.mmap(file.fileno(), 8))
        self.environment = {"LD_PRELOAD": str(self.preloaded), "FAILING_DISK_CONTROL": str(control)}

    def arm(self, number):
        self.left.value = number

    def disarm(self):
        """How many writes there were since arm(MANY)."""
        seen, self.left.value = MANY - self.left.value, 0
        return seen


class Kept:
    """What a daemon has acknowledged, and has to have for ever after."""

    def __init__(self, daemon):
        self.daemon, self.events, self.versions, self.secrets, self.tokens = daemon, [], {}, {}, set()

    def round(self, number):
        """Each kind of change once; the statuses by step."""
        api, found = self.daemon.api, {}
        deployed = api("PUT", "/v1/functions/echo", ECHO | {"env": {"ROUND": str(number)}})
        found["deploy"] = deployed.status
        if deployed.status in (200, 201):
            self.versions["echo"] = deployed.json["version"]
        for step, body in (("accept", b"small"), ("accept a large one", LARGE)):
            accepted = self.daemon.call("/async-function/echo", "POST", body, timeout=60)
            found[step] = accepted.status
            if accepted.status == 202:
                self.events.append(accepted.json["id"])
        found["call"] = self.daemon.call("/function/echo", "POST", b"now", timeout=60).status
        secret = api("PUT", "/v1/secrets/key", {"value": f"value {number}"})
        found["secret"] = secret.status
        if secret.status in (200, 201):
            self.secrets["key"] = secret.json["version"]
        token = api("POST", "/v1/tokens", {"name": f"t{number}", "scope": "invoke"})
        found["token"] = token.status
        if token.status == 201:
            self.tokens.add(f"t{number}")
        api("PUT", "/v1/functions/gone", ECHO)
        found["remove"] = api("DELETE", "/v1/functions/gone").status
        return found

    def check(self):
        api = self.daemon.api
        for id in self.events:
            ended = api("GET", f"/v1/invocations/{id}?wait=60s", timeout=90).json
            assert ended["status"] == "succeeded", ended
        self.events.clear()
        for name, version in self.versions.items():
            assert api("GET", f"/v1/functions/{name}").json["version"] >= version
        for name, version in self.secrets.items():
            assert api("GET", f"/v1/secrets/{name}").json["version"] >= version
        assert self.tokens <= {one["name"] for one in api("GET", "/v1/tokens").json["tokens"]}
        for name in self.tokens:
            assert api("DELETE", f"/v1/tokens/{name}").status == 204
        self.tokens.clear()


def sound(found):
    """Done, or refused with a reason: what failed is the disk (507), or the function that was not deployed."""
    return all(status in (200, 201, 202, 204, 507) or (status, step) in {(404, "accept"), (404, "accept a large one"), (404, "call"), (404, "remove")}
               for step, status in found.items())


def test_P17_each_write_to_the_disk_fails_once(tmp_path, request):
    disk = FailingDisk(tmp_path)
    daemon = Daemon(environment=disk.environment)
    daemon.environment["FAILING_DISK"] = str(daemon.data_dir)
    request.addfinalizer(lambda: close_all([daemon]))
    daemon.start()
    kept = Kept(daemon)
    kept.round(0)
    disk.arm(MANY)
    assert set(kept.round(1).values()) <= {200, 201, 202, 204}
    kept.check()
    writes = disk.disarm()
    assert writes > 20, "nothing was counted: it is not preloaded"
    failed = 0
    for turn, number in enumerate(range(1, writes + 1, EVERY)):
        disk.arm(number)
        found = kept.round(number + 1)
        disk.disarm()
        assert sound(found), f"write {number} of {writes}: {found}"
        failed += 507 in found.values()
        assert daemon.running and set(kept.round(MANY + number).values()) <= {200, 201, 202, 204}, f"after write {number}"
        kept.check()
        if turn % 10 == 9:
            daemon.kill()
            daemon.start()
            kept.check()
    assert failed >= writes / EVERY / 10, f"{failed} times something was refused: this shows little"
    daemon.stop()
    with sqlite3.connect(daemon.data_dir / "shallop.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not list(Path(daemon.data_dir, "bodies").glob("*.new"))


# ---- the engine

class Nth:
    """Says of the n-th that it is asked about, and of no other, that it fails."""

    def __init__(self, number):
        self.left = number

    def __call__(self):
        self.left -= 1
        return self.left == 0


@pytest.fixture(scope="module")
def place(server_image):
    proxy = EngineProxy()
    daemon = Daemon(docker_host=proxy.url)
    try:
        yield daemon.start(), proxy
    finally:
        close_all([daemon])
        proxy.close()


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("act", ["error_500", "drop", "lose", "truncate", "garbage"])
def test_P3_each_call_of_the_engine_fails_once(place, request, act, number):
    daemon, proxy = place
    request.node.daemons = [daemon]
    function = Function(daemon, "nth")
    faulted = proxy.faulted
    proxy.break_with(act, r"/(images|containers)/(?!json)", chance=Nth(number))  # what a deploy and a cold call ask for: an image, a container, its start
    deployed = daemon.api("PUT", "/v1/functions/nth", {"image": SERVER, "contract": "http", "limits": {"timeout": "20s"}}, timeout=60)
    called = function.call() if deployed.status in (200, 201) else None
    proxy.mend()
    assert proxy.faulted == faulted + 1 or called is None
    for answer in (deployed, called):
        assert answer is None or answer.status in (200, 201) or answer.json["fault"] in ("engine_down", "engine_refused"), answer
    function.put(image=SERVER, contract="http")
    wait_until(lambda: function.call().status == 200, 20, what="it works the next time")
    wait_until(lambda: len(daemon.containers()) == len(function.instances()), 20, what="no container is left but those of instances")
    function.remove()
    function.gone(20)
