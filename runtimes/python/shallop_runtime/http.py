# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 on a kept connection, for one peer: the daemon, which sends nothing that is malformed."""
import io
import re

HEAD_LIMIT = 256 * 1024
LINE_LIMIT = 4096
DRAIN_LIMIT = 256 * 1024  # of a body that nobody read; with more left the connection is closed
DRAIN_SECONDS = 1
PIECE = 64 * 1024
FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
FIELD_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
REASONS = {
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 301: "Moved Permanently", 302: "Found", 303: "See Other",
    304: "Not Modified", 400: "Bad Request", 404: "Not Found", 422: "Unprocessable Entity", 500: "Internal Server Error",
    503: "Service Unavailable",
}


class Closed(Exception):
    """The peer has gone, or sent what is no request."""


class BodyStream(io.RawIOBase):
    """A body that is read from the connection as it is asked for."""

    def __init__(self, connection, length):
        self.connection, self.left = connection, length  # left: None = chunked, then of the chunk
        self.chunked, self.ended = length is None, length == 0
        if self.chunked:
            self.left = 0

    def readable(self):
        return True

    def readinto(self, target):
        if self.chunked and self.left == 0 and not self.ended:
            self._next_chunk()
        if self.ended:
            return 0
        count = self.connection.take_into(target, self.left)
        self.left -= count
        if self.left == 0:
            if self.chunked:
                self.connection.line()
            else:
                self.ended = True
        return count

    def _next_chunk(self):
        try:
            self.left = int(self.connection.line().split(b";")[0], 16)
        except ValueError:
            raise Closed("a chunk has no size") from None
        if self.left == 0:
            while self.connection.line():  # trailers
                pass
            self.ended = True


class Request:
    """One request: its head, decoded as Latin-1, and its body as a file."""

    __slots__ = ("method", "target", "path", "query", "version", "headers", "body", "stream", "keep")

    def header(self, name, default=""):
        for key, value in self.headers:
            if key == name:
                return value
        return default


class Connection:
    """A connection and what has been read of it too early. Used by one thread at a time."""

    __slots__ = ("socket", "buffer")

    def __init__(self, socket):
        self.socket, self.buffer = socket, b""

    def close(self):
        self.socket.close()

    def read_request(self):
        """The next request, or None when the peer has closed the connection between two of them."""
        buffer = self.buffer
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            if len(buffer) > HEAD_LIMIT:
                raise Closed("the head is too long")
            piece = self.socket.recv(PIECE)
            if not piece:
                if buffer:
                    raise Closed("the head has no end")
                return None
            buffer = buffer + piece if buffer else piece
        self.buffer = buffer[end + 4:]
        return self._parse(buffer[:end].decode("latin-1"))

    def _parse(self, head):
        lines = head.split("\r\n")
        request = Request()
        try:
            request.method, request.target, request.version = lines[0].split(" ")
        except ValueError:
            raise Closed("no request line") from None
        request.path, _, request.query = request.target.partition("?")
        request.headers = headers = []
        length, chunked, keep = 0, False, request.version == "HTTP/1.1"
        for line in lines[1:]:
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip()
            headers.append((name, value))
            if name == "content-length":
                length = int(value) if value.isdecimal() else self._refuse("no length")
            elif name == "transfer-encoding":
                chunked = value.lower() == "chunked" or self._refuse("no coding of ours")
            elif name == "connection" and "close" in value.lower():
                keep = False
        request.keep = keep
        self._attach_body(request, None if chunked else length)
        return request

    def _refuse(self, why):
        raise Closed(why)

    def _attach_body(self, request, length):
        request.stream = None
        if length is not None and length <= len(self.buffer):  # the usual case: it came with the head, or there is none
            request.body, self.buffer = io.BytesIO(self.buffer[:length]), self.buffer[length:]
        else:
            request.stream = BodyStream(self, length)
            request.body = io.BufferedReader(request.stream, PIECE)

    def take_into(self, target, most):
        most = min(most, len(target))
        if self.buffer:
            piece, self.buffer = self.buffer[:most], self.buffer[most:]
            target[:len(piece)] = piece
            return len(piece)
        count = self.socket.recv_into(memoryview(target)[:most])
        if not count:
            raise Closed("the body has no end")
        return count

    def line(self):
        while (end := self.buffer.find(b"\r\n")) < 0:
            if len(self.buffer) > LINE_LIMIT:
                raise Closed("a line is too long")
            piece = self.socket.recv(PIECE)
            if not piece:
                raise Closed("the body has no end")
            self.buffer += piece
        line, self.buffer = self.buffer[:end], self.buffer[end + 2:]
        return line


class Reply:
    """The answer to a request: start(), write() any number of times, finish(). The head goes out with the first bytes."""

    __slots__ = ("socket", "request", "head", "started", "chunked", "bodiless", "left", "keep")

    def __init__(self, connection, request):
        self.socket, self.request = connection.socket, request
        self.head, self.started, self.chunked, self.bodiless, self.left, self.keep = None, False, False, False, None, request.keep

    def start(self, status, fields):
        """`status` is "200 OK"; nothing is sent yet, so a failure can still replace it."""
        self.head = (status, fields)

    def write(self, piece):
        if not self.started:
            self._send_head(piece, None)
        elif piece:
            self._send(piece)

    def finish(self, piece=b""):
        """Ends the reply; `piece` is its last part, and where nothing was sent before it the reply gets a Content-Length."""
        if not self.started:
            self._send_head(piece, len(piece))
        elif piece:
            self._send(piece)
        if self.chunked:
            self.socket.sendall(b"0\r\n\r\n")
        elif self.left:
            self.keep = False  # less than was promised: the end of the connection is how the peer learns it

    def text(self, status, words):
        """A whole reply in plain text."""
        self.start(f"{status} {REASONS.get(status, '')}", [("Content-Type", "text/plain; charset=utf-8")])
        self.finish(words.encode())

    def _send_head(self, piece, whole):
        status, fields = self.head
        code = status[:3]
        lines, declared = [f"HTTP/1.1 {status}"], None
        for name, value in fields:
            low = name.lower()
            if low == "content-length":
                declared = int(value)
            elif low == "connection":
                self.keep = self.keep and "close" not in value.lower()
                continue
            elif low in ("transfer-encoding", "keep-alive"):
                continue
            if not FIELD_NAME.fullmatch(name) or not FIELD_VALUE.fullmatch(value):
                raise ValueError(f"the header {name!r} has what no header may have, such as a line break")
            lines.append(f"{name}: {value}")
        head = ("\r\n".join(lines) + "\r\n").encode("latin-1")  # may fail, so nothing is decided before it
        self.bodiless = self.request.method == "HEAD" or code in ("204", "304")
        if declared is None and code not in ("204", "304"):
            if whole is not None and not (self.request.method == "HEAD" and not whole):
                declared = whole
                head += b"Content-Length: %d\r\n" % whole
            elif not self.bodiless and self.request.version == "HTTP/1.1":
                self.chunked = True
                head += b"Transfer-Encoding: chunked\r\n"
            elif not self.bodiless:
                self.keep = False
        self.left = None if self.chunked or self.bodiless else declared
        if not self.keep:
            head += b"Connection: close\r\n"
        head += b"\r\n"
        self.started = True
        if not piece or self.bodiless:
            self.socket.sendall(head)
        elif len(piece) <= PIECE and not self.chunked:
            piece = self._cut(piece)
            self.socket.sendall(head + piece)
        else:
            self.socket.sendall(head)
            self._send(piece)

    def _cut(self, piece):
        if self.left is not None:
            piece = piece[:self.left]
            self.left -= len(piece)
        return piece

    def _send(self, piece):
        if self.bodiless:
            return
        if self.chunked:
            self.socket.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        else:
            self.socket.sendall(self._cut(piece))


def drained(request):
    """Reads over what is left of the body; False where that is too much, and the connection has to end."""
    if request.stream is None:
        return True
    socket, read = request.stream.connection.socket, 0
    socket.settimeout(DRAIN_SECONDS)
    while not request.stream.ended and read <= DRAIN_LIMIT:
        read += len(request.body.read1(PIECE))
    socket.settimeout(None)
    return request.stream.ended
