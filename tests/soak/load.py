# SPDX-License-Identifier: Apache-2.0
"""The clients of a soak: requests, queued events, deploys and removals, schedules, jobs, all at once."""
import http.client
import json
import random
import threading
import time

from steady import Steady

SHELL = "debian:bookworm-slim"
SERVER = "shallop-test-server:latest"
CONCURRENCY = 8  # of the queued events
MARK = "cat >/dev/null; echo $SHALLOP_INVOCATION_ID >>/marks/events"
POISON = "cat >/dev/null; echo $SHALLOP_INVOCATION_ID >>/marks/poison; exit 1"
POISON_ATTEMPTS = 3
TICK = "cat >/dev/null; echo $HTTP_SHALLOP_SCHEDULED_TIME >>/marks/ticks"
WARM = {"image": SERVER, "contract": "http", "scale": {"max": 1, "concurrency": 16}, "limits": {"timeout": "5s"}}
REFUSALS = {429, 502, 503, 504}


def functions(marks):
    """The functions of the load, by name."""
    mounts = [{"type": "bind", "source": str(marks), "target": "/marks", "read_only": False}]
    later = {"concurrency": CONCURRENCY, "max_attempts": 20, "backoff": {"initial": "50ms", "max": "500ms"}}
    return {
        "warm": WARM,
        "cold": {"image": SERVER, "contract": "http", "scale": {"max": 4}, "limits": {"timeout": "3s"}},
        "victim": {"image": SERVER, "contract": "http", "scale": {"max": 2, "concurrency": 4}, "limits": {"timeout": "5s"}},
        "cat": {"image": SHELL, "command": ["cat"], "scale": {"max": 2, "concurrency": 4}, "limits": {"timeout": "5s"}},
        "mark": {"image": SHELL, "command": ["sh", "-c", MARK], "mounts": mounts, "scale": {"max": 2, "concurrency": 4}, "async": later},
        "poison": {"image": SHELL, "command": ["sh", "-c", POISON], "mounts": mounts, "scale": {"max": 1, "concurrency": 4},
                   "async": later | {"max_attempts": POISON_ATTEMPTS}},
        "tick": {"image": SHELL, "command": ["sh", "-c", TICK], "mounts": mounts, "scale": {"max": 1, "concurrency": 4}, "async": later},
    }


class Client:
    """One that works in a loop until it is told to rest or to end. `turn` says what; a connection that breaks is made again."""

    def __init__(self, load, number, pause):
        self.load, self.model, self.pause, self.go = load, load.model, pause, threading.Event()
        self.chance = random.Random(f"{load.seed} {type(self).__name__} {number}")
        self.connections, self.turns, self.resting = {}, 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.load.over.is_set():
            if not self.go.is_set():
                for connection in self.connections.values():
                    connection.close()
                self.connections.clear()
                self.resting.set()
                self.go.wait(0.2)
                continue
            self.resting.clear()
            self.turns += 1
            self.turn()
            time.sleep(self.pause * self.chance.uniform(0.5, 1.5))
        self.resting.set()

    def ask(self, port, method, path, body=None, headers=None):
        """Status, fields and body; None where the connection broke, so that it is not known what the daemon did."""
        connection = self.connections.get(port) or http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.connections[port] = connection
        try:
            connection.request(method, path, body=body, headers=headers or {})
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            del self.connections[port]
            return None

    def api(self, method, path, document=None):
        headers = {"Authorization": f"Bearer {self.load.token}", "Content-Type": "application/json"}
        return self.ask(self.load.daemon.admin_port, method, path, None if document is None else json.dumps(document), headers)

    def call(self, path, method="GET", body=None):
        return self.ask(self.load.daemon.port, method, path, body)


class Mixed(Client):
    """Requests to functions that are killed, cold or started for each event: an answer is right, or a refusal."""

    def turn(self):
        word = f"{self.chance.randrange(1 << 40):x}".encode()
        name = self.chance.choice(["victim", "cat", "cat", "cold"])
        if name == "cat":
            body = word * self.chance.choice([1, 10, 10_000])
            answer, right = self.call("/function/cat", "POST", body), body
        else:
            answer, right = self.call(f"/function/{name}/x?{word.decode()}"), word
        self.model.count(name, answer[0] if answer else "cut")
        if answer and answer[0] == 200 and not (answer[2] == right if name == "cat" else answer[2].split()[:1] == [right]):
            self.model.broke("P9", f"{name} gave a wrong answer: {answer[2][:80]!r}")
        if answer and answer[0] not in REFUSALS | {200}:
            self.model.broke("P9", f"{name} answered {answer[0]}: {answer[2][:200]!r}")


class Sender(Client):
    """Queued events: each that got a 202 is to run."""

    def turn(self):
        answer = self.call("/async-function/mark", "POST", b"x" * self.chance.randrange(1, 3000))
        self.model.count("events", answer[0] if answer else "cut")
        if answer and answer[0] == 202:
            self.model.events.append(answer[1]["X-Shallop-Invocation-Id"])


class Poisoner(Client):
    """Queued events that fail each time."""

    def turn(self):
        answer = self.call("/async-function/poison", "POST", b"x")
        if answer and answer[0] == 202:
            self.model.poison.append(answer[1]["X-Shallop-Invocation-Id"])


class Deployer(Client):
    """Creates, changes and removes functions of its own, one change after the other."""

    def turn(self):
        name, value = f"d{self.chance.randrange(8)}", self.turns
        before = self.model.functions.get(name, {None})
        if self.chance.random() < 0.25:
            value = None
            self.model.asked(name, None)
            answer = self.api("DELETE", f"/v1/functions/{name}")
        else:
            self.model.asked(name, value)
            answer = self.api("PUT", f"/v1/functions/{name}", {"image": SHELL, "command": ["true"], "env": {"V": str(value)}})
        self.model.count("deploys", answer[0] if answer else "cut")
        if answer is None:
            return
        if answer[0] in (200, 201, 204) or (value is None and answer[0] == 404 and None in before):
            self.model.acknowledged(name, value)
        elif answer[0] in (503, 504, 502):
            self.model.refused(name, before)
        else:
            self.model.broke("P11", f"a change of {name} got {answer[0]}: {answer[2][:200]!r}")


class Jobs(Client):
    """A small job now and then: each that was accepted ends well."""

    def turn(self):
        document = {"image": SHELL, "command": ["true"], "completions": 2, "parallelism": 2, "max_attempts": 20, "backoff": {"initial": "100ms"}}
        answer = self.api("POST", "/v1/jobs", document)
        self.model.count("jobs", answer[0] if answer else "cut")
        if answer and answer[0] == 202:
            self.model.jobs.append(json.loads(answer[2])["id"])


class Health(Client):
    """How long /livez takes while the daemon runs."""

    def turn(self):
        calm, began = self.load.calm, time.monotonic()
        answer = self.ask(self.load.daemon.admin_port, "GET", "/livez")
        if answer and answer[0] == 200:
            self.model.took("livez", time.monotonic() - began)
        elif calm is not None and calm == self.load.calm:
            self.model.broke("P3", f"/livez: {answer}")


class Load:
    """All clients. `calm` is a number while nothing may disturb warm calls, another one after each time something may: None meanwhile."""

    def __init__(self, daemon, model, seed, rate):
        self.daemon, self.model, self.seed = daemon, model, seed
        self.over, self.calm = threading.Event(), None
        self.token, self.calms, self.disturbed = daemon.token, 0, []
        self.active, self.since = 0.0, None  # seconds under load; the time since when, but for rests
        self.steady = Steady(daemon.port, seed, rate)
        kinds = [(Mixed, 3, 0.01), (Sender, 2, 0.03), (Poisoner, 1, 1.0), (Deployer, 1, 0.15), (Jobs, 1, 3.0), (Health, 1, 0.05)]
        self.clients = [kind(self, number, pause) for kind, count, pause in kinds for number in range(count)]

    def start(self):
        self.resume()
        for client in self.clients:
            client.thread.start()

    def becalm(self):
        self.calms += 1
        self.calm = self.calms
        if self.disturbed:
            self.disturbed[-1][1] = time.monotonic()

    def disturb(self):
        self.calm = None
        self.disturbed.append([time.monotonic(), float("inf")])

    def seconds(self):
        """How long there was load."""
        return self.active + (time.monotonic() - self.since if self.since else 0)

    def rest(self, seconds=60):
        """Waits until no client has anything under way."""
        self.steady.do("rest")
        self.active, self.since = self.seconds(), None
        self.pause(Client, seconds)

    def pause(self, kind, seconds=60):
        """The same for one kind of client."""
        resting = [client for client in self.clients if isinstance(client, kind)]
        for client in resting:
            client.go.clear()
        for client in resting:
            assert client.resting.wait(seconds), "a client waits for an answer for ever"

    def resume(self, kind=Client):
        for client in self.clients:
            if isinstance(client, kind):
                client.resting.clear()
                client.go.set()
        if kind is Client:
            self.steady.do("go")
            self.since = time.monotonic()

    def end(self):
        """Returns what went wrong with the steady calls."""
        self.over.set()
        for client in self.clients:
            client.thread.join(60)
        return self.steady.end()
