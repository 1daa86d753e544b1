# SPDX-License-Identifier: Apache-2.0
"""Promises P5, P14, P15 and P17: SIGTERM under load, a clock that jumps, a burst on a cold function, a machine that has run out of things.

Beside them: bursts in test_scale.py, signals and the full disk of the registry in test_lifecycle.py.
"""
import http.client
import os
import socket
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from conftest import LATE, docker, wait_until
from queued import Queue
from warm import SERVER, SHELL, Function, at_once, metric, stat

HTTP = {"image": SERVER, "contract": "http"}


def timed(work):
    began = time.monotonic()
    result = work()
    return result, time.monotonic() - began


# ---- P5: SIGTERM under load

class Clients:
    """They call a function until the daemon is gone. Requests that were sent whole before SIGTERM was are owed an answer."""

    def __init__(self, function, count):
        self.function, self.lost, self.statuses = function, [], Counter()
        self.terminated = None
        self.threads = [threading.Thread(target=self.client) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def client(self):
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.function.daemon.port, timeout=30)
            try:
                connection.connect()
            except OSError:
                return  # it listens no more
            try:
                while self.once(connection):
                    pass
            finally:
                connection.close()

    def once(self, connection):
        sent = None
        try:
            connection.request("GET", self.function.path + "/sleep?50")
            sent = time.monotonic()
            reply = connection.getresponse()
            reply.read()
            self.statuses[reply.status] += 1
            return reply.getheader("Connection", "").lower() != "close"
        except (OSError, http.client.HTTPException) as error:
            # One that is sent as the daemon closes an idle connection is the client's to send again.
            if sent is not None and (self.terminated is None or sent < self.terminated):
                self.lost.append(repr(error))
            return False

    def join(self):
        for thread in self.threads:
            thread.join()


@pytest.mark.parametrize("idle", [0, 300])
def test_P5_SIGTERM_under_load_loses_nothing_and_idle_connections_cost_nothing(start_daemon, server_image, idle):
    daemon = start_daemon("--grace", "5s")
    function = Function(daemon, "loaded")
    function.put(**HTTP, scale={"max": 2, "concurrency": 8})
    function.call()
    resting = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(idle)]
    clients = Clients(function, 12)
    wait_until(lambda: clients.statuses[200] > 100, 20)
    clients.terminated = time.monotonic()
    daemon.process.terminate()
    status, took = timed(lambda: daemon.process.wait(30))
    clients.join()
    for one in resting:
        one.close()
    assert status == 0
    # What ran takes 50 ms and the last words half a second; the rest is the engine's, which removes the containers.
    assert took <= 0.5 + (0.5 if idle else 0) + 1 + LATE
    assert not clients.lost and set(clients.statuses) <= {200, 503}
    assert not daemon.containers(), "nothing is left when it has ended"


def test_P5_what_outlasts_the_grace_is_cut_a_second_after_it_at_most(start_daemon, server_image):
    daemon = start_daemon("--grace", "1s")
    function = Function(daemon, "long")
    function.put(**HTTP, scale={"max": 2, "concurrency": 4})
    function.call()
    statuses = []

    def call():
        try:
            statuses.append(function.call("/sleep?25000").status)
        except (OSError, http.client.HTTPException):
            statuses.append(0)

    callers = [threading.Thread(target=call) for _ in range(6)]
    for caller in callers:
        caller.start()
    wait_until(lambda: sum(one["events"] for one in function.instances()) == 6, 20)
    daemon.process.terminate()
    status, took = timed(lambda: daemon.process.wait(30))
    for caller in callers:
        caller.join()
    assert status == 0 and took <= 1 + 1 + LATE
    assert len(statuses) == 6 and set(statuses) <= {0, 502, 503}
    assert not daemon.containers()


# ---- P14: the clock

STEPS = {"an hour on": "+3600", "an hour back": "-3600", "a day on": "+86400", "a day back": "-86400", "400 days on": "+34560000"}


class Clock:
    """The wall clock of a daemon as libfaketime shows it, which can be set while the daemon runs. The monotonic one goes on."""

    def __init__(self, directory):
        self.file = directory / "clock"
        [library] = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        self.set("+0")
        self.environment = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
                            "DONT_FAKE_MONOTONIC": "1"}

    def set(self, offset):
        beside = self.file.with_suffix(".new")
        beside.write_text(offset + "\n")
        os.replace(beside, self.file)


def test_P14_the_clock_jumps_and_no_call_is_affected(start_daemon, server_image, tmp_path):
    clock = Clock(tmp_path)
    daemon = start_daemon(environment=clock.environment)
    warm, short = Function(daemon, "warm"), Function(daemon, "short")
    warm.put(**HTTP, scale={"concurrency": 4})
    short.put(**HTTP, scale={"idle_timeout": "5m"}, limits={"timeout": "5s"})
    queue = Queue(daemon, tmp_path / "shared")
    daemon.put("later", image=SHELL, command=["cat"], **{"async": {"max_age": "6h"}})
    first = [warm.call("/where").text, short.call("/where").text]
    statuses, over = [], threading.Event()

    def call():
        while not over.is_set():
            try:
                statuses.append(warm.call("/sleep?20").status)
            except OSError as error:
                statuses.append(str(error))

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    try:
        for step, offset in STEPS.items():
            with_it = queue.accept("later", step.encode())
            clock.set(offset)
            seen = daemon.api("GET", "/v1/info").headers["Date"]
            if offset == "+34560000":
                assert seen.split()[3] != time.strftime("%Y", time.gmtime()), f"the daemon's clock stands at {seen}"
            goal = len(statuses) + 30
            wait_until(lambda: len(statuses) >= goal, 20, what=f"calls are answered {step}")
            assert queue.end(with_it, 30)["status"] == "succeeded", step
            assert queue.end(queue.accept("later", b"after"), 30)["status"] == "succeeded", step
            assert short.call("/where").text == first[1], f"{step}: an instance that is idle stays"
            clock.set("+0")
    finally:
        over.set()
        for caller in callers:
            caller.join()
    assert set(statuses) == {200} and warm.call("/where").text == first[0]


# ---- P15: many on a function that is cold

def test_P15_300_calls_on_a_cold_function_take_four_containers_and_are_answered_or_refused_in_words(functions):
    function = functions("cold", contract="http", scale={"max": 4, "queue": 100})
    most, over = [], threading.Event()

    def watch():
        while not over.is_set():
            most.append(max(len(function.instances()), len(function.containers())))

    watching = threading.Thread(target=watch)
    watching.start()
    answers = at_once(300, lambda number: function.call(f"/sleep?20&{number}"))
    over.set()
    watching.join()
    statuses = Counter(answer.status for answer in answers)
    assert set(statuses) <= {200, 429, 503} and statuses[200] >= 100, statuses
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers if answer.status != 200)
    assert 0 < max(most) <= 4


# ---- P17: a machine that has run out of things

def cpu_seconds(daemon):
    return stat(daemon.process.pid)[1] / os.sysconf("SC_CLK_TCK")


def assert_no_spin(daemon, seconds=1.0):
    """At rest it uses next to no CPU time, whatever it lacks."""
    before = cpu_seconds(daemon)
    time.sleep(seconds)
    used = cpu_seconds(daemon) - before
    assert used <= 0.3 * seconds, f"{used:.2f} s of CPU time within {seconds} s"


class SmallDisk:
    def __init__(self, at, size):
        self.at = at
        at.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)], check=True)

    def fill(self):
        with open(self.at / "fill", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def free(self):
        (self.at / "fill").unlink()

    def close(self):
        subprocess.run(["umount", "--lazy", str(self.at)], check=True)  # a test that failed may have left a daemon on it


def test_P17_a_full_disk_is_507_and_what_does_not_write_goes_on(start_daemon, server_image, tmp_path):
    disk = SmallDisk(tmp_path / "disk", "2m")
    try:
        daemon = start_daemon(data_dir=disk.at / "data")
        warm = Function(daemon, "warm")
        warm.put(**HTTP, scale={"concurrency": 4})
        daemon.put("later", image=SHELL, command=["true"])
        warm.call()
        queued = daemon.call("/async-function/later", "POST", b"x")
        assert queued.status == 202
        disk.fill()
        refused = Counter(daemon.call("/async-function/later", "POST", bytes(20_000)).status for _ in range(60))
        assert refused[507] > 0 and set(refused) <= {202, 507}, refused
        assert daemon.api("PUT", "/v1/functions/big", {"image": SHELL, "command": ["true"], "env": {"X": "x" * 30000}}).status == 507
        assert [warm.call().status for _ in range(50)] == [200] * 50
        assert daemon.api("GET", "/livez", token=False).status == 200
        assert_no_spin(daemon)
        disk.free()
        _, took = timed(lambda: wait_until(lambda: daemon.call("/async-function/later", "POST", b"after").status == 202, 30))
        assert took <= 2 + LATE
        assert daemon.api("PUT", "/v1/functions/after", {"image": SHELL, "command": ["true"]}).status == 201
        id = queued.headers["X-Shallop-Invocation-Id"]
        wait_until(lambda: daemon.api("GET", f"/v1/invocations/{id}").json["status"] == "succeeded", 30)
        daemon.stop()
    finally:
        disk.close()


def test_P17_two_hundred_descriptors_are_enough_to_say_no(start_daemon, server_image):
    daemon = start_daemon(wrapper=["prlimit", "--nofile=200:200"])
    function = Function(daemon, "warm")
    function.put(**HTTP, scale={"concurrency": 4})
    function.call()
    many = []
    for _ in range(400):
        one = socket.socket()
        one.settimeout(5)
        one.connect(("127.0.0.1", daemon.port))
        # Half a request: a connection that cannot be closed as idle.
        one.sendall(b"GET /function/warm HTTP/1.1\r\n")
        many.append(one)
    wait_until(lambda: daemon.descriptors >= 190 or "cannot accept" in daemon.log(), 20)
    assert daemon.running
    assert_no_spin(daemon)
    for one in many:
        one.close()
    _, took = timed(lambda: wait_until(lambda: answers(function), 30))
    assert took <= 2 + LATE
    assert daemon.api("GET", "/livez", token=False).status == 200
    daemon.put("after", image=SHELL, command=["echo", "after"])
    assert wait_until(lambda: daemon.call("/function/after"), 20).text == "after\n"


def test_P17_few_descriptors_and_more_instances_than_they_allow(start_daemon, server_image):
    daemon = start_daemon("--max-instances", "64", wrapper=["prlimit", "--nofile=64:64"])
    function = Function(daemon, "wide")
    function.put(**HTTP, scale={"max": 40}, limits={"memory": "16Mi", "timeout": "10s"})
    answers_of = Counter()

    def call(number):
        try:
            answers_of[function.call("/sleep?300").status] += 1
        except (OSError, http.client.HTTPException):
            answers_of["cut"] += 1

    at_once(60, call)
    assert set(answers_of) <= {200, 429, 503, 502, 504, "cut"}, answers_of
    assert daemon.running
    _, took = timed(lambda: wait_until(lambda: answers(function), 30))
    assert took <= 2 + LATE
    assert_no_spin(daemon)


def answers(function):
    try:
        return function.call().status == 200
    except (OSError, http.client.HTTPException):
        return False


def limit_memory(daemon, limit):
    subprocess.run(["prlimit", "--pid", str(daemon.process.pid), f"--as={limit}:unlimited"], check=True)


def test_P17_little_address_space_is_a_refusal_and_not_an_end(start_daemon, server_image):
    daemon = start_daemon()
    function = Function(daemon, "warm")
    function.put(**HTTP, scale={"concurrency": 8}, limits={"request_body": "64Mi"})
    daemon.put("later", image=SHELL, command=["true"])
    function.call()
    size = int(Path(f"/proc/{daemon.process.pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
    limit_memory(daemon, size + 500_000)  # nearly nothing beside what it has
    work = [lambda _: function.call("/take", "POST", bytes(3_000_000)), lambda _: function.call("/give?2000000"),
            lambda _: daemon.call("/async-function/later", "POST", bytes(250_000)),
            lambda number: daemon.api("PUT", f"/v1/functions/n{number}", {"image": SHELL, "command": ["true"], "env": {"X": "x" * 30_000}})]
    found = Counter()

    def call(number):
        try:
            answer = work[number % len(work)](number)
            found[answer.status] += 1
            assert answer.status not in (429, 503) or int(answer.headers["Retry-After"]) > 0, answer
        except (ConnectionError, http.client.HTTPException):
            found["cut"] += 1

    for _ in range(3):
        at_once(160, call)
    print(found)
    assert daemon.running, "it lives"
    assert set(found) <= {200, 201, 202, 429, 502, 503, 507, "cut"}, found
    assert found[503] + found["cut"] > 0, "it had enough: this shows nothing"
    assert daemon.api("GET", "/livez", token=False).status == 200
    assert_no_spin(daemon)
    limit_memory(daemon, "unlimited")
    _, took = timed(lambda: wait_until(lambda: answers(function), 30))
    assert took <= 2 + LATE
    assert daemon.call("/async-function/later", "POST", b"x").status == 202
    daemon.put("after", image=SHELL, command=["echo", "after"])
    assert wait_until(lambda: daemon.call("/function/after"), 20).text == "after\n"


# ---- the machine's memory

def score(process):
    return int(Path(f"/proc/{process}/oom_score_adj").read_text())


def may_lower_scores():
    """CAP_SYS_RESOURCE, which containers and some virtual machines do not give to root."""
    [effective] = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff:")]
    return bool(int(effective, 16) >> 24 & 1)


def test_the_kernel_is_told_to_kill_functions_before_the_daemon(start_daemon, server_image):
    daemon = start_daemon()
    expected = -500 if may_lower_scores() else score("self")
    assert score(daemon.process.pid) == expected and f"oom_score_adj={expected}" in daemon.log()
    function = Function(daemon, "warm")
    function.put(**HTTP)
    function.call()
    [one] = function.instances()
    assert score(docker("inspect", "-f", "{{.State.Pid}}", one["container"])) == 500


def test_a_daemon_that_may_not_lower_its_score_runs_as_it_is_and_an_operators_choice_stays(start_daemon):
    humble = start_daemon(wrapper=["choom", "-n", "300", "--", "setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"])
    assert score(humble.process.pid) == 300 and "oom_score_adj=300" in humble.log()
    if may_lower_scores():
        chosen = start_daemon(wrapper=["choom", "-n", "-900", "--"])
        assert score(chosen.process.pid) == -900


def test_no_more_memory_is_promised_than_there_is(start_daemon, server_image):
    daemon = start_daemon("--max-memory", "64Mi")
    several = [Function(daemon, f"f{number}") for number in range(3)]
    for function in several:
        function.put(**HTTP, limits={"memory": "24Mi"}, scale={"max": 4})
    most, over = [], threading.Event()

    def watch():
        while not over.is_set():
            most.append(metric(daemon, "shallop_instances_memory_bytes"))

    watching = threading.Thread(target=watch)
    watching.start()
    found = at_once(24, lambda number: several[number % 3].call("/sleep?100").status)
    over.set()
    watching.join()
    assert set(found) <= {200, 429, 503} and found.count(200) >= 12
    assert 0 < max(most) <= 64 << 20
    daemon.put("large", image=SERVER, contract="http", limits={"memory": "65Mi"})
    answer = daemon.call("/function/large")
    assert answer.status == 429 and "64Mi" in answer.json["detail"], answer
