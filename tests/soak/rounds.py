# SPDX-License-Identifier: Apache-2.0
"""What a soak does to a daemon, one fault after the other, and what must be so after each."""
import http.client
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import suppress

from conftest import docker, request, wait_until
from engine_proxy import ACTS
from load import WARM, Deployer
from warm import at_once

# Beyond the numbers of reliability's promises: what a machine is given that has other things to do. The table has what was measured.
ORPHAN_SECONDS = 10
PATIENCE = 60
LOOKS, LOOK_SECONDS = 20, 0.1


class Rounds:
    """One daemon under load, behind a proxy. `late`: seconds that each bar is given beside itself."""

    def __init__(self, daemon, proxy, load, model, chance, late):
        self.daemon, self.proxy, self.load, self.model = daemon, proxy, load, model
        self.chance, self.late = chance, late
        self.kills = self.versions = 0
        self.orphans, self.looks = Counter(), Counter()  # by promise
        self.watching, self.ids, self.done = [], {self.daemon_id()}, []

    # ---- what is done

    def kill(self):
        """P1: killed with work in flight, and started again."""
        self.load.disturb()
        self.daemon.kill()
        self.kills += 1
        self.start_again("P1")

    def terminate(self):
        """P5: SIGTERM with work in flight; then started again."""
        self.load.disturb()
        began = time.monotonic()
        self.daemon.process.send_signal(signal.SIGTERM)
        status = self.daemon.process.wait(PATIENCE)
        self.bar("P5", "stop", time.monotonic() - began, 2 + 1)  # its --grace is 2 s
        if status != 0:
            self.model.broke("P5", f"exit status {status} after SIGTERM")
        self.start_again("P5")

    def start_again(self, promise):
        """Both times count from the start of the process."""
        self.watching.append(threading.Thread(target=self.expect_gone, args=(promise, time.monotonic(), time.time())))
        self.watching[-1].start()
        began = time.monotonic()
        self.daemon.start()
        self.bar("P1", "ready", time.monotonic() - began, 0.5)
        wait_until(lambda: self.warm_answers(), PATIENCE, 0.005)
        self.bar("P1", "first call", time.monotonic() - began, 1)
        self.ids.add(self.daemon_id())
        self.look_at_functions(promise, f"after {promise}")
        self.load.becalm()

    def kill_containers(self):
        """Containers that die by themselves: not those of the warm function, nor of queued events, whose runs are counted."""
        victims = [one for name in ("victim", "cat", "cold") for one in docker(
            "ps", "-q", "--filter", f"label=shallop.daemon={self.daemon_id()}", "--filter", f"label=shallop.function={name}").split()]
        for one in self.own_chance().sample(victims, min(2, len(victims))):
            docker("kill", one, check=False)
        wait_until(lambda: self.ask("/function/victim").status == 200, PATIENCE, what="a function whose containers were killed answers")

    def break_engine(self, act):
        """P3: one of the engine's faults, on each of its calls or on some, for up to three seconds."""
        some, length, draw = self.chance.choice([1.0, 0.5]), self.chance.uniform(0.5, 3), self.own_chance().random
        self.retire("cold")
        self.proxy.break_with(act, seconds=0.3, chance=lambda: draw() < some)
        ends = time.monotonic() + length
        while time.monotonic() < ends:
            began = time.monotonic()
            answer = self.ask("/function/cold/x?y")
            if answer.status != 200:
                self.bar("P3", "cold error", time.monotonic() - began, 3 + 1)  # its limits.timeout is 3 s
            time.sleep(0.05)
        self.proxy.mend()
        self.retire("cold")
        began = time.monotonic()
        wait_until(lambda: self.ask("/function/cold/x?y").status == 200, PATIENCE, 0.02, f"a cold call works after {act}")
        self.bar("P3", "works again", time.monotonic() - began, 2, f" after {act}")

    def burst(self):
        """P15: many at once on a function that is cold."""
        self.retire("cold")
        statuses = [answer.status if answer.status == 200 or int(answer.headers.get("Retry-After", 0)) > 0 else -answer.status
                    for answer in at_once(100, lambda number: self.ask(f"/function/cold/x?{number}"))]
        if not set(statuses) <= {200, 429, 503} or 200 not in statuses:
            self.model.broke("P15", f"a burst got {sorted(set(statuses))}")
        count = len(self.instances("cold"))
        if count > 4:
            self.model.broke("P15", f"{count} instances where max is 4")

    def redeploy(self):
        """P11: a new version of the function that is called all the time."""
        self.versions += 1
        version = self.daemon.put("warm", **WARM, env={"V": str(self.versions)})["version"]
        versions = lambda: {one["version"] for one in self.instances("warm")}
        wait_until(lambda: versions() == {version}, PATIENCE, what="the new version has taken over")

    def all(self):
        """Each kind of round, by name; those that end the daemon apart."""
        inside = {"burst": self.burst, "containers killed": self.kill_containers, "redeploy": self.redeploy}
        inside |= {f"engine: {act}": lambda act=act: self.break_engine(act) for act in ACTS}
        return {"kill -9": self.kill, "SIGTERM": self.terminate}, inside

    def do(self, name, work):
        self.model.faults[name] += 1
        self.done.append([name, time.monotonic(), float("inf")])
        try:
            work()
        except (AssertionError, OSError, http.client.HTTPException) as problem:
            self.model.broke("P9", f"{name}: {problem!r}")
            self.proxy.mend()
            if not self.daemon.running:
                self.daemon.start()
        self.done[-1][2] = time.monotonic()

    # ---- what must be so

    def bar(self, promise, what, seconds, most, after=""):
        """What is late is told with what the engine, which other things make slow too, took meanwhile."""
        self.model.took(what, seconds, promise, most)
        took, verb = self.proxy.slowest(time.monotonic() - seconds)
        words = f"{what}{after}: {seconds:.2f} s, and not {most} s; load average {os.getloadavg()[0]:.1f}, the engine's slowest call meanwhile {verb}, {took:.2f} s"
        if seconds > most:
            self.model.was_late(promise, words)
        if seconds > most + self.late:
            self.model.broke(promise, f"{words} (allowance {self.late} s)")

    def own_chance(self):
        """For what is drawn as often as it happens to come: the rounds of a seed are the same each time."""
        return random.Random(self.chance.getrandbits(32))

    def expect_gone(self, promise, ended, when):
        """Containers from before `when` are gone ten seconds after the end of their daemon, those among them that the engine had yet to make."""
        time.sleep(max(0, ended + ORPHAN_SECONDS - time.monotonic()))
        while (left := self.made_before(when)) and time.monotonic() < ended + ORPHAN_SECONDS + self.late:
            time.sleep(0.2)
        self.orphans[promise] += len(left)
        self.looks[promise] += 1
        if left:
            self.model.broke(promise, f"{len(left)} containers are there ten seconds after their daemon: {left}")

    def made_before(self, when):
        """Containers of this daemon in any state, with their state."""
        ours = [one for daemon in tuple(self.ids) for one in docker("ps", "-aq", "--filter", f"label=shallop.daemon={daemon}").split()]
        told = docker("inspect", "-f", "{{.Created}} {{.State.Status}} {{.Id}}", *ours, check=False).splitlines() if ours else []
        return [line for line in told if line and line < stamp(when)]

    def judge(self, failures):
        """What went wrong with the steady calls: an answer is never wrong, and a call fails only if the daemon was ended meanwhile."""
        cut = 0
        for one in failures:
            during = lambda began, ended: began <= one["ended"] and one["began"] <= ended
            names = [name for name, began, ended in self.done if during(began, ended)]
            if one["words"].startswith("wrong"):
                self.model.broke("P9", f"{one['words']} during {names}")
            elif any(during(*disturbed) for disturbed in self.load.disturbed):
                cut += 1
            else:
                self.model.broke("P11" if "redeploy" in names else "P3", f"a warm call: {one['words']} during {names}")
        return cut

    def settle(self):
        """Rest: no load, nothing under way, one instance that was called once. Returns descriptors, what they are, threads and resident bytes."""
        self.load.rest()
        wait_until(lambda: self.gauge("shallop_queue_events") + self.gauge("shallop_queue_running") == 0, PATIENCE, what="the queue is empty")
        for name in ("victim", "cat", "cold", "mark", "poison", "warm"):
            self.retire(name)
        wait_until(self.warm_answers, PATIENCE)
        wait_until(self.alone, ORPHAN_SECONDS + PATIENCE, 0.2, "as many containers as instances")
        process = self.daemon.process.pid
        kinds = self.fewest_descriptors()
        return {"descriptors": kinds.total(), "kinds": dict(kinds), "threads": len(os.listdir(f"/proc/{process}/task")),
                "resident": resident(process), "at": self.load.seconds(), "busy": os.getloadavg()[0]}

    def fewest_descriptors(self):
        """Those to the engine are libcurl's to keep. A connection that is just being made or closed is seen in some looks and not in others."""
        looks = []
        for _ in range(LOOKS):
            looks.append(self.daemon.open_descriptors() - Counter(socket=len(self.proxy.clients)))
            time.sleep(LOOK_SECONDS)
        return min(looks, key=Counter.total)

    def alone(self):
        """Containers in any state are those of instances."""
        return len(self.daemon.containers()) == self.gauge("shallop_instances") and self.gauge("shallop_containers_leaving") == 0

    def look_at_functions(self, promise, when):
        """No change is under way while the deployer rests; what was acknowledged is there."""
        self.load.pause(Deployer)
        for name in sorted(self.model.functions):
            answer = self.api("GET", f"/v1/functions/{name}")
            value = int(json.loads(answer.body)["env"]["V"]) if answer.status == 200 else None
            self.model.found(name, value, promise, when)
        self.load.resume(Deployer)

    # ---- talking to it

    def ask(self, path):
        return request(self.daemon.port, "GET", path, timeout=PATIENCE)

    def warm_answers(self):
        with suppress(OSError):
            return self.ask("/function/warm/x?y").status == 200

    def api(self, method, path):
        return request(self.daemon.admin_port, method, path, headers={"Authorization": f"Bearer {self.load.token}"})

    def instances(self, name):
        return json.loads(self.api("GET", f"/v1/functions/{name}/instances").body)["instances"]

    def retire(self, name):
        for one in self.instances(name):
            if "id" in one:
                self.api("DELETE", f"/v1/functions/{name}/instances/{one['id']}")

    def gauge(self, name):
        found = [line for line in self.api("GET", "/metrics").body.decode().splitlines() if line.startswith((name + " ", name + "{"))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in found)

    def daemon_id(self):
        return json.loads(self.api("GET", "/v1/info").body)["daemon"]


def resident(process):
    with open(f"/proc/{process}/status") as status:
        return int(status.read().split("VmRSS:")[1].split()[0]) * 1024


def stamp(when):
    """As the engine writes times, in UTC: comparable as text up to the first digits of a second's part."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when)) + f"{when % 1:.6f}"[1:]
