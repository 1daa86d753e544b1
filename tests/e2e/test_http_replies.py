# SPDX-License-Identifier: Apache-2.0
"""Replies of a function that could be taken in two ways: those that llhttp must refuse, and framing that is at odds with what comes.

Behind each of them lies a whole reply that nobody has asked for, and no client ever gets it: not who has asked, nor who asks next. What else
functions do with replies is in test_zoo.py.
"""
from concurrent.futures import ThreadPoolExecutor

import pytest
from raw import Raw
from warm import SERVER

LEAK = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nleaked"
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CUT = "cut"  # 502, or a body that has no end, by what had come when the fault did
CLIENTS = 4


def told(fields, body=b""):
    return OK + fields + b"\r\n" + body


LLHTTP = {name: line + b"Content-Length: 0\r\n\r\n" for name, line in {
    "HTP": b"HTP/1.1 200 OK\r\n",
    "HTTPER": b"HTTPER/1.1 200 OK\r\n",
    "major version 01": b"HTTP/01.1 200 OK\r\n",
    "major version 11": b"HTTP/11.1 200 OK\r\n",
    "minor version 01": b"HTTP/1.01 200 OK\r\n",
    "version 5.6": b"HTTP/5.6 200 OK\r\n",
    "tab after the version": b"HTTP/1.1\t200 OK\r\n",
    "CR before the version": b"\rHTTP/1.1\t200 OK\r\n",
    "two spaces after the version": b"HTTP/1.1  200 OK\r\n",
    "status of one digit": b"HTTP/1.1 2 OK\r\n",
    "CR after the status line": b"HTTP/1.1 200 OK\r",
    "two CRs after the status line": b"HTTP/1.1 200 OK\r\r",
    "fields separated by CR": OK + b"Foo: 1\rBar: 2\r\n",
    "space before the first field": OK + b" Host: foo\r\n",
    "spaces in a name": OK + b"en-US Content-Type: text/xml\r\n",
    "LF after the status line": b"HTTP/1.1 200 OK\nContent-Type: text/html\r\n",
}.items()} | {
    "only LF, no body": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "only LF": b"HTTP/1.1 200 OK\nFoo: abc\nBar: def\n\nBODY\n",
}
LLHTTP_CHUNKS = {
    "spaces after a size": b"25  \r\nThis is the data in the first chunk\r\n\r\n0  \r\n\r\n",
    "no semicolon before an extension": b"2 odd\r\naa\r\n0 odd\r\n\r\n",
    "no extension after a semicolon": b"2;\r\naa\r\n0\r\n\r\n",
    "quote that does not end": b'5;a="abc";b="def; ghi\r\nhello\r\n0\r\n\r\n',
}
# More of these forms are in tests/unit/http/reply_parser_test.cpp: two of them use up an instance.
FRAMING = {
    "coding in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "length with a plus": told(b"Content-Length: +0\r\n"),
    "length of 2^63": told(b"Content-Length: 9223372036854775808\r\n"),
    "length with an underscore": told(b"Content_Length: 0\r\nContent-Length: 0\r\n"),
    "length with a space before the colon": told(b"Content-Length : 0\r\n"),
    **{f"coding {value!r}": told(b"Transfer-Encoding: " + value + b"\r\n", b"0\r\n\r\n") for value in (b"", b"identity", b", chunked")},
    "interim reply with a length": b"HTTP/1.1 103 Early\r\nContent-Length: 1\r\n\r\nx",
}
CHUNK_FRAMING = {repr(body): body for body in (b"0x1\r\na\r\n0\r\n\r\n", b"1\na\r\n0\r\n\r\n", b"1\r\nab\r\n0\r\n\r\n", b"0\r\nX : a\r\n\r\n", b"\r\n\r\n")}
# Good replies: method, what is sent, status, body.
GOOD = {
    "more than its length": ("POST", told(b"Content-Length: 4\r\n", b"good"), 200, b"good"),
    "more than its chunks": ("POST", CHUNKS + b"4\r\ngood\r\n0\r\n\r\n", 200, b"good"),
    "more after close": ("POST", told(b"Content-Length: 4\r\nConnection: close\r\n", b"good"), 200, b"good"),
    "more after 204 and close": ("POST", b"HTTP/1.1 204 None\r\nConnection: close\r\n\r\n", 204, b""),
    "304 with a length": ("POST", b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", 304, b""),
    "HEAD with a length": ("HEAD", told(b"Content-Length: 51\r\n"), 200, b""),
    "HEAD with chunks": ("HEAD", CHUNKS, 200, b""),
    "an interim reply before": ("POST", b"HTTP/1.1 103 Early\r\n\r\n" + told(b"Content-Length: 4\r\n", b"good"), 200, b"good"),
    "Connection names the length": ("POST", told(b"Content-Length: 4\r\nConnection: Content-Length\r\n", b"good"), 200, b"good"),
    "trailer of a length": ("POST", CHUNKS + b"4\r\ngood\r\n0\r\nContent-Length: 1\r\n\r\n", 200, b"good"),
    "a reply in a chunk": ("POST", CHUNKS + b"%x\r\n" % len(LEAK[:-6]) + LEAK[:-6] + b"\r\n0\r\n\r\n", 200, LEAK[:-6]),
}
CASES = {("llhttp", name): ("POST", sent, 502, None) for name, sent in LLHTTP.items()}
CASES |= {("framing", name): ("POST", sent, 502, None) for name, sent in FRAMING.items()}
CASES |= {("llhttp", name): ("POST", CHUNKS + sent, CUT, None) for name, sent in LLHTTP_CHUNKS.items()}
CASES |= {("framing", name): ("POST", CHUNKS + sent, CUT, None) for name, sent in CHUNK_FRAMING.items()}
CASES |= {("good", name): case for name, case in GOOD.items()}


def ask(port, case):
    """Status and body of the answer, CUT instead of a status where it is cut, and what came after it on the connection."""
    method, reply, _, _ = case
    reply += LEAK
    host = b"Host: localhost\r\n"
    with Raw(port) as raw:
        raw.send_what_goes(method.encode() + b" /function/replies/repeat HTTP/1.1\r\n" + host + b"Content-Length: %d\r\n\r\n" % len(reply) + reply
                           + b"GET /function/replies/sleep?mine HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n")
        try:
            answer = raw.reply(method)
            return answer.status, answer.body, raw.until_close()
        except (TimeoutError, OverflowError):
            return "endless", b"", b""
        except (ConnectionError, ValueError):
            return CUT, b"", raw.until_close()


@pytest.fixture(scope="module")
def results(shared_daemon, server_image):
    shared_daemon.put("replies", image=SERVER, contract="http", scale={"max": CLIENTS})
    with ThreadPoolExecutor(CLIENTS) as pool:
        yield dict(zip(CASES, pool.map(lambda case: ask(shared_daemon.port, case), CASES.values())))
    shared_daemon.api("DELETE", "/v1/functions/replies")


@pytest.mark.parametrize("name", CASES, ids="-".join)
def test_P7_a_reply_is_one_reply_or_none_and_nothing_behind_it_reaches_anyone(results, name):
    status, body, after = results[name]
    *_, expected, expected_body = CASES[name]
    assert status in ((502, CUT) if expected == CUT else (expected,)), body
    assert expected_body in (None, body)
    assert b"leaked" not in body and b"leaked" not in after
    if status != CUT:
        assert b"mine " in after and after.count(b"HTTP/1.1 ") == 1, after


def test_P7_llhttp_has_all_its_cases():
    assert len(LLHTTP | LLHTTP_CHUNKS) == 22


def test_P7_who_asks_next_gets_what_is_theirs(results, shared_daemon):
    for number in range(2 * CLIENTS):
        assert shared_daemon.call(f"/function/replies/sleep?next-{number}").text.startswith(f"next-{number} ")
