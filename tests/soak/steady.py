#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The steady part of a soak's load: processes of their own that call a warm server so many times a second and check each answer whole.

A call has a word that no other call has; the answer is right if it is 200 and has this word, the name of the instance that its head
has, and not a byte more. What went wrong comes with the time of the call, so that Steady can say whether the daemon was just being killed.

    steady.py PORT NAME RATE CONNECTIONS    reads "go", "rest" and "tell" on its standard input, and ends with it
"""
import json
import os
import re
import select
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, deque

CONNECTIONS = 5          # of each process
RATE_OF_ONE = 2000       # calls a second that one process is asked for at most
GIVEN_UP_SECONDS = 15    # a call without an answer
LATE_SECONDS = 0.5       # calls that are due for longer are not made up for
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.I)
INSTANCE = re.compile(rb"\r\nx-instance: *(\S+)\r\n", re.I)
CLOSES = re.compile(rb"\r\nconnection: *close\r\n", re.I)
clock = time.monotonic


class Connection:
    """One at a time: a call, its answer."""

    def __init__(self, port, name):
        self.address, self.name, self.calls = ("127.0.0.1", port), name, 0
        self.socket, self.word, self.echo, self.got, self.began = None, b"", False, b"", 0.0

    def send(self):
        """The next call; every fourth one has a body, which comes back. OSError where the daemon is not there."""
        self.calls += 1
        self.began, self.got = clock(), b""
        self.word, self.echo = f"{self.name}.{self.calls}".encode(), self.calls % 4 == 0
        if self.socket is None:
            self.socket = socket.create_connection(self.address, 10)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.echo:
            self.word *= 1 + self.calls // 4 % 40
            self.socket.sendall(b"POST /function/warm/echo HTTP/1.1\r\nHost: soak\r\nContent-Length: %d\r\n\r\n" % len(self.word) + self.word)
        else:
            self.socket.sendall(b"GET /function/warm/x?%s HTTP/1.1\r\nHost: soak\r\n\r\n" % self.word)

    def receive(self):
        """What the answer is, once it is whole: "right", or what is wrong with it, in words; None before."""
        try:
            piece = self.socket.recv(65536)
        except OSError:
            piece = b""
        if not piece:
            self.close()
            return f"cut after {len(self.got)} bytes"
        self.got += piece
        head, end, body = self.got.partition(b"\r\n\r\n")
        length = end and LENGTH.search(head + b"\r\n")
        if not end or (length and len(body) < int(length[1])):
            return None
        if CLOSES.search(head + b"\r\n"):
            self.close()
        return self.judge(head + b"\r\n", body, length)

    def judge(self, head, body, length):
        status = head[9:12].decode(errors="replace")
        if not head.startswith(b"HTTP/1.1 ") or not length:
            return f"wrong: no answer to {self.word[:60]!r}: {self.got[:200]!r}"
        if status != "200":
            return f"status {status} {body[-200:]!r}"
        instance = INSTANCE.search(head)
        right = self.word if self.echo else instance and self.word + b" " + instance[1] + b"\n"
        return "right" if body == right else f"wrong: {body[:120]!r} to {self.word[:60]!r}"

    def close(self):
        if self.socket is not None:
            self.socket.close()
        self.socket = None


class Worker:
    """Its own loop: sends what is due on connections that are free."""

    def __init__(self, port, name, rate, count):
        self.free = deque(Connection(port, f"{name}.{number}") for number in range(count))
        self.busy, self.poll, self.rate = {}, select.epoll(), rate
        self.running, self.due, self.right, self.wrong, self.milliseconds = False, 0.0, 0, 0, Counter()
        os.set_blocking(0, False)
        self.poll.register(0, select.EPOLLIN)

    def run(self):
        while True:
            wait = self.due - clock() if self.running and self.free else 1
            for file, _ in self.poll.poll(max(0, wait)):
                if file == 0:
                    if not (words := os.read(0, 4096)):
                        return
                    for word in words.split():
                        self.obey(word.decode())
                elif file in self.busy and (answer := self.busy[file].receive()) is not None:
                    self.end(file, answer)
            for file in [file for file, one in self.busy.items() if clock() - one.began > GIVEN_UP_SECONDS]:
                self.busy[file].close()
                self.end(file, f"no answer in {GIVEN_UP_SECONDS} s")
            self.send()

    def send(self):
        now = clock()
        self.due = max(self.due, now - LATE_SECONDS)
        while self.running and self.free and self.due <= now:
            self.due += 1 / self.rate
            one = self.free.popleft()
            try:
                one.send()
                self.busy[one.socket.fileno()] = one
                self.poll.register(one.socket, select.EPOLLIN)
            except OSError as problem:
                one.close()
                self.free.append(one)
                self.failed(one, f"not sent: {problem}")
                self.due = now + 0.02

    def end(self, file, answer):
        one = self.busy.pop(file)
        if one.socket is not None:
            self.poll.unregister(file)
        self.free.append(one)
        if answer == "right":
            self.right += 1
            self.milliseconds[int((clock() - one.began) * 1e3)] += 1
        else:
            one.close()
            self.failed(one, answer)

    def failed(self, one, words):
        self.wrong += 1
        say({"began": one.began, "ended": clock(), "words": words})

    def obey(self, word):
        self.running = word == "go" or (word == "tell" and self.running)
        self.due = clock() if word == "go" else self.due
        while word == "rest" and self.busy:
            for file, one in list(self.busy.items()):
                one.socket.settimeout(GIVEN_UP_SECONDS)
                if (answer := one.receive()) is not None:
                    self.end(file, answer)
        for one in self.free if word == "rest" else ():
            one.close()
        say({"did": word, "right": self.right, "wrong": self.wrong, "milliseconds": dict(self.milliseconds)})


def say(document):
    print(json.dumps(document), flush=True)


class Steady:
    """The processes, as the soak sees them. `disturbed` are the times, from and to, in which the daemon may break a call."""

    def __init__(self, port, seed, rate):
        count = max(1, -(-rate // RATE_OF_ONE))
        self.failures, self.told, self.lock = [], {}, threading.Condition()
        self.processes = [subprocess.Popen(
            [sys.executable, __file__, str(port), f"{seed:x}.{number}", str(rate / count), str(CONNECTIONS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for number in range(count)] if rate else []
        self.threads = [threading.Thread(target=self.read, args=(one,), daemon=True) for one in self.processes]
        for thread in self.threads:
            thread.start()

    def read(self, process):
        for line in process.stdout:
            document = json.loads(line)
            with self.lock:
                if "did" in document:
                    self.told[process.pid] = document
                    self.lock.notify_all()
                else:
                    self.failures.append(document)

    def do(self, word):
        """Tells all processes and waits until they have done so: calls that were answered rightly so far, and otherwise."""
        with self.lock:
            self.told = {}
            for one in self.processes:
                one.stdin.write(word + "\n")
                one.stdin.flush()
            there = self.lock.wait_for(lambda: len(self.told) == len(self.processes), 60)
            assert there, f"a process of the steady load does not {word}"
            return sum(one["right"] for one in self.told.values()), sum(one["wrong"] for one in self.told.values())

    def milliseconds(self, share):
        """How long that share of the right answers took at most, as of the last do()."""
        took = Counter()
        for told in self.told.values():
            took.update({int(key): count for key, count in told["milliseconds"].items()})
        left = took.total() * share
        for key in sorted(took):
            left -= took[key]
            if left <= 0:
                return key + 1
        return 0

    def end(self):
        """Returns the failures: when each began and ended, and what it was."""
        for one in self.processes:
            one.stdin.close()
            one.wait(30)
        for thread in self.threads:
            thread.join(30)
        return self.failures


if __name__ == "__main__":
    Worker(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4])).run()
