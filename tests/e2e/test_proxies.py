# SPDX-License-Identifier: Apache-2.0
"""Shallop behind nginx, HAProxy and Caddy, with the files of examples/proxy, which docs/proxies.md explains."""
import base64
import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from conftest import ROOT, Daemon, close_all, wait_until
from proxies import CLIENT, Proxy, of_the_guide
from test_tls import Pki, TlsDaemon
from warm import SERVER, SHELL

KINDS = ["nginx", "haproxy", "caddy"]
SPOOFED = {"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6;proto=gopher", "X-Forwarded-Proto": "gopher", "X-Forwarded-Host": "evil.example"}
SLOW = "echo begun; until [ -e /shared/go ]; do sleep 0.05; done; echo ended"
FIRST = "head -c 5 >/shared/first; cat >/dev/null; echo whole"


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    pki = Pki(tmp_path_factory.mktemp("pki"))
    pki.issue("server")
    return pki


def register(daemon, shared=None):
    """Functions that show what arrives: head and bytes of a server, variables of a program."""
    daemon.put("served", image=SERVER, contract="http", scale={"max": 1, "concurrency": 16}, limits={"timeout": "20s"})
    daemon.put("variables", image=SHELL, command=["env"])
    if shared:
        socket_of_perl = (ROOT / "tests/e2e/functions/websocket.pl").read_text()
        daemon.put("talk", image=SHELL, command=["perl", "-e", socket_of_perl], contract={"http": {"port": 8080}}, scale={"concurrency": 4})
        mounts = [{"type": "bind", "source": str(shared), "target": "/shared", "read_only": False}]
        for name, script in (("first", FIRST), ("slow", SLOW)):
            daemon.put(name, image=SHELL, command=["sh", "-c", script], mounts=mounts)
        daemon.put("late", image=SHELL, command=["sleep", "60"], limits={"timeout": "1s"})


@pytest.fixture(scope="module")
def shared_folder():
    folder = Path(tempfile.mkdtemp(prefix="shallop-shared-", dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def behind(server_image, shared_folder):
    """The daemon that the proxies of this file are before."""
    daemon = Daemon("--bind-root", str(shared_folder))
    try:
        register(daemon.start(), shared_folder)
        yield daemon
    finally:
        close_all([daemon])


@pytest.fixture
def start_proxy(pki):
    started = []

    def start(kind, daemon, changes=None):
        started.append(Proxy(kind, daemon, pki, changes))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(scope="module", params=KINDS)
def proxy(request, behind, pki):
    request.node.daemons = [behind]
    one = Proxy(request.param, behind, pki)
    yield one
    one.close()


def fields(head):
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in head.splitlines()[1:])}


def curl(proxy, path, *words, tls=False):
    """What curl gets, which reads while it still sends; over https by HTTP/2."""
    address = f"https://localhost:{proxy.tls_port}" if tls else f"http://127.0.0.1:{proxy.port}"
    done = subprocess.run(["curl", "-sS", "--cacert", proxy.ca, *words, address + path], capture_output=True, timeout=90)
    return done.stdout


# ---- what functions see

@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_server_sees_the_proxys_client_and_nothing_that_the_client_made_up(proxy, tls):
    host, scheme = ("localhost", "https") if tls else ("127.0.0.1", "http")
    host += f":{proxy.tls_port if tls else proxy.port}"
    seen = fields(proxy.call("/function/served/head", headers=SPOOFED, tls=tls).text)
    assert seen["x-forwarded-for"] == f"{CLIENT}, 127.0.0.1"
    assert seen["forwarded"] == f'proto={scheme}, for=127.0.0.1;host="{host}";proto=http'
    assert (seen["host"], seen["x-forwarded-host"], seen["x-forwarded-proto"]) == (host, host, "http")


def test_a_program_sees_them_in_its_variables(proxy):
    seen = set(proxy.call("/function/variables", headers=SPOOFED, tls=True).text.splitlines())
    host = f"localhost:{proxy.tls_port}"
    assert {"REMOTE_ADDR=127.0.0.1", "REQUEST_SCHEME=http", f"HTTP_X_FORWARDED_FOR={CLIENT}", "HTTP_X_FORWARDED_PROTO=https",
            f"HTTP_X_FORWARDED_HOST={host}", f"HTTP_HOST={host}", "HTTP_FORWARDED=proto=https"} <= seen


@pytest.fixture(scope="module")
def believing(server_image):
    daemon = Daemon("--trusted-proxies", "127.0.0.1,10.0.0.0/8")
    try:
        register(daemon.start())
        yield daemon
    finally:
        close_all([daemon])


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("kind", KINDS)
def test_behind_a_trusted_proxy_functions_see_its_client_as_if_it_had_come_by_itself(start_proxy, believing, kind, tls):
    proxy, scheme = start_proxy(kind, believing), "https" if tls else "http"
    host = f"localhost:{proxy.tls_port}" if tls else f"127.0.0.1:{proxy.port}"
    seen = fields(proxy.call("/function/served/head", headers=SPOOFED, tls=tls).text)
    assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == (CLIENT, scheme)
    assert seen["x-forwarded-host"] == host and seen["forwarded"].endswith(f'for={CLIENT};host="{host}";proto={scheme}')
    variables = set(proxy.call("/function/variables", headers=SPOOFED, tls=tls).text.splitlines())
    assert {f"REMOTE_ADDR={CLIENT}", f"REQUEST_SCHEME={scheme}"} <= variables and ("HTTPS=on" in variables) == tls


def test_nobody_else_is_believed(believing):
    client = http.client.HTTPConnection("127.0.0.1", believing.port, timeout=60, source_address=(CLIENT, 0))
    client.request("GET", "/function/served/head", headers={"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", "Connection": "close"})
    seen = fields(client.getresponse().read().decode())
    assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == (f"192.0.2.7, {CLIENT}", "http")


def test_what_the_daemon_says_of_an_invocation_comes_through(proxy):
    answer = proxy.call("/function/served")
    assert answer.status == 200 and answer.headers["X-Shallop-Invocation-Id"] and "run;dur=" in answer.headers["Server-Timing"]
    missing = proxy.call("/function/nobody")
    assert missing.status == 404 and missing.headers["Content-Type"] == "application/problem+json" and missing.json["fault"] == "not_found"
    queued = proxy.call("/async-function/variables", "POST", b"x")
    assert queued.status == 202 and queued.headers["Location"].startswith("/v1/invocations/")


def test_connections_to_the_daemon_are_kept(proxy):
    client, ports = proxy.connection(), set()
    for _ in range(20):
        client.request("GET", "/function/variables")
        [port] = [line for line in client.getresponse().read().decode().splitlines() if line.startswith("REMOTE_PORT=")]
        ports.add(port)
    client.close()
    assert len(ports) <= 3, "one connection carries many requests"


# ---- bodies and streams

def test_events_arrive_one_by_one(proxy, behind):
    client = proxy.connection(tls=True)
    client.request("GET", "/function/served/events?3")
    reply = client.getresponse()
    for number in range(3):  # the server sends the next one only when it is released
        assert reply.readline() + reply.readline() == b"data: %d\n\n" % number
        behind.call("/function/served/release")
    assert reply.read() == b""
    client.close()


def test_what_a_program_writes_arrives_before_it_has_ended(proxy, shared_folder):
    (shared_folder / "go").unlink(missing_ok=True)
    client = proxy.connection()
    client.request("GET", "/function/slow")
    reply = client.getresponse()
    assert reply.readline() == b"begun\n"
    (shared_folder / "go").touch()
    assert reply.read() == b"ended\n"
    client.close()


STREAMED = {"nginx": ("proxy_buffering off;", "proxy_request_buffering off;")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_reads_a_body_while_it_is_still_being_sent(start_proxy, behind, shared_folder, kind):
    changes = {before: f"{before} {of_the_guide(more)}" for before, more in [STREAMED[kind]]} if kind in STREAMED else {}
    proxy = start_proxy(kind, behind, changes)
    first = shared_folder / "first"
    first.unlink(missing_ok=True)
    with proxy.stream() as client, client.makefile("rb") as reply:
        client.sendall(b"POST /function/first HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhello")
        wait_until(lambda: first.exists() and first.read_bytes() == b"hello", 30, what="the function has read the beginning")
        client.sendall(b"world")
        assert b"whole" in reply.read()


@pytest.mark.parametrize("kind, tls", [("haproxy", False), ("haproxy", True), ("caddy", True)])
def test_a_function_that_answers_while_it_reads_gets_a_large_body_whole(start_proxy, behind, tmp_path, kind, tls):
    """A filter such as tr or gzip; nginx, and Caddy over HTTP/1.1, are not made for those. With TLS it is HTTP/2."""
    proxy, body = start_proxy(kind, behind), os.urandom(5 << 20)
    (tmp_path / "body").write_bytes(body)
    for _ in range(5):
        assert curl(proxy, "/function/served/echo", "--data-binary", f"@{tmp_path}/body", "-H", "Expect:", tls=tls) == body


@pytest.mark.parametrize("expect", ["Expect: 100-continue", "Expect:"])
def test_a_body_over_the_functions_limit_is_refused_by_the_daemon(proxy, tmp_path, expect):
    (tmp_path / "body").write_bytes(bytes(7 << 20))
    problem = json.loads(curl(proxy, "/function/served/take", "--data-binary", f"@{tmp_path}/body", "-H", expect))
    assert (problem["status"], problem["fault"]) == (413, "too_large")


def test_a_websocket_passes(proxy):
    key = base64.b64encode(os.urandom(16)).decode()
    accepted = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
    host = f"localhost:{proxy.tls_port}"
    with proxy.stream(tls=True) as client, client.makefile("rb") as stream:
        client.sendall(f"GET /function/talk/ HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                       f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        assert b" 101 " in stream.readline()
        head = {}
        while (line := stream.readline().decode().strip()):
            name, _, value = line.partition(": ")
            head[name.lower()] = value
        assert head["sec-websocket-accept"] == accepted and head["upgrade"].lower() == "websocket"
        for number in range(20):
            message, mask = b"message %d" % number, os.urandom(4)
            masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(message))
            client.sendall(bytes([0x81, 0x80 | len(message)]) + mask + masked)
            assert stream.read(2 + len(message)) == bytes([0x81, len(message)]) + message


# ---- time

def test_a_function_that_takes_too_long_is_ended_by_its_own_limit(proxy):
    answer = proxy.call("/function/late")
    assert answer.status == 504 and answer.json["fault"] == "timed_out"


def test_a_client_that_hangs_up_ends_its_function(proxy, behind):
    before = len(behind.api("GET", "/v1/invocations?status=cancelled").json["invocations"])
    running = lambda: any(one["events"] for one in behind.api("GET", "/v1/functions/served/instances").json["instances"])
    with proxy.stream() as client:
        client.sendall(b"GET /function/served/sleep?15000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        wait_until(running, 30, what="it runs")
    wait_until(lambda: len(behind.api("GET", "/v1/invocations?status=cancelled").json["invocations"]) > before, 30,
               what="it is cancelled")


@pytest.mark.parametrize("kind, changes", [("nginx", {"proxy_read_timeout 1h": "proxy_read_timeout 1s"}),
                                           ("haproxy", {"timeout server 1h": "timeout server 1s"})])
def test_a_proxy_with_a_shorter_patience_than_the_function_cuts_it(start_proxy, behind, kind, changes):
    answer = start_proxy(kind, behind, changes).call("/function/served/sleep?10000")
    assert answer.status == 504 and "json" not in answer.headers["Content-Type"], "it is the proxy's answer, not the daemon's"


# The same patience in more tries, and no health check in between: a busy machine starts a daemon late.
PATIENT = {"nginx": {}, "haproxy": {"retries 3": "retries 30", "inter 2s": "inter 60s"},
           "caddy": {"lb_try_duration 10s": "lb_try_duration 60s"}}


@pytest.mark.parametrize("kind, status", [("nginx", 502), ("haproxy", 200), ("caddy", 200)])
def test_while_the_daemon_is_started_again_haproxy_and_caddy_wait_for_it(start_proxy, start_daemon, server_image, kind, status):
    daemon = start_daemon()
    register(daemon)
    proxy = start_proxy(kind, daemon, PATIENT[kind])
    assert proxy.call("/function/served").status == 200
    daemon.stop()
    answers = []
    caller = threading.Thread(target=lambda: answers.append(proxy.call("/function/served").status))
    caller.start()
    if kind == "nginx":
        caller.join()
    daemon.start(wait=False)
    caller.join()
    assert answers == [status]
    wait_until(lambda: proxy.call("/function/served").status == 200, 30, what="it works again")


# ---- other ways to reach the daemon

UNIX = {"nginx": ("server 127.0.0.1:8080;", "server unix:/run/shallop-gateway/socket;"),
        "haproxy": ("server shallop 127.0.0.1:8080 check", "server shallop unix@/run/shallop-gateway/socket check"),
        "caddy": ("reverse_proxy 127.0.0.1:8080 {", "reverse_proxy unix//run/shallop-gateway/socket {")}


@pytest.fixture
def gateway_folder(kind):
    """As the guide has it made: nobody but the proxy's group gets in, and what is made in it is that group's."""
    folder = Path(tempfile.mkdtemp(prefix="shallop-gw-", dir="/tmp"))
    made = of_the_guide("install -d -m 2750 -g www-data /run/shallop-gateway").replace("/run/shallop-gateway", str(folder))
    made = made.replace("www-data", of_the_guide("haproxy")) if kind == "haproxy" else made
    subprocess.run(made.split(), check=True)
    yield folder
    shutil.rmtree(folder)


class UnixDaemon(Daemon):
    """Its gateway listens on a unix socket alone."""

    def __init__(self, path, *flags):
        super().__init__(*flags)
        self.path = path

    def command(self):
        words = super().command()
        words[words.index("--listen") + 1] = f"unix:{self.path}"
        return words


@pytest.mark.parametrize("kind", KINDS)
def test_a_unix_socket_is_reached_and_functions_see_the_client(start_proxy, gateway_folder, server_image, kind, request):
    daemon = UnixDaemon(gateway_folder / "socket")
    request.node.daemons = [daemon]
    try:
        register(daemon.start())
        old, new = UNIX[kind]
        proxy = start_proxy(kind, None, {old: of_the_guide(new).replace("/run/shallop-gateway", str(gateway_folder))})
        assert (gateway_folder / "socket").stat().st_gid == gateway_folder.stat().st_gid != 0
        seen = fields(wait_until(lambda: (answer := proxy.call("/function/served/head", headers=SPOOFED)).status == 200 and answer, 20).text)
        assert seen["x-forwarded-for"] == CLIENT
        assert seen["forwarded"].startswith("proto=http, for=unknown;")
        assert {f"HTTP_X_FORWARDED_FOR={CLIENT}", "REMOTE_ADDR="} <= set(proxy.call("/function/variables").text.splitlines())
    finally:
        close_all([daemon])


# TLS is ended at the proxy and begun anew behind it.
AGAIN = {"nginx": {"proxy_pass http://shallop;": ["proxy_pass https://shallop;", "proxy_ssl_verify on;", "proxy_ssl_name functions.example.org;",
                                                  "proxy_ssl_trusted_certificate /etc/ssl/shallop-ca.pem;"]},
         "haproxy": {"check inter 2s": ["ssl verify required verifyhost functions.example.org ca-file /etc/ssl/shallop-ca.pem check inter 2s"]},
         "caddy": {"transport http {": ["transport http {", "tls_server_name functions.example.org", "tls_trusted_ca_certs /etc/ssl/shallop-ca.pem"]}}


@pytest.fixture(scope="module")
def secure(server_image, pki):
    """A daemon that speaks https."""
    daemon = TlsDaemon(pki)
    try:
        register(daemon.start())
        yield daemon
    finally:
        close_all([daemon])


@pytest.mark.parametrize("kind", KINDS)
def test_with_https_behind_the_proxy_too_functions_see_https(start_proxy, secure, pki, kind):
    own = lambda line: of_the_guide(line).replace("/etc/ssl/shallop-ca.pem", str(pki.ca)).replace("functions.example.org", "localhost")
    proxy = start_proxy(kind, secure, {old: "\n".join(own(line) for line in new) for old, new in AGAIN[kind].items()})
    seen = fields(proxy.call("/function/served/head", tls=True).text)
    assert seen["x-forwarded-proto"] == "https" and seen["x-forwarded-for"] == f"{CLIENT}, 127.0.0.1"
    assert {"HTTPS=on", "REQUEST_SCHEME=https"} <= set(proxy.call("/function/variables", tls=True).text.splitlines())


def test_tls_that_is_passed_through_is_ended_by_the_daemon(start_proxy, secure):
    seen = fields(start_proxy("haproxy-tcp", secure).call("/function/served/head", tls=True).text)
    assert (seen["x-forwarded-proto"], seen["x-forwarded-for"]) == ("https", "127.0.0.1"), "the client's address is lost on the way"


# ---- several daemons

READY = {"haproxy": {"uri /healthz": ["uri /readyz"],
                     "server shallop 127.0.0.1:8080 check inter 2s": ["server one 10.0.0.1:8080 check port 8081 inter 2s",
                                                                      "server two 10.0.0.2:8080 check port 8081 inter 2s"]},
         "caddy": {"reverse_proxy 127.0.0.1:8080 {": ["reverse_proxy 10.0.0.1:8080 10.0.0.2:8080 {", "health_port 8081"],
                   "health_uri /healthz": ["health_uri /readyz"]}}


class Neighbour(Daemon):
    """One at another address, with the ports of the first."""

    def __init__(self, first, **settings):
        super().__init__(**settings)
        self.port, self.admin_port = first.port, first.admin_port

    def command(self):
        return [word.replace("127.0.0.1:", "127.0.0.2:") for word in super().command()]


@pytest.mark.parametrize("kind", READY)
def test_a_daemon_without_its_engine_gets_no_requests_while_there_is_another(start_proxy, behind, tmp_path, kind):
    lost = Neighbour(behind, docker_host=f"unix://{tmp_path}/no-engine")
    try:
        lost.start(wait=False)
        wait_until(lambda: "msg=listening" in lost.log(), 20, what="it listens")
        own = lambda line: of_the_guide(line).replace("10.0.0.1:8080", f"127.0.0.1:{behind.port}").replace(
            "10.0.0.2:8080", f"127.0.0.2:{behind.port}").replace("port 8081", f"port {behind.admin_port}").replace("inter 2s", "inter 100ms")
        proxy = start_proxy(kind, None, {old: "\n".join(own(line) for line in new) for old, new in READY[kind].items()})
        wait_until(lambda: all(proxy.call("/function/served").status == 200 for _ in range(20)), 30, what="only the first is asked")
    finally:
        close_all([lost])
