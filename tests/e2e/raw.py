# SPDX-License-Identifier: Apache-2.0
"""A connection on which exactly the bytes of a test are sent, and what comes back on it."""
import re
import socket
from typing import NamedTuple


class Reply(NamedTuple):
    """A final answer, and the statuses of the interim ones before it. Names of fields are in small letters."""

    status: int
    fields: dict
    body: bytes
    interim: tuple = ()


class Raw:
    """One connection on which exactly these bytes are sent."""

    def __init__(self, port, timeout=20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def send_what_goes(self, data):
        """The same to a peer that may have hung up before it has all."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def until_close(self):
        data = b""
        try:
            while part := self.file.read1(65536):
                data += part
        except ConnectionResetError:
            pass
        return data

    def is_silent(self, seconds):
        """Whether nothing comes, not even the end, for so long. Before anything is read."""
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(before)

    def head(self):
        """Status and fields of whatever answer comes next."""
        line = self.file.readline()
        if not line:
            raise ConnectionError("the connection ended without an answer")
        fields = {}
        while (field := self.file.readline().strip()):
            name, _, value = field.partition(b":")
            fields[name.lower()] = value.strip()
        return int(line.split()[1]), fields

    def reply(self, method="GET"):
        """The next final answer to a request of this method."""
        interim = []
        while (head := self.head())[0] < 200:
            interim.append(head[0])
        status, fields = head
        body = b"" if method == "HEAD" or status in (204, 304) else self.body(fields)
        return Reply(status, fields, body, tuple(interim))

    def body(self, fields):
        if b"content-length" in fields:
            return self.file.read(int(fields[b"content-length"]))
        if fields.get(b"transfer-encoding") != b"chunked":
            return b""
        body = b""
        while size := int(self.file.readline(), 16):
            body += self.file.read(size)
            self.file.readline()
        self.file.readline()
        return body

    def answer(self):
        """Status and body of the next final answer."""
        reply = self.reply()
        return reply.status, reply.body


def statuses(data):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]
