# SPDX-License-Identifier: Apache-2.0
"""https on both listeners: what functions see of it, the client, client certificates, new certificates under load, and bytes that are no TLS."""
import http.client
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import BINARY, ROOT, Daemon, close_all, only_request, wait_until
from queued import DELIVERIES, Queue, Receiver
from warm import SERVER, SHELL, build_server

IDLE = 500
GARBAGE = 10_000


class Pki:
    """A CA, and certificates for localhost and 127.0.0.1 that it signs, made by openssl."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = folder / "ca.pem"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-subj", "/CN=test CA", "-keyout", "ca.key", "-out", "ca.pem")

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def issue(self, name, days=30):
        """Makes NAME.pem and NAME.key."""
        (self.folder / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                     "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                     "-days", str(days), "-extfile", "san", "-out", f"{name}.pem")
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def context(self, own=None):
        context = ssl.create_default_context(cafile=self.ca)
        if own:
            context.load_cert_chain(*own)
        return context


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    pki = Pki(tmp_path_factory.mktemp("pki"))
    for name in ("server", "next", "client"):
        pki.issue(name)
    pki.issue("ending", days=3)
    return pki


class TlsDaemon(Daemon):
    """A daemon with the certificate of its files cert.pem and key.pem, and the calls of its clients."""

    def __init__(self, pki, *flags, own=None, **settings):
        super().__init__(*flags, **settings)
        self.pki, self.context = pki, pki.context(own)
        self.certificate, self.key = self.home / "cert.pem", self.home / "key.pem"
        self.flags += ["--tls-cert", str(self.certificate), "--tls-key", str(self.key)]
        self.use("server")

    def use(self, name):
        for suffix, file in (("pem", self.certificate), ("key", self.key)):
            shutil.copy(self.pki.folder / f"{name}.{suffix}", file)

    def connection(self, port=None, timeout=30):
        return http.client.HTTPSConnection("localhost", port or self.port, timeout=timeout, context=self.context)

    def call(self, path, method="GET", body=None, headers=None, timeout=30, port=None):
        return only_request(self.connection(port, timeout), method, path, body, headers)

    def api(self, method, path, body=None, headers=None, token=True, timeout=60):
        headers = dict(headers or {}) | ({"Authorization": f"Bearer {self.token}"} if token else {})
        if body is not None:
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        return self.call(path, method, body, headers, timeout, self.admin_port)

    def ready(self):
        assert self.process.poll() is None, f"the daemon ended with {self.process.returncode}\n{self.log()[-3000:]}"
        try:
            return self.api("GET", "/readyz", token=False, timeout=5).status == 200
        except OSError:
            return False

    def cli(self, *words, ca=True, own=None, check=True):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SHALLOP_")}
        environment |= {"SHALLOP_URL": f"https://localhost:{self.admin_port}", "SHALLOP_TOKEN_FILE": str(self.data_dir / "admin-token")}
        environment |= {"SHALLOP_CA": str(self.pki.ca)} if ca else {}
        environment |= {"SHALLOP_CERT": str(own[0]), "SHALLOP_KEY": str(own[1])} if own else {}
        done = subprocess.run([str(BINARY), *words], capture_output=True, text=True, timeout=120, env=environment)
        assert not check or done.returncode == 0, f"shallop {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def served(self, port=None):
        """The serial number of the certificate that a new connection gets."""
        with socket.create_connection(("localhost", port or self.port), timeout=30) as plain:
            with self.context.wrap_socket(plain, server_hostname="localhost") as secure:
                return secure.getpeercert()["serialNumber"]

    def memory(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) << 10

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@pytest.fixture(scope="module")
def daemon(pki):
    daemon = TlsDaemon(pki, "--log-level", "warn")
    try:
        daemon.start()
        yield daemon
    finally:
        close_all([daemon])


@pytest.fixture
def start(pki):
    started = []

    def start(*flags, wait=True, **settings):
        started.append(TlsDaemon(pki, *flags, **settings))
        return started[-1].start(wait)

    yield start
    close_all(started)


def test_functions_see_https_and_curl_and_the_client_speak_it(daemon):
    told = daemon.cli("deploy", "variables", "--image", SHELL, "--", "env").stdout
    assert f"https://127.0.0.1:{daemon.port}/function/variables" in told
    variables = daemon.cli("invoke", "variables").stdout.splitlines()
    assert {"HTTPS=on", "REQUEST_SCHEME=https", f"SERVER_PORT={daemon.admin_port}"} <= set(variables)
    curl = subprocess.run(["curl", "-sS", "--cacert", str(daemon.pki.ca), f"https://localhost:{daemon.port}/function/variables"],
                          capture_output=True, text=True, timeout=60)
    assert "HTTPS=on" in curl.stdout and f"SERVER_PORT={daemon.port}" in curl.stdout, curl.stderr
    origin = {"Origin": f"https://localhost:{daemon.admin_port}"}
    assert daemon.api("GET", "/v1/functions", headers=origin).status == 200
    assert daemon.api("GET", "/v1/functions", headers={"Origin": f"http://localhost:{daemon.admin_port}"}).status == 403


def test_servers_are_told_and_events_and_upgrades_pass(daemon):
    build_server()
    daemon.api("PUT", "/v1/functions/served", {"image": SERVER, "contract": "http", "scale": {"max": 1, "concurrency": 4}})
    head = daemon.call("/function/served/head").text.lower()
    assert "\r\nx-forwarded-proto: https\r\n" in head and ";proto=https\r\n" in head
    body = random.Random(1).randbytes(4 << 20)
    echo = daemon.call("/function/served/echo", "POST", body)
    assert echo.body == body
    events = daemon.connection()
    events.request("GET", "/function/served/events?3")
    reply = events.getresponse()
    for number in range(3):  # the server sends the next one only when it is released
        assert reply.readline() + reply.readline() == b"data: %d\n\n" % number
        daemon.call("/function/served/release")
    assert reply.read() == b""
    with socket.create_connection(("localhost", daemon.port), timeout=30) as plain, \
            daemon.context.wrap_socket(plain, server_hostname="localhost") as client, client.makefile("rb") as stream:
        client.sendall(b"GET /function/served/upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        while (line := stream.readline()) != b"\r\n":
            assert line
        for number in range(20):
            client.sendall(b"\x81\x00\xff ping %d\n" % number)
            assert stream.readline() == b"\x81\x00\xff ping %d\n" % number


def test_the_example_of_the_operations_guide_works(start, pki, tmp_path):
    guide = (ROOT / "docs/operations.md").read_text()
    command = guide[guide.index("openssl req -x509"):guide.index("shallop serve --tls-cert")]
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, capture_output=True)
    daemon = start(wait=False)
    daemon.kill()
    shutil.copy(tmp_path / "cert.pem", daemon.certificate)
    shutil.copy(tmp_path / "key.pem", daemon.key)
    daemon.context = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    daemon.start()
    assert daemon.cli("--ca", str(tmp_path / "cert.pem"), "list").returncode == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_who_speaks_no_https_is_told_what_to_do(daemon):
    for port in (daemon.port, daemon.admin_port):
        plain = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        plain.request("GET", "/readyz")
        answer = plain.getresponse()
        assert answer.status == 400 and b"This port speaks https" in answer.read()
    assert "This port speaks https" in daemon.cli("--url", f"http://127.0.0.1:{daemon.admin_port}", "list", check=False).stderr
    unknown = daemon.cli("list", ca=False, check=False)
    assert unknown.returncode == 1 and "is not to be trusted" in unknown.stderr and "--ca FILE" in unknown.stderr
    missing = daemon.cli("--ca", "/nonexistent", "list", check=False)
    assert missing.returncode == 1 and "cannot read /nonexistent" in missing.stderr
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("localhost", daemon.port), timeout=30) as socket_, pytest.raises(ssl.SSLError):
        old.wrap_socket(socket_, server_hostname="localhost")


def test_ten_thousand_connections_of_garbage_cost_nothing(daemon):
    before, descriptors = daemon.memory(), daemon.descriptors()

    def pour(seed):
        chance = random.Random(seed)
        for number in range(GARBAGE // 8):
            begin = b"\x16\x03\x01" if number % 3 == 0 else b""
            try:
                with socket.create_connection(("127.0.0.1", daemon.port), timeout=30) as client:
                    client.sendall(begin + chance.randbytes(chance.randrange(1, 600)))
            except (ConnectionResetError, BrokenPipeError):
                pass

    with ThreadPoolExecutor(8) as pool:
        poured = [pool.submit(pour, seed) for seed in range(8)]
        while not all(one.done() for one in poured):
            assert daemon.call("/healthz").status == 200
            time.sleep(0.2)
    assert [one.result() for one in poured] == [None] * 8
    wait_until(lambda: daemon.descriptors() <= descriptors + 2, 30, what="every connection is closed")
    assert daemon.memory() - before < 20 << 20
    metrics = daemon.api("GET", "/metrics").text
    refused = [line for line in metrics.splitlines() if 'reason="handshake"' in line]
    assert refused and float(refused[0].rsplit(" ", 1)[1]) > GARBAGE / 2


def test_an_idle_connection_holds_little_memory(start):
    daemon = start()

    def idle():
        client = daemon.connection()
        client.request("GET", "/healthz")
        assert client.getresponse().read() is not None
        return client

    first = [idle() for _ in range(50)]
    before = daemon.memory()
    clients = [idle() for _ in range(IDLE)]
    each = (daemon.memory() - before) / IDLE
    print(f"memory per idle TLS connection: {each:.0f} bytes")
    for client in first + clients:
        client.close()
    assert each < 48 << 10


def test_a_new_certificate_is_taken_under_load_and_a_bad_one_is_not(start, pki):
    daemon = start()
    served, failed, stop = [], [], threading.Event()

    def load(keep):
        client = daemon.connection()
        while not stop.is_set():
            try:
                client.request("GET", "/healthz")
                served.append(client.getresponse().read())
            except (OSError, http.client.HTTPException) as problem:
                failed.append(repr(problem))
            if not keep:
                client.close()

    threads = [threading.Thread(target=load, args=(keep,)) for keep in (True, True, False, False)]
    for thread in threads:
        thread.start()
    first = daemon.served()
    serials = {first}
    for turn in range(10):
        daemon.use("next" if turn % 2 == 0 else "server")
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: daemon.log().count("msg=reloaded") == turn + 1, 30)
        serials.add(daemon.served())
    daemon.use("next")
    assert daemon.api("POST", "/v1/reload").status == 204
    now = daemon.served()
    assert now == daemon.served(daemon.admin_port) != first and len(serials) == 2

    shutil.copy(pki.folder / "server.key", daemon.key)
    refused = daemon.api("POST", "/v1/reload")
    assert refused.status == 400 and f"{daemon.key}: is not the key of the certificate" in refused.json["detail"]
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "not reloaded" in daemon.log(), 30)
    assert daemon.served() == now
    count = len(served)
    wait_until(lambda: len(served) > count + 100, 30)
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []

    daemon.use("ending")
    assert daemon.api("POST", "/v1/reload").status == 204
    assert "the certificate expires soon" in daemon.log()
    metric = next(line for line in daemon.api("GET", "/metrics").text.splitlines()
                  if line.startswith("shallop_tls_certificate_expiry_timestamp_seconds"))
    assert 2 * 86400 < float(metric.split()[1]) - time.time() <= 3 * 86400


def test_the_admin_listener_asks_for_a_certificate_besides_the_token(start, pki):
    own = (pki.folder / "client.pem", pki.folder / "client.key")
    daemon = start("--tls-client-ca", str(pki.ca), own=own)
    assert daemon.api("GET", "/v1/functions").status == 200
    assert daemon.api("GET", "/v1/functions", token=False).status == 401
    assert json.loads(daemon.cli("list", "--json", own=own).stdout) is not None
    without = daemon.cli("list", check=False)
    assert without.returncode == 1 and "--cert FILE --key FILE" in without.stderr, without.stderr
    daemon.context = pki.context()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        daemon.api("GET", "/livez", token=False)
    assert daemon.call("/healthz").status == 200  # the gateway asks nobody
    daemon.context = pki.context(own)


@pytest.mark.parametrize("flags, status, words", [
    (["--tls-cert", "CERT"], 2, "--tls-cert and --tls-key go together: give --tls-key too"),
    (["--tls-client-ca", "CERT"], 2, "--tls-client-ca needs --tls-cert"),
    (["--tls-cert", "CERT", "--tls-key", "OTHER"], 1, "is not the key of the certificate"),
    (["--tls-cert", "/nonexistent", "--tls-key", "OTHER"], 1, "TLS certificate /nonexistent: cannot be read: No such file"),
    (["--tls-cert", "CERT", "--tls-key-file", "OTHER"], 2, "takes the name of a file, not what is in it"),
], ids=["no-key", "no-certificate", "mismatch", "missing", "contents"])
def test_what_cannot_be_used_is_said_at_the_start(start_daemon, pki, flags, status, words):
    files = {"CERT": str(pki.folder / "server.pem"), "OTHER": str(pki.folder / "client.key")}
    daemon = start_daemon(*[files.get(flag, flag) for flag in flags], wait=False)
    assert daemon.process.wait(30) == status
    assert words in daemon.log()
    assert "BEGIN" not in daemon.log()


# ---- callbacks

@pytest.fixture
def receiver(pki):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.folder / "server.pem", pki.folder / "server.key")
    receiver = Receiver(context=context)
    yield receiver
    receiver.close()


def called_back(start_daemon, tmp_path, receiver, **settings):
    """What became of a callback's attempts."""
    tmp_path.chmod(0o755)
    queue = Queue(start_daemon("--bind-root", str(tmp_path), "--callback-allow", "127.0.0.1", **settings), tmp_path / "shared")
    queue.function("called", "cat")
    queue.end(queue.accept("called", b"word", headers={"X-Callback-Url": f"{receiver.url}/done"}))
    [delivery] = wait_until(lambda: queue.list(function=DELIVERIES), 60)
    return wait_until(lambda: queue.show(delivery["id"])["queued"]["history"], 60)


def test_a_callback_over_tls_to_somebody_whose_certificate_is_not_trusted_is_not_made(start_daemon, tmp_path, receiver):
    tried = called_back(start_daemon, tmp_path, receiver)[0]
    assert tried["outcome"] == "function_failed" and "certificate" in tried["detail"]
    assert receiver.got == []


def test_a_callback_over_tls_to_somebody_whom_the_system_trusts(start_daemon, tmp_path, receiver, pki):
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    trusting = ["unshare", "--mount", "sh", "-c", f'mount --bind {pki.ca} {bundle} && exec "$@"', "sh"]
    called_back(start_daemon, tmp_path, receiver, wrapper=trusting)
    path, fields, body = receiver.one()
    assert (path, body, fields["X-Shallop-Status"]) == ("/done", b"word", "succeeded")
