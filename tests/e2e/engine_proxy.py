# SPDX-License-Identifier: Apache-2.0
"""A unix socket in front of the engine that does to each request what it is told: the faults of promise P3.

tests/support/engine_proxy.h is the same for tests in C++. This one runs on a thread of its own, and takes the load of a soak.
"""
import asyncio
import os
import re
import tempfile
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

REAL = (os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock").removeprefix("unix://")
LONGEST_HEAD = 1 << 20
GARBAGE = b"\x16\x03\x01 this is not HTTP \xff\xfe\r\n\r\n"
REFUSAL = (b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n"
           b'{"message":"the proxy was told to fail"}')

# What is done to a request. With lose, truncate and slow the engine does what it is asked, and its answer suffers; hang does so later.
ACTS = ("latency", "error_500", "drop", "lose", "hang", "truncate", "garbage", "slow", "refuse", "cut_events")


WAITING = {"GET events", "POST wait", "POST attach"}


def verb_of(method, target):
    """Such as "POST start", "DELETE container", "GET info"."""
    parts = re.sub(r"^/v[\d.]+", "", target.split("?")[0]).strip("/").split("/")
    return f"{method} {parts[0].removesuffix('s') if parts[0] == 'containers' and len(parts) == 2 and parts[1] not in ('create', 'json') else parts[-1]}"


class Body:
    """Where the body that a head announces ends; feed() takes bytes until it is done."""

    def __init__(self, head, until_close=False, none=False):
        self.chunked = re.search(rb"\r\ntransfer-encoding: *chunked", head, re.I) is not None
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
        self.left = int(length[1]) if length else 0
        self.until_close = until_close and not self.chunked and not length
        self.none = none

    async def pieces(self, reader):
        """The body's bytes as they come, framing included."""
        if self.none:
            return
        while self.until_close and (piece := await reader.read(65536)):
            yield piece
        while self.left and not self.chunked:
            if not (piece := await reader.read(min(65536, self.left))):
                raise ConnectionError("cut within a body")
            self.left -= len(piece)
            yield piece
        while self.chunked:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            yield line + await reader.readexactly(size + 2)
            self.chunked = size > 0


class Client:
    """A connection of whom we serve."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.target = None  # of the request under way
        self.early = b""    # of the next one

    async def left(self):
        """Returns when it has hung up. Its next request may come while the answer's last bytes are still told here: only one byte of it is taken."""
        if piece := await self.reader.read(1):
            self.early += piece
            await asyncio.Event().wait()


class EngineProxy:
    """One rule at a time; without one, and where it does not fit, requests pass. Its public methods may be called from any thread but its own."""

    def __init__(self, upstream=REAL):
        self.directory = Path(tempfile.mkdtemp(prefix="shallop-proxy-", dir="/tmp"))
        self.path, self.upstream = f"{self.directory}/engine.sock", upstream
        self.rule, self.requests, self.faulted, self.clients, self.bugs = None, [], 0, set(), []
        self.timed = deque(maxlen=1000)  # requests: [verb, began, ended or None]
        self.loop = asyncio.new_event_loop()
        self.mended = asyncio.Event()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = None
        self.run(self.listen())

    @property
    def url(self):
        return f"unix://{self.path}"

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    # ---- told by the test

    def break_with(self, act, target="", method="", seconds=0.5, chance=None):
        """From now on requests whose method and target fit suffer `act`; `seconds` is for latency, `chance` says of each whether it does."""
        assert act in ACTS, act
        self.run(self.set_rule(act, target, method, seconds, chance or (lambda: True)))

    def slowest(self, since):
        """The request that took longest of those that have ended since then or have not, and how long: without those that wait for something."""
        now, found = time.monotonic(), list(self.timed)
        took = [((ended or now) - began, verb) for verb, began, ended in found if (ended or now) > since and verb not in WAITING]
        return max(took, default=(0.0, "nothing"))

    def mend(self):
        """Requests pass again; those that hang go on to the engine, whoever still waits for them."""
        self.run(self.unset_rule())

    def close(self):
        self.run(self.end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
        with suppress(FileNotFoundError):
            os.unlink(self.path)
        self.directory.rmdir()
        assert not self.bugs, f"the proxy itself went wrong: {self.bugs[:3]}"

    # ---- on its own thread

    async def listen(self):
        self.server = await asyncio.start_unix_server(self.serve, self.path, limit=LONGEST_HEAD, backlog=512)

    async def away(self):
        if self.server is not None:
            self.server.close()
            self.server = None
            os.unlink(self.path)
        self.cut("")

    def cut(self, target):
        """Closes the connections whose request under way fits."""
        for client in self.clients:
            if re.search(target, client.target or ""):
                client.writer.transport.abort()

    async def set_rule(self, act, target, method, seconds, chance):
        self.mended.clear()
        self.rule = (act, target, method, seconds, chance)
        if act == "refuse":
            await self.away()
        if act == "cut_events":
            self.cut("/events")

    async def unset_rule(self):
        self.rule = None
        self.mended.set()
        if self.server is None:
            await self.listen()

    async def end(self):
        if self.server is not None:
            await self.away()
        self.cut("")
        self.mended.set()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def decide(self, method, target):
        if self.rule is None:
            return None, 0
        act, fits, only, seconds, chance = self.rule
        if act == "cut_events":
            fits = "/events"
        if (only and only != method) or not re.search(fits, target) or not chance():
            return None, 0
        self.faulted += 1
        return act, seconds

    async def serve(self, reader, writer):
        client = Client(reader, writer)
        self.clients.add(client)
        try:
            while await self.request(client):
                client.target = None
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            pass  # either side has hung up
        except Exception as bug:
            self.bugs.append(repr(bug))
        finally:
            self.clients.discard(client)
            writer.transport.abort()

    async def request(self, client):
        """One request and its answer; false where the connection is to be closed."""
        head = client.early + await client.reader.readuntil(b"\r\n\r\n")
        client.early = b""
        method, client.target = (word.decode() for word in head.split(b" ", 2)[:2])
        body = b"".join([piece async for piece in Body(head).pieces(client.reader)])
        self.requests.append((method, client.target))
        timed = [verb_of(method, client.target), time.monotonic(), None]
        self.timed.append(timed)
        try:
            return await self.suffer(client, head, body, method)
        finally:
            timed[2] = time.monotonic()

    async def suffer(self, client, head, body, method):
        act, seconds = self.decide(method, client.target)
        if act in ("drop", "refuse", "cut_events"):
            return False
        if act in ("error_500", "garbage"):
            await self.send(client.writer, REFUSAL if act == "error_500" else GARBAGE, act)
            return act == "error_500"
        if act == "latency":
            await asyncio.sleep(seconds)
        if act == "hang":
            await self.mended.wait()
        return await self.forward(head + body, method == "HEAD", act, client)

    async def forward(self, request, head_only, act, client):
        there, to = await asyncio.open_unix_connection(self.upstream, limit=LONGEST_HEAD)
        try:
            to.write(request)
            answering = asyncio.ensure_future(self.answer(there, client.writer, head_only, act))
            leaving = asyncio.ensure_future(client.left())
            await asyncio.wait([answering, leaving], return_when=asyncio.FIRST_COMPLETED)
            for task in (answering, leaving):
                task.cancel()
            kept, _ = await asyncio.gather(answering, leaving, return_exceptions=True)
            return kept is True
        finally:
            to.transport.abort()

    async def answer(self, there, writer, head_only, act):
        while True:
            head = await there.readuntil(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            if status >= 200:
                break
        if act == "lose":
            return False
        bodiless = head_only or status in (204, 304)
        if act == "truncate":
            writer.write(head[:-2] if bodiless else head)
            async for piece in Body(head, until_close=True, none=bodiless).pieces(there):
                writer.write(piece[:len(piece) // 2])
                break
            await writer.drain()
            return False
        await self.send(writer, head, act)
        body = Body(head, until_close=True, none=bodiless)
        ends = body.until_close and not bodiless
        async for piece in body.pieces(there):
            await self.send(writer, piece, act)
        return not ends

    @staticmethod
    async def send(writer, piece, act):
        if act == "slow":
            for at in range(0, len(piece), 16):
                writer.write(piece[at:at + 16])
                await asyncio.sleep(0.005)
        else:
            writer.write(piece)
        await writer.drain()
