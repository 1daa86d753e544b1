# SPDX-License-Identifier: Apache-2.0
"""A short soak of a known seed, and what it relies on of the proxy in front of the engine. `make soak` is the long one."""
import os
import re
import socket
import subprocess
import threading
from contextlib import suppress

import pytest
from conftest import BINARY, ROOT
from engine_proxy import EngineProxy

SECONDS, KILLS, RATE, SEED = 7, 2, 1000, 1403  # a seed whose first faults leave nothing for the sweep to find: rests are short
START, NO_CONTENT = b"POST /containers/one/start HTTP/1.1\r\nHost: engine\r\n\r\n", b"HTTP/1.1 204 No Content\r\nServer: one\r\n\r\n"


def test_P1_P9_a_short_soak_breaks_no_promise(tmp_path):
    done = subprocess.run([ROOT / "tests/soak/run", "--seconds", str(SECONDS), "--kills", str(KILLS), "--rate", str(RATE), "--seed", str(SEED),
                           "--late", "10", "--report", tmp_path / "report.md"], capture_output=True, text=True, timeout=300,
                          env=os.environ | {"SHALLOP_BIN": str(BINARY)})
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    table = done.stdout[done.stdout.index("\nP1 "):]
    assert re.search(rf"^seed {SEED}, .*(every promise was kept|no promise was broken)", table, re.M)
    shown = {line.split()[0] for line in table.splitlines() if re.match(r"P\d+ +(kept|late) ", line)}
    assert {"P1", "P3", "P5", "P9", "P10", "P11"} <= shown
    report = (tmp_path / "report.md").read_text()
    rows = re.findall(r"^\| (P\d+) \|", report, re.M)
    assert len(rows) == 16 and {"P1", "P17"} <= set(rows) and "BROKEN" not in report


@pytest.fixture
def client(tmp_path):
    """`client(act)` is a connection, through a proxy that does this to each answer, to an engine that says 204 and keeps the connection."""
    engine, kept = socket.socket(socket.AF_UNIX), []
    engine.bind(str(tmp_path / "engine"))
    engine.listen()
    proxy, connection = EngineProxy(str(tmp_path / "engine")), socket.socket(socket.AF_UNIX)

    def answer():
        with suppress(OSError):
            while True:
                kept.append(engine.accept()[0])
                kept[-1].recv(4096)
                kept[-1].sendall(NO_CONTENT)

    def connect(act):
        threading.Thread(target=answer, daemon=True).start()
        proxy.break_with(act)
        connection.settimeout(20)
        connection.connect(proxy.path)
        return connection

    yield connect
    for one in (connection, *kept):
        one.close()
    engine.shutdown(socket.SHUT_RDWR)
    engine.close()
    proxy.close()


def test_the_engines_proxy_answers_a_request_that_comes_while_it_still_ends_the_answer_before(client):
    slow = client("slow")
    for _ in range(5):
        slow.sendall(START)
        got = b""
        while len(got) < len(NO_CONTENT):
            assert (piece := slow.recv(4096))
            got += piece


def test_the_engines_proxy_cuts_an_answer_that_has_no_body(client):
    cut, got = client("truncate"), b""
    cut.sendall(START)
    while piece := cut.recv(4096):
        got += piece
    assert got == NO_CONTENT[:-2]
