# SPDX-License-Identifier: Apache-2.0
"""A client of FastCGI with the methods of http.client's, for runtimes that speak it: what a web server would pass on to them."""
import email.parser
import http.client
import io
import socket
import struct

BEGIN, END, PARAMETERS, INPUT, OUTPUT = 1, 3, 4, 5, 6
KEEP = 1


def record(kind, content=b""):
    return struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content


def length(size):
    return bytes([size]) if size < 128 else struct.pack(">I", size | 0x80000000)


def stream(kind, content):
    pieces = [content[at:at + 60_000] for at in range(0, len(content), 60_000)]
    return b"".join(record(kind, piece) for piece in [*pieces, b""])


class Reply:
    def __init__(self, output):
        head, _, self.body = output.partition(b"\r\n\r\n")
        self.headers = email.parser.Parser(_class=http.client.HTTPMessage).parse(io.StringIO(head.decode("latin-1")))
        self.status = int(self.headers.get("Status", "200").split()[0]) if output else 502

    def read(self):
        return self.body


class FastCgiConnection:
    """One connection, which is kept; a process that closes it instead of answering is a 502, as a web server makes of it."""

    def __init__(self, path, script, timeout=30):
        self.path, self.script, self.timeout, self.sock, self.method = str(path), script, timeout, None, None

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def close(self):
        self.sock.close()

    def request(self, method, path, body=None, headers=None):
        body = b"".join(body) if hasattr(body, "__next__") else body or b""
        body = body.encode() if isinstance(body, str) else body
        names = {"REQUEST_METHOD": method, "REQUEST_URI": path, "QUERY_STRING": path.partition("?")[2], "SCRIPT_FILENAME": self.script,
                 "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_LENGTH": str(len(body)) if body else "", "HTTP_HOST": "localhost"}
        for name, value in (headers or {}).items():
            name = name.upper().replace("-", "_")
            names["CONTENT_TYPE" if name == "CONTENT_TYPE" else f"HTTP_{name}"] = value
        encoded = b"".join(length(len(name)) + length(len(value)) + name + value
                           for name, value in ((n.encode(), v.encode()) for n, v in names.items()))
        self.method = method
        try:
            self.sock.sendall(record(BEGIN, struct.pack(">HB5x", 1, KEEP)) + stream(PARAMETERS, encoded) + stream(INPUT, body))
        except OSError:
            self.again()
            self.sock.sendall(record(BEGIN, struct.pack(">HB5x", 1, KEEP)) + stream(PARAMETERS, encoded) + stream(INPUT, body))

    def again(self):
        self.sock.close()
        self.connect()

    def exactly(self, size):
        """So many bytes; none where the connection has ended."""
        got = b""
        while len(got) < size:
            piece = self.sock.recv(min(size - len(got), 1 << 20))
            if not piece:
                return b""
            got += piece
        return got

    def getresponse(self):
        output = []
        while True:
            try:
                head = self.exactly(8)
            except ConnectionError:
                head = b""
            if not head:
                self.again()
                return Reply(b"")
            _, kind, _, size, padding = struct.unpack(">BBHHBx", head)
            content = self.exactly(size) if size else b""
            if padding:
                self.exactly(padding)
            if kind == OUTPUT:
                output.append(content)
            if kind == END:
                reply = Reply(b"".join(output))
                reply.body = b"" if self.method == "HEAD" else reply.body
                return reply
