# SPDX-License-Identifier: Apache-2.0
"""The bare engine: the fewest API calls that run one container and read its first byte, over kept connections."""

import json
import socket
import struct
import time

SOCKET = "/var/run/docker.sock"
LABEL = "shallop.bench"


class Connection:
    """One kept-alive HTTP/1.1 connection on a unix or TCP socket; just enough for a benchmark."""

    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.connect(address)
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def close(self):
        self.socket.close()

    def send(self, method, path, body=b"", fields=""):
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)

    def fill(self):
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError("closed")
        self.buffer += chunk

    def head(self):
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        fields = {k.strip().lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        return int(lines[0].split()[1]), fields

    def first_byte(self):
        while not self.buffer:
            self.fill()

    def take(self, size):
        while len(self.buffer) < size:
            self.fill()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def line(self):
        while b"\r\n" not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def body(self, status, fields):
        if status in (204, 304):
            return b""
        if fields.get("transfer-encoding") == "chunked":
            data = b""
            while size := int(self.line(), 16):
                data += self.take(size)
                self.line()
            self.line()
            return data
        return self.take(int(fields.get("content-length", 0)))

    def call(self, method, path, document=None):
        body = json.dumps(document).encode() if document is not None else b""
        self.send(method, path, body, "Content-Type: application/json\r\n")
        status, fields = self.head()
        data = self.body(status, fields)
        if status >= 400:
            raise RuntimeError(f"{method} {path}: {status} {data[:300]!r}")
        return json.loads(data) if data else None


def spec(image, command):
    """What the daemon asks for (src/docker/codec_container.cpp), less its shim and the mount that comes with it."""
    return {
        "Image": image, "Cmd": command, "NetworkDisabled": True, "AttachStdout": True, "Labels": {LABEL: "1"},
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "AutoRemove": True, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"], "ReadonlyRootfs": True,
            "Tmpfs": {"/tmp": "rw,exec,nosuid,nodev,mode=1777,size=67108864,nr_inodes=16384"}, "Memory": 268435456,
            "MemorySwap": 268435456, "NanoCpus": 1000000000, "PidsLimit": 128, "LogConfig": {"Type": "none"},
            "Init": False, "CgroupnsMode": "private", "ShmSize": 16 << 20, "RestartPolicy": {"Name": "no"},
            "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
        },
    }


class Bare:
    """create, attach, start, first byte, end of output. The engine removes the container by itself."""

    def __init__(self, image, command):
        self.spec = spec(image, command)
        self.api = Connection(SOCKET)

    def run(self, clock, permit=None):
        """Returns the times of the first byte and of the end, on `clock`; `permit` bounds create and start."""
        if permit:
            permit.acquire()
        try:
            made = self.api.call("POST", "/containers/create", self.spec)["Id"]
            attach = Connection(SOCKET)
            attach.send("POST", f"/containers/{made}/attach?stream=1&stdout=1", fields="Connection: Upgrade\r\nUpgrade: tcp\r\n")
            attach.head()
            self.api.send("POST", f"/containers/{made}/start")
            attach.take(8)
            attach.first_byte()
            first = clock()
            status, fields = self.api.head()
            self.api.body(status, fields)
        finally:
            if permit:
                permit.release()
        try:
            while True:
                attach.fill()
        except ConnectionError:
            pass
        attach.close()
        return first, clock()


def filters(**wanted):
    return json.dumps(wanted).replace('"', "%22").replace(" ", "")


def containers(*labels):
    """All that carry these labels, in whatever state."""
    api = Connection(SOCKET)
    found = api.call("GET", f"/containers/json?all=1&filters={filters(label=list(labels))}")
    api.close()
    return found


def made_since(label, began):
    """How many containers with a label were created since a time() of the host, whatever became of them."""
    api = Connection(SOCKET)
    wanted = filters(type=["container"], event=["create"], label=[label])
    api.send("GET", f"/events?since={began:.6f}&until={time.time():.6f}&filters={wanted}")
    status, fields = api.head()
    found = api.body(status, fields)
    api.close()
    if status != 200:
        raise RuntimeError(f"/events: {status} {found!r}")
    return sum(1 for line in found.splitlines() if line.strip())


assert struct.calcsize(">BxxxL") == 8  # the attach stream's frame head, which Bare.run skips
