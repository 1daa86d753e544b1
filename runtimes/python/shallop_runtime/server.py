# SPDX-License-Identifier: Apache-2.0
"""The listening socket, from the first connection without any code to the last event."""
import json
import os
import selectors
import socket
import sys
import threading
import time
import traceback

from . import asgi
from .http import Closed, Connection, Reply, drained
from .load import LoadError, load
from .routes import routes_of
from .wsgi import failed

SPECIALIZE = "/.shallop/specialize"
BACKLOG = 1024


class Settings:
    """What the specialize call says (protocol version 1)."""

    def __init__(self, said):
        if said.get("protocol") != 1:
            raise LoadError(f"this runtime speaks protocol 1, not {said.get('protocol')}")
        self.function = str(said.get("function", ""))
        self.version = said.get("version", 0)
        self.code = said.get("code") or "/code"
        self.entry = said.get("entry") or ""
        self.handler = said.get("handler") or ""
        self.env = said.get("env") or {}
        self.concurrency = max(1, int(said.get("concurrency") or 1))


class Server:
    """Serves on one socket. Until there is code: one request at a time, 503 to all but specialize. Then one at a time in this thread, or
    a thread for each connection where the function takes several events at once."""

    def __init__(self, path):
        self.loaded, self.refusal = None, "this container has no code yet\n"
        self.concurrency, self.turns = 1, None
        if os.path.exists(path):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.selector = selectors.EpollSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)

    def run(self):
        self.listener.listen(BACKLOG)
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    self._accept()
                elif self.loaded is not None and self.concurrency > 1:
                    self._hand_over(key.data)
                elif not self._turns(key.data):
                    self._drop(key.data)

    def _accept(self):
        accepted, _ = self.listener.accept()
        accepted.setblocking(True)
        if self.loaded is not None and self.concurrency > 1:
            self._start_thread(Connection(accepted))
        else:
            self.selector.register(accepted, selectors.EVENT_READ, Connection(accepted))

    def _drop(self, connection):
        self.selector.unregister(connection.socket)
        connection.close()

    def _hand_over(self, connection):
        """A connection from before the code came, for a thread of its own."""
        self.selector.unregister(connection.socket)
        self._start_thread(connection)

    def _start_thread(self, connection):
        threading.Thread(target=self._serve_in_thread, args=(connection,), daemon=True).start()

    def _serve_in_thread(self, connection):
        try:
            while self._turn(connection):
                pass
        finally:
            connection.close()

    def _turns(self, connection):
        """What has come on a connection: one request, or several at once."""
        good = self._turn(connection)
        while good and connection.buffer:
            good = self._turn(connection)
        return good

    def _turn(self, connection):
        """One request and its reply; False where the connection is to be closed."""
        try:
            request = connection.read_request()
            if request is None:
                return False
            reply = Reply(connection, request)
            if self.loaded is None:
                self._before(connection, request, reply)
            elif self.turns is None:
                self._serve(request, reply)
            else:
                with self.turns:
                    self._serve(request, reply)
            return drained(request) and reply.keep
        except (Closed, OSError, ValueError):
            return False

    def _serve(self, request, reply):
        try:
            self.loaded.serve(request, reply)
        except (Closed, ConnectionError, TimeoutError):
            raise
        except (Exception, SystemExit) as error:
            failed(reply, error)

    # ---- the code

    def _before(self, connection, request, reply):
        if request.method != "POST" or request.target != SPECIALIZE:
            reply.text(503, self.refusal)
            return
        try:
            loaded = self._specialize(json.loads(request.body.read()))
            if loaded.kind == "asgi":
                self._become_asgi(loaded, connection, reply)
                return
            self.loaded = loaded
            self._answer(reply, loaded)
        except LoadError as error:
            self._refuse(reply, error.sentence, error.detail)
        except (Exception, SystemExit) as error:
            self._refuse(reply, f"{type(error).__name__}: {error}", traceback.format_exc())

    def _specialize(self, said):
        settings = Settings(said)
        os.environ.update({str(name): str(value) for name, value in settings.env.items()})
        if "TZ" in settings.env:
            time.tzset()
        loaded = load(settings)
        self.concurrency = settings.concurrency
        if self.concurrency > 1:
            self.turns = threading.BoundedSemaphore(self.concurrency)
        return loaded

    def _answer(self, reply, loaded):
        said = {"kind": loaded.kind, "handler": loaded.handler}
        if loaded.target is not None and (routes := routes_of(loaded.target)):
            said["routes"] = routes
        reply.start("200 OK", [("Content-Type", "application/json")])
        reply.finish(json.dumps(said).encode())

    def _refuse(self, reply, sentence, detail):
        print(detail or sentence, file=sys.stderr, flush=True)
        self.refusal = f"the code could not be loaded: {sentence}\n"
        reply.start("422 Unprocessable Entity", [("Content-Type", "application/json")])
        reply.finish(json.dumps({"error": sentence, "detail": detail}).encode())

    def _become_asgi(self, loaded, connection, reply):
        """From here on the socket is uvicorn's; this connection, and whatever else is open, ends."""
        def started():
            reply.keep = False
            self._answer(reply, loaded)
            for key in list(self.selector.get_map().values()):
                if key.data is not None:
                    self._drop(key.data)

        try:
            asgi.serve(loaded.target, self.listener, started)
        except asgi.StartFailed as error:
            self.listener.setblocking(True)
            raise LoadError(str(error)) from None
        os._exit(0)
