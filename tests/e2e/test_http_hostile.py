# SPDX-License-Identifier: Apache-2.0
"""Hostile and odd bytes on the gateway's socket, from public conformance and request-smuggling suites and our own list.

No head or body that breaks a rule is answered with success, none poisons the answer to the next request, and no endless or slow thing costs much.
"""
import re
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import wait_until
from raw import Raw, statuses

IMAGE = "debian:bookworm-slim"
ECHO = "/function/hostile-echo"


@pytest.fixture(scope="module")
def gateway(shared_daemon):
    shared_daemon.put("hostile-echo", image=IMAGE, command=["cat"], scale={"max": 4})
    return shared_daemon


HOST = b"Host: localhost\r\n"
GET = b"GET /healthz HTTP/1.1\r\n"
POST = b"POST " + ECHO.encode() + b" HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
# Sent after each refused request: nobody may take it for a request of its own.
NEXT = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

REFUSED_HEADS = {
    # request line
    "http 0.9": b"GET /healthz\r\n",
    "no version": b"GET / \r\n\r\n",
    "two spaces": b"GET  /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "tab": b"GET\t/healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "space in target": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "trailing space": b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n",
    "no target": b"GET HTTP/1.1\r\n" + HOST + b"\r\n",
    "small letters in version": b"GET / http/1.1\r\n" + HOST + b"\r\n",
    "version without minor": b"GET / HTTP/1\r\n" + HOST + b"\r\n",
    "version with zeros": b"GET / HTTP/01.01\r\n" + HOST + b"\r\n",
    "version 9.9": b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
    "version 2.0": b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
    "http 2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "other protocol": b"GET / ICE/1.0\r\n" + HOST + b"\r\n",
    "prefix": b"Extra lineGET / HTTP/1.1\r\n" + HOST + b"\r\n",
    "connect": b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "trace": b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n",
    "long method": b"M" * 300 + b" / HTTP/1.1\r\n" + HOST + b"\r\n",
    "long target": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "fragment": b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n",
    "high byte in target": b"GET /\xc3\xa4 HTTP/1.1\r\n" + HOST + b"\r\n",
    "nul in target": b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n",
    "star of get": b"GET * HTTP/1.1\r\n" + HOST + b"\r\n",
    "ftp": b"GET ftp://localhost/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "other host in target": b"GET http://other/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "user in target": b"GET http://u@localhost/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "garbage": bytes(range(256)),
    "space line": b" \r\n\r\n",
    "empty lines": b"\r\n\r\n\r\n" + GET + HOST + b"\r\n",
    # line ends
    "only LF": b"GET /healthz HTTP/1.1\nHost: localhost\n\n",
    "LF after request line": b"GET /healthz HTTP/1.1\nHost: localhost\r\n\r\n",
    "LF after field": GET + b"Host: localhost\nX: y\r\n\r\n",
    "LF at end": GET + HOST + b"\n",
    "CR for line end": b"GET /healthz HTTP/1.1\rHost: localhost\r\n\r\n",
    "CR in value": GET + HOST + b"X: a\rb\r\n\r\n",
    "CR before field": GET + HOST + b"\rX: a\r\n\r\n",
    "CR CR LF": GET + HOST + b"X: a\r\r\n\r\n",
    # fields
    "folded": GET + HOST + b"X: a\r\n b\r\n\r\n",
    "folded with tab": GET + HOST + b"X: a\r\n\tb\r\n\r\n",
    "space before first field": GET + b" " + HOST + b"\r\n",
    "space before colon": GET + HOST + b"X : a\r\n\r\n",
    "tab in name": GET + HOST + b"X\tY: a\r\n\r\n",
    "no colon": GET + HOST + b"X\r\n\r\n",
    "no name": GET + HOST + b": a\r\n\r\n",
    "brackets in name": GET + HOST + b"X[]: a\r\n\r\n",
    "high byte in name": GET + HOST + b"X\xc3: a\r\n\r\n",
    "nul in value": GET + HOST + b"X: a\0b\r\n\r\n",
    "bell in value": GET + HOST + b"X: a\x07b\r\n\r\n",
    "DEL in value": GET + HOST + b"X: a\x7f\r\n\r\n",
    "many fields": GET + HOST + b"X: a\r\n" * 200 + b"\r\n",
    "long field": GET + HOST + b"X: " + b"a" * 20000 + b"\r\n\r\n",
    "long name": GET + HOST + b"X" * 20000 + b": a\r\n\r\n",
    # Host
    "no host": GET + b"\r\n",
    "two hosts": GET + HOST + b"Host: other\r\n\r\n",
    "the same host twice": GET + HOST + HOST + b"\r\n",
    "empty host": GET + b"Host: \r\n\r\n",
    "hosts in a list": GET + b"Host: localhost, other\r\n\r\n",
    "user in host": GET + b"Host: u@localhost\r\n\r\n",
    "path in host": GET + b"Host: localhost/a\r\n\r\n",
    "bad port": GET + b"Host: localhost:80a\r\n\r\n",
    # lengths
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 10\r\n\r\nhelloworld",
    "the same length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    **{f"length {value}": POST + b"Content-Length: " + value.encode() + b"\r\n\r\nhello" for value in
       ("", "+5", "-5", "-0", "0x5", "0o5", "5,5", "5, 5, 5", "5 5", "1_0", "abc", "005", "00", "5.0", "99999999999999999999",
        "18446744073709551616", "1000\x11")},
    "length with underscore": POST + b"Content_Length: 5\r\n\r\nhello",
    # transfer codings
    **{f"coding {value!r}": POST + b"Transfer-Encoding: " + value.encode("latin-1") + b"\r\n\r\n0\r\n\r\n" for value in
       ("", "xchunked", '"chunked"', "chunked, identity", "identity, chunked", "chunked,chunked", ", chunked", "chunked;a=b", "gzip", "identity",
        "\x0bchunked", "\x0cchunked", "chunked\0", "chunked\x11", "chunked, gzip")},
    "coding and length": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "length and coding": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "identity and length": POST + b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
    "two codings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "coding in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding with space before colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "coding folded": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "coding with underscore": POST + b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
    "coding hidden behind LF": POST + b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown expectation": GET + HOST + b"Expect: 200-ok\r\n\r\n",
    # paths that the router refuses
    "encoded nul": b"GET /a%00 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    "encoded slash": b"GET /function%2Fhostile-echo HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    "encoded dots": b"GET /x/%2e%2e/healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    "broken percent": b"GET /%zz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
}

REFUSED_BODIES = {
    name: CHUNKED + body for name, body in {
        "leading space": b" 5\r\nhello\r\n0\r\n\r\n", "trailing space": b"5 \r\nhello\r\n0\r\n\r\n", "plus": b"+5\r\nhello\r\n0\r\n\r\n", "minus": b"-1\r\nhello\r\n0\r\n\r\n",
        "0x": b"0x5\r\nhello\r\n0\r\n\r\n", "underscore": b"1_0\r\nhello world!!!!!\r\n0\r\n\r\n", "overflow": b"FFFFFFFFFFFFFFFF0\r\nhello\r\n0\r\n\r\n",
        "no end of chunk": b"5\r\nhello0\r\n\r\n", "spill": b"5\r\nhello!!\r\n0\r\n\r\n", "LF ends chunk": b"5\r\nhello\n0\r\n\r\n", "LF ends size": b"5\nhello\r\n0\r\n\r\n",
        "CR ends size": b"5\rhello\r\n0\r\n\r\n", "bare semicolon": b"5;\r\nhello\r\n0\r\n\r\n", "LF in extension": b"5;\nhello\r\n0\r\n\r\n",
        "CR in extension": b"5;a\rX\r\nhello\r\n0\r\n\r\n", "nul in extension": b"5;\0ext\r\nhello\r\n0\r\n\r\n", "bad extension": b"5;bad[=x\r\nhello\r\n0\r\n\r\n",
        "open quote": b'5;a="b\r\nhello\r\n0\r\n\r\n', "LF in trailer": b"5\r\nhello\r\n0\r\n\n", "long extension": b"5;e=" + b"a" * 65536 + b"\r\nhello\r\n0\r\n\r\n",
        "bad trailer": b"0\r\nX : a\r\n\r\n", "long trailer": b"0\r\nX: " + b"a" * 65536 + b"\r\n\r\n",
    }.items()
}

ACCEPTED = {
    "health": (GET + HOST + b"\r\n", b"ok\n"),
    "absolute": (b"GET http://LOCALHOST:80/healthz HTTP/1.1\r\n" + HOST + b"\r\n", b"ok\n"),
    "one empty line before": (b"\r\n" + GET + HOST + b"\r\n", b"ok\n"),
    "tabs and empty values": (GET + b"hoSt:\tlocalhost \r\nempty:\r\n\r\n", b"ok\n"),
    "high byte in value": (GET + HOST + b"X: \xc3\xa4\r\n\r\n", b"ok\n"),
    "HTTP/1.2": (b"GET /healthz HTTP/1.2\r\n" + HOST + b"\r\n", b"ok\n"),
    "a body of GET": (GET + HOST + b"Content-Length: 5\r\n\r\nhello", b"ok\n"),
    "length": (POST + b"Content-Length:\t5 \r\n\r\nhello", b"hello"),
    "chunks": (CHUNKED + b"5\r\nhello\r\nA;x=\"y;\\\"\"\r\n, world...\r\n000\r\nX-Sum: 1\r\n\r\n", b"hello, world..."),
    "expectation": (POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", b"hello"),
}


@pytest.mark.parametrize("name", REFUSED_HEADS)
def test_P7_a_bad_head_is_refused_once_and_ends_the_connection(gateway, name):
    with Raw(gateway.port) as raw:
        raw.send(REFUSED_HEADS[name] + NEXT)
        answers = raw.until_close()
    assert len(statuses(answers)) == 1, answers
    assert statuses(answers)[0] in (400, 414, 417, 431, 501, 505), answers
    assert b"application/problem+json" in answers and b"onnection: close" in answers and b'"detail"' in answers


def test_a_bad_chunk_is_refused_once_and_ends_the_connection(gateway):
    def send(name):
        with Raw(gateway.port) as raw:
            raw.send(REFUSED_BODIES[name] + NEXT)
            return name, statuses(raw.until_close())

    with ThreadPoolExecutor(4) as pool:
        outcomes = dict(pool.map(send, REFUSED_BODIES))
    assert {name: found for name, found in outcomes.items() if found not in ([400], [431])} == {}


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_odd_but_good_request_is_answered_and_so_is_the_next(gateway, name):
    request, body = ACCEPTED[name]
    with Raw(gateway.port) as raw:
        raw.send(request)
        assert raw.answer() == (200, body)
        raw.send(NEXT)
        assert raw.answer() == (200, b"ok\n")


def test_a_head_in_pieces_is_waited_for(gateway):
    with Raw(gateway.port) as raw:
        for byte in NEXT[:-1]:
            raw.send(bytes([byte]))
        raw.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            raw.socket.recv(1)
        raw.socket.settimeout(20)
        raw.send(NEXT[-1:])
        assert raw.answer() == (200, b"ok\n")


def test_P7_a_smuggled_request_is_never_answered(gateway):
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with Raw(gateway.port) as raw:
        raw.send(POST + b"Content-Length: %d\r\n\r\n" % len(smuggled) + smuggled + NEXT)
        assert raw.answer() == (200, smuggled)
        assert raw.answer() == (200, b"ok\n")


def test_P8_endless_things_are_cut(gateway):
    def feed(begin, piece):
        sent = 0
        with Raw(gateway.port) as raw:
            try:
                raw.send(begin)
                while sent < 64 << 20:
                    raw.send(piece)
                    sent += len(piece)
                    time.sleep(0.0005)
            except OSError:
                pass
        return sent

    block = b"x" * 4096
    for begin, piece in ((b"GET /", block), (GET + HOST + b"X: ", block), (GET + HOST, b"X: y\r\n" * 512), (b"X" * 100, block), (b"\r\n", b"\r\n" * 2048)):
        assert feed(begin, piece) < 1 << 20, begin
    # A body is read when its function runs: until then the kernel's buffers take some of it.
    for begin, piece in ((CHUNKED + b"1;", block), (CHUNKED + b"0\r\nX: ", block)):
        assert feed(begin, piece) < 16 << 20, begin


@pytest.mark.parametrize("trailers", [b"X: " + b"a" * 17_000 + b"\r\n", b"X: y\r\n" * 101], ids=["long", "many"])
def test_trailers_beyond_the_limits_of_a_head_are_refused_as_one(gateway, trailers):
    with Raw(gateway.port) as raw:
        status, body = raw.send(CHUNKED + b"0\r\n" + trailers + b"\r\n").answer()
        assert status == 431 and b"railer" in body, body


def rss(daemon):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{daemon.process.pid}/status").read_text())[1]) * 1024


def test_P8_slow_and_idle_connections_cost_little_and_starve_nobody(daemon):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 10000), hard))
    count = min(2000, min(hard, 10000) // 4)
    try:
        daemon.call("/healthz")
        before = rss(daemon)
        slow = [Raw(daemon.port).send(GET + HOST + b"X: " + b"y" * 100) for _ in range(count)]
        began = time.monotonic()
        assert daemon.call("/healthz").status == 200
        assert (rss(daemon) - before) / count < 24 << 10
        assert all(b" 408 " in one.until_close() for one in slow[:20])
        assert time.monotonic() - began < 15
        for one in slow:
            one.until_close()

        idle = [Raw(daemon.port) for _ in range(count)]
        for one in idle:
            one.send(NEXT)
        assert all(one.answer() == (200, b"ok\n") for one in idle)
        assert (rss(daemon) - before) / count < 12 << 10  # 8 KiB each, and what the allocator kept of the slow ones
        for one in idle:
            one.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_until(lambda: daemon.call("/healthz").status == 200, what="the gateway answers afterwards")


def test_refusals_are_counted_by_reason(gateway):
    with Raw(gateway.port) as raw:
        raw.send(REFUSED_HEADS["two hosts"]).until_close()
    with Raw(gateway.port) as raw:
        raw.send(REFUSED_HEADS["long target"]).until_close()
    metrics = gateway.api("GET", "/metrics").text
    for reason in ("malformed", "head_too_large"):
        assert re.search(rf'rejected\w*{{[^}}]*reason="{reason}"[^}}]*}} [1-9]', metrics), metrics
