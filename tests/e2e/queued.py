# SPDX-License-Identifier: Apache-2.0
"""What the tests of queued events share: a daemon's queue as an object, a place where events and the test meet, a server that is called."""
import http.server
import threading
import time

from conftest import wait_until
import openapi

SHELL = "debian:bookworm-slim"
QUICK = {"initial": "10ms", "max": "50ms"}
DELIVERIES = "@deliveries"
ENDED = ("succeeded", "failed", "cancelled")
# Says that it runs, and goes on when it is told to.
HELD = 'touch /shared/began.$SHALLOP_INVOCATION_ID; until [ -e /shared/go ]; do sleep 0.05; done; cat'


class Queue:
    """The queue of one daemon; what it registers is removed by clear()."""

    def __init__(self, daemon, shared):
        self.daemon, self.shared, self.names = daemon, shared, []
        shared.mkdir(parents=True, exist_ok=True)
        shared.chmod(0o777)

    def function(self, name, text, quick=True, **resource):
        """One that runs a shell's `text`; /shared is the directory `shared`."""
        asked = {"backoff": QUICK} if quick else {}
        resource["async"] = asked | resource.get("async", {})
        mounts = [{"type": "bind", "source": str(self.shared), "target": "/shared", "read_only": False}]
        self.daemon.put(name, **{"image": SHELL, "command": ["sh", "-c", text], "mounts": mounts} | resource)
        self.names.append(name)
        return name

    def ask(self, name, body=b"", method="POST", path="", headers=None):
        """The gateway's answer, which is one that docs/openapi.json describes."""
        path = f"/async-function/{name}{path}"
        answer = self.daemon.call(path, method, body, headers)
        openapi.validate(method, path, answer.status, answer.headers, answer.body)
        return answer

    def accept(self, name, body=b"", method="POST", path="", headers=None):
        """Queues an event; its id."""
        answer = self.ask(name, body, method, path, headers)
        assert answer.status == 202, answer
        return answer.headers["X-Shallop-Invocation-Id"]

    def show(self, id):
        answer = self.daemon.api("GET", f"/v1/invocations/{id}")
        assert answer.status == 200, answer
        return answer.json

    def list(self, **query):
        words = "&".join(f"{name}={value}" for name, value in query.items())
        return self.daemon.api("GET", f"/v1/invocations?{words}").json["invocations"]

    def dead(self, function):
        return [one["id"] for one in self.daemon.api("GET", f"/v1/dead-letters?function={function}").json["dead_letters"]]

    def end(self, id, seconds=90):
        """The invocation when it has ended."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self.daemon.api("GET", f"/v1/invocations/{id}?wait=5s")
            assert answer.status == 200, answer
            if answer.json["status"] in ENDED:
                return answer.json
            assert time.monotonic() < deadline, answer.json

    def run(self, name, body=b"", **asked):
        return self.end(self.accept(name, body, **asked))

    def result(self, id):
        return self.daemon.api("GET", f"/v1/invocations/{id}/result")

    def began(self, id):
        """Waits until an event of a function that runs HELD does run."""
        wait_until(lambda: (self.shared / f"began.{id}").exists(), 60, what=f"{id} runs")

    def serves(self, name, body):
        """Waits until a version that gives back its body has taken over: until its first instance is there, the one before it serves."""
        wait_until(lambda: self.daemon.call(f"/function/{name}", "POST", body).body == body, 60, what=f"the new {name} serves")

    def go(self):
        (self.shared / "go").touch()

    def clear(self):
        self.go()
        for name in self.names:
            self.daemon.api("DELETE", f"/v1/functions/{name}")
        self.names.clear()
        for file in self.shared.iterdir():
            file.unlink()


def outcomes(invocation):
    return [attempt["outcome"] for attempt in invocation["queued"]["history"]]


class Receiver:
    """An HTTP server that keeps what is sent to it; over TLS with a `context`."""

    def __init__(self, port=0, status=200, context=None):
        self.got, self.status, self.scheme = [], status, "https" if context else "http"
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.got.append((self.path, self.headers, body))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def one(self, seconds=60):
        """The path, fields and body of the first call."""
        wait_until(lambda: self.got, seconds, what="something was sent")
        return self.got[0]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
