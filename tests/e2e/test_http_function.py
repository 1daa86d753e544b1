# SPDX-License-Identifier: Apache-2.0
"""Contract http: images that are servers, found and asked as docs/protocol.md says, and bytes that pass both ways."""
import http.client
import re
import socket
import threading

import pytest

from conftest import wait_until
from warm import SERVER, at_once, build, docker, timing

HTTP = {"contract": "http"}


def tagged(name, *lines):
    """The server's image with some lines more."""
    tag = f"shallop-test-{name}:latest"
    build(tag, "\n".join([f"FROM {SERVER}", *lines]) + "\n")
    return tag


# ---- where the server is

@pytest.mark.parametrize("lines, resource, port", [
    (["LABEL shallop.contract=http"], {}, "8080"),
    (["ENV PORT=9001"], {}, "9001"),
    (["ENV PORT=9001"], {"env": {"PORT": "9002"}}, "9002"),
    (["EXPOSE 3000"], {}, "3000"),
    (["EXPOSE 9229 5000"], {}, "5000"),
    ([], {"contract": {"http": {"port": 7070}}}, "7070"),
], ids=["label", "image-port", "own-port", "exposed", "usual-exposed", "explicit"])
def test_a_server_is_found_and_told_its_port(functions, lines, resource, port):
    function = functions("found", image=tagged("found", *lines), **resource)
    try:
        assert function.call("/env?PORT").text == f"{port}\n"
        decided = function.daemon.api("GET", "/v1/functions/found").json["contract"]
        assert (decided["kind"], decided["port"]) == ("http", int(port))
    finally:
        function.remove()
        function.gone()
        docker("rmi", "-f", "shallop-test-found:latest")


@pytest.mark.parametrize("socket_path, more", [
    ("/tmp/fn.sock", {}),
    ("/srv/fn.sock", {"mounts": [{"type": "tmpfs", "target": "/srv", "read_only": False}]}),
    ("/vol/fn.sock", {"mounts": [{"type": "volume", "source": "shallop-test-sockets", "target": "/vol", "read_only": False}]}),
], ids=["tmp", "tmpfs", "volume"])
def test_a_server_may_listen_on_a_unix_socket(functions, socket_path, more):
    function = functions("unix", command=[f"unix:{socket_path}"], contract={"http": {"port": f"unix:{socket_path}"}}, **more)
    try:
        assert function.call("/x?here").text.startswith("here ")
        assert function.call("/env?PORT").text == "(none)\n"
    finally:
        function.remove()
        function.gone()
        docker("volume", "rm", "-f", "shallop-test-sockets")


def test_events_come_only_when_the_ready_path_says_yes(functions):
    function = functions("slowly", contract={"http": {"ready_path": "/ready"}})
    assert function.call("/probes").text == "3\n"


def test_a_server_on_a_network_is_asked_the_same_way(functions):
    docker("network", "create", "shallop-test-http")
    try:
        function = functions("netted", **HTTP, network="shallop-test-http")
        first = function.call("/where")
        assert first.status == 200 and function.call("/where").body == first.body
        function.remove()
        function.gone()
    finally:
        docker("network", "rm", "shallop-test-http")


def test_a_server_may_be_a_fresh_one_for_each_event_and_ready_ahead(functions):
    function = functions("ahead", contract={"http": {"ready_path": "/ready"}}, scale={"reuse": False, "standby": 1})
    seen = set()
    for _ in range(3):
        function.wait_for(1, "standby")
        answer = function.call("/where")
        assert answer.status == 200 and timing(answer)["start"] == 0
        seen.add(answer.text)
    assert len(seen) == 3
    assert (function.starts("standby"), function.starts("cold")) == (3, 0)


# ---- what the function gets

def test_the_request_arrives_with_what_a_proxy_owes_and_without_hop_by_hop_fields(functions):
    function = functions("seen", **HTTP)
    given = {"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil",
             "Connection": "close, X-Secret", "X-Secret": "1", "Keep-Alive": "timeout=5", "TE": "trailers, gzip", "Proxy": "evil",
             "Proxy-Authorization": "Basic x", "Expect": "100-continue", "X-Shallop-Invocation-Id": "mine", "X-Own": "kept"}
    answer = function.call("/head?a=1&b=%20", headers=given)
    line, *fields = answer.text.strip().split("\r\n")
    got = {}
    for field in fields:
        name, _, value = field.partition(": ")
        assert name.lower() not in got, f"{name} twice"
        got[name.lower()] = value
    assert line == "GET /head?a=1&b=%20 HTTP/1.1"
    host = f"127.0.0.1:{function.daemon.port}"
    assert (got["host"], got["x-forwarded-host"], got["x-forwarded-proto"]) == (host, host, "http")
    assert got["x-forwarded-for"] == "192.0.2.1, 127.0.0.1"
    assert got["forwarded"] == f'for=192.0.2.1, for=127.0.0.1;host="{host}";proto=http'
    assert got["x-forwarded-prefix"] == "/function/seen"
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", got["traceparent"])
    assert got["te"] == "trailers" and got["x-own"] == "kept"
    assert got["x-shallop-invocation-id"] == answer.headers["X-Shallop-Invocation-Id"] != "mine"
    assert not {"x-secret", "keep-alive", "proxy", "proxy-authorization", "expect", "transfer-encoding"} & set(got)


def test_a_trace_goes_on_and_a_broken_one_is_begun_anew(functions):
    function = functions("traced", **HTTP)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    text = function.call("/head", headers={"traceparent": trace, "tracestate": "a=b"}).text
    assert f"traceparent: {trace}\r\n" in text and "tracestate: a=b\r\n" in text
    text = function.call("/head", headers={"traceparent": trace.replace("4bf9", "XYZW"), "tracestate": "a=b"}).text
    assert "XYZW" not in text and "tracestate" not in text and "traceparent: 00-" in text


# ---- what the client gets

@pytest.mark.parametrize("path, method, status, body, fields", [
    ("/give?123", "HEAD", 200, "", {"Content-Length": "123"}),
    ("/204", "GET", 204, "", {"X-Kind": "empty", "Content-Length": None}),
    ("/304", "GET", 304, "", {"ETag": '"one"'}),
    ("/early", "GET", 200, "late\n", {"Link": None}),
    ("/close", "GET", 200, "bye!\n", {}),
    ("/old", "GET", 200, "until the end\n", {"Content-Type": "text/plain"}),
    ("/hops", "GET", 200, "ok\n", {"X-Hop": None, "Keep-Alive": None, "Proxy-Authenticate": None, "X-Kept": "1"}),
])
def test_replies_of_every_kind_arrive_and_the_connection_stays_usable(functions, path, method, status, body, fields):
    function = functions("kinds", **HTTP)
    kept = function.kept()
    for _ in range(3):
        kept.connection.request(method, function.path + path)
        reply = kept.connection.getresponse()
        assert (reply.status, reply.read().decode()) == (status, body)
        assert {name: reply.headers[name] for name in fields} == fields
        assert reply.headers["X-Shallop-Invocation-Id"] != "mine"
        assert kept.call("/x?after")[1].startswith("after ")
    kept.close()
    assert len(function.instances()) == 1


def test_the_connection_to_the_server_is_used_again(functions):
    function = functions("kept", **HTTP)
    first = int(function.call("/connections").text)
    assert [int(function.call("/connections").text) for _ in range(20)] == [first] * 20
    for _ in range(3):
        function.call("/close")
    assert int(function.call("/connections").text) == first + 3


# ---- streams

def test_chunks_go_in_and_out_while_the_other_side_still_speaks(functions):
    function = functions("echo", **HTTP)
    with socket.create_connection(("127.0.0.1", function.daemon.port), timeout=20) as client:
        client.sendall(b"POST /function/echo/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        reply = http.client.HTTPResponse(client, method="POST")
        for number in range(3):
            piece = f"piece {number}\n".encode()
            client.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            if number == 0:
                reply.begin()  # the head of the reply comes though the request is not over
                assert reply.chunked
            assert reply.read(len(piece)) == piece
        client.sendall(b"0\r\n\r\n")
        assert reply.read() == b""


def test_server_sent_events_arrive_one_by_one(functions):
    function = functions("events", **HTTP, scale={"max": 1, "concurrency": 2})
    connection = http.client.HTTPConnection("127.0.0.1", function.daemon.port, timeout=20)
    connection.request("GET", "/function/events/events?5")
    reply = connection.getresponse()
    assert reply.headers["Content-Type"] == "text/event-stream"
    for number in range(5):  # the server sends the next one only when it is released
        assert reply.readline() + reply.readline() == b"data: %d\n\n" % number
        function.call("/release")
    assert reply.read() == b""


def test_hundred_mebibytes_pass_each_way_in_constant_memory(functions):
    size = 100 << 20
    function = functions("large", **HTTP, limits={"request_body": "200Mi"})
    status = f"/proc/{function.daemon.process.pid}/status"
    memory = lambda name: int(open(status).read().split(f"{name}:")[1].split()[0]) << 10
    function.call()
    open(f"/proc/{function.daemon.process.pid}/clear_refs", "w").write("5")  # the peak counts from here
    before, block = memory("VmRSS"), bytes(1 << 20)
    connection = http.client.HTTPConnection("127.0.0.1", function.daemon.port, timeout=60)
    for fields, chunked in (({"Content-Length": str(size)}, False), ({"Transfer-Encoding": "chunked"}, True)):
        connection.request("POST", "/function/large/take", (block for _ in range(100)), fields, encode_chunked=chunked)
        assert connection.getresponse().read() == b"%d\n" % size
    connection.request("GET", f"/function/large/give?{size}")
    reply, total = connection.getresponse(), 0
    while piece := reply.read(1 << 20):
        total += len(piece)
    assert total == size
    assert memory("VmHWM") - before < 8 << 20


def test_an_upgraded_connection_carries_bytes_both_ways_past_the_deadline(functions):
    function = functions("socket", **HTTP, limits={"timeout": "1s"}, scale={"max": 1, "concurrency": 2})
    with socket.create_connection(("127.0.0.1", function.daemon.port), timeout=20) as client, client.makefile("rb") as stream:
        client.sendall(b"GET /function/socket/upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += stream.readline()
        assert head.startswith(b"HTTP/1.1 101 ") and b"\r\nUpgrade: echo\r\n" in head
        for number in range(20):
            client.sendall(b"\x81\x00\xff ping %d\n" % number)
            assert stream.readline() == b"\x81\x00\xff ping %d\n" % number
            threading.Event().wait(0.1)  # twenty of it are longer than limits.timeout
        assert function.instances()[0]["events"] == 1
        assert function.call("/x?beside").status == 200
    wait_until(lambda: function.instances()[0]["events"] == 0, what="the hang-up ends it")


def test_http_events_share_one_instance_up_to_its_concurrency(functions):
    function = functions("shared", **HTTP, scale={"max": 1, "concurrency": 16})
    answers = at_once(16, lambda number: function.call(f"/sleep?{number}"))
    assert [answer.text.split()[0] for answer in answers] == [str(number) for number in range(16)]
    assert len(function.containers()) == 1
