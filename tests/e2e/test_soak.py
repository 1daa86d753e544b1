# SPDX-License-Identifier: Apache-2.0
"""A short soak of a known seed: `make soak` is the long one."""
import os
import re
import socket
import subprocess

import pytest
from conftest import BINARY, ROOT
from engine_proxy import EngineProxy

SECONDS, KILLS, RATE, SEED = 7, 2, 1000, 1403  # a seed whose first faults leave nothing for the sweep to find: rests are short


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
def client():
    """`client(act)` is a connection to the engine through a proxy that does this to each answer."""
    proxy, connection = EngineProxy(), socket.socket(socket.AF_UNIX)

    def connect(act):
        proxy.break_with(act)
        connection.settimeout(20)
        connection.connect(proxy.path)
        return connection

    yield connect
    connection.close()
    proxy.close()


def test_the_engines_proxy_answers_a_request_that_comes_while_it_still_ends_the_answer_before(client):
    slow = client("slow")
    for _ in range(5):
        slow.sendall(b"GET /_ping HTTP/1.1\r\nHost: engine\r\n\r\n")
        got = b""
        while not got.endswith(b"\r\n\r\nOK"):
            assert (piece := slow.recv(4096))
            got += piece


def test_the_engines_proxy_cuts_an_answer_that_has_no_body(client):
    cut, got = client("truncate"), b""
    cut.sendall(b"HEAD /_ping HTTP/1.1\r\nHost: engine\r\n\r\n")
    while piece := cut.recv(4096):
        got += piece
    assert got.startswith(b"HTTP/1.1 200") and b"\r\n\r\n" not in got
