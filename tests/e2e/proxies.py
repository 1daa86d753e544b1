# SPDX-License-Identifier: Apache-2.0
"""nginx, HAProxy and Caddy as Debian has them, run with the files of examples/proxy: only addresses and certificates are put in."""
import http.client
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from conftest import ROOT, free_port, only_request, wait_until

EXAMPLES = ROOT / "examples/proxy"
GUIDE = ROOT / "docs/proxies.md"
CLIENT = "127.0.0.5"  # clients of the proxy come from here, the proxy itself from 127.0.0.1

# /etc/nginx/nginx.conf, as far as it is needed, in a folder of the test's own.
NGINX = """daemon off;
user www-data;
worker_processes 1;
pid {home}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/shallop.conf;
}}
"""
CADDY = """{
	admin off
	auto_https off
}
"""


def of_the_guide(line):
    """A line of configuration that docs/proxies.md tells its readers to write."""
    assert line in GUIDE.read_text(), f"docs/proxies.md does not say: {line}"
    return line


def change(text, changes):
    for old, new in changes.items():
        assert old in text, f"the example has no {old!r}"
        text = text.replace(old, new)
    return text


class Proxy:
    """One that runs with its example, in which `changes` were made; `port` speaks http and `tls_port` https, to any name."""

    def __init__(self, kind, daemon, pki, changes=None):
        self.kind, self.port, self.tls_port = kind, free_port(), free_port()
        # Not pytest's own folder: nginx's workers, which are nobody, must reach it.
        self.home = Path(tempfile.mkdtemp(prefix="shallop-proxy-", dir="/tmp"))
        self.home.chmod(0o755)
        self.ca, self.context = pki.ca, pki.context()
        self.write("both.pem", "".join((pki.folder / f"server.{part}").read_text() for part in ("pem", "key")))
        addresses = {"127.0.0.1:8080": f"127.0.0.1:{daemon.port}"} if daemon else {}
        command = getattr(self, kind.replace("-", "_"))((changes or {}) | addresses)
        self.log_file = self.home / "log"
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env=os.environ | {"XDG_DATA_HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home)})
        try:
            ports = [self.tls_port] if kind == "haproxy-tcp" else [self.port, self.tls_port]
            wait_until(lambda: all(self.listens(port) for port in ports), 30, what=f"{kind} listens")
        except AssertionError:
            self.close()
            raise

    def listens(self, port):
        assert self.process.poll() is None, f"{self.kind} ended\n{self.log()}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def log(self):
        return self.log_file.read_text(errors="replace")

    def write(self, name, text):
        (self.home / name).write_text(text)
        return self.home / name

    def example(self, name, changes):
        return change((EXAMPLES / name).read_text(), changes)

    def nginx(self, changes):
        own = {"listen 80;": f"listen 127.0.0.1:{self.port};", "listen 443 ": f"listen 127.0.0.1:{self.tls_port} ",
               "/etc/ssl/functions.pem": f"{self.home}/both.pem", "/etc/ssl/private/functions.key": f"{self.home}/both.pem"}
        self.write("shallop.conf", self.example("nginx.conf", changes | own))
        return ["nginx", "-c", self.write("nginx.conf", NGINX.format(home=self.home))]

    def haproxy(self, changes):
        own = {"bind :80": f"bind 127.0.0.1:{self.port}", "bind :443": f"bind 127.0.0.1:{self.tls_port}",
               "/etc/haproxy/functions.pem": f"{self.home}/both.pem"}
        return ["haproxy", "-db", "-f", self.write("haproxy.cfg", self.example("haproxy.cfg", changes | own))]

    def haproxy_tcp(self, changes):
        own = {"bind :443": f"bind 127.0.0.1:{self.tls_port}"}
        return ["haproxy", "-db", "-f", self.write("haproxy.cfg", self.example("haproxy-tcp.cfg", changes | own))]

    def caddy(self, changes):
        head, site, rest = self.example("Caddyfile", changes).partition("functions.example.org {")
        assert site, "the example is one site"
        # Once for each scheme: `tls` is for https alone, and Caddy gets no certificate here.
        plain = f"http://127.0.0.1:{self.port} {{\n\tbind 127.0.0.1"
        secure = f"https://localhost:{self.tls_port} {{\n\tbind 127.0.0.1\n\ttls {self.home}/both.pem {self.home}/both.pem"
        file = self.write("Caddyfile", CADDY + head + plain + rest + secure + rest)
        return ["caddy", "run", "--config", file, "--adapter", "caddyfile"]

    # ---- its clients

    def connection(self, tls=False, timeout=60):
        if tls:
            return http.client.HTTPSConnection("localhost", self.tls_port, timeout=timeout, context=self.context,
                                               source_address=(CLIENT, 0))
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout, source_address=(CLIENT, 0))

    def call(self, path, method="GET", body=None, headers=None, tls=False):
        return only_request(self.connection(tls), method, path, body, headers)

    def stream(self, tls=False):
        """A connection as bytes."""
        plain = socket.create_connection(("127.0.0.1", self.tls_port if tls else self.port), timeout=60, source_address=(CLIENT, 0))
        return self.context.wrap_socket(plain, server_hostname="localhost") if tls else plain

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home)
