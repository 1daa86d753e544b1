# SPDX-License-Identifier: Apache-2.0
"""Promise P3: an engine that is slow, fails, drops, loses, hangs, cuts, babbles or is not there.

The same for the launcher and the verbs alone, call by call: tests/docker/instance/launcher_test.cpp and tests/docker/docker/faults_test.cpp.
An engine that is frozen or killed for real: test_second_engine.py.
"""
import threading
import time
from contextlib import suppress
from http.client import HTTPException

import pytest

from conftest import LATE, Daemon, close_all, wait_until
from engine_proxy import ACTS, EngineProxy
from warm import SERVER, SHELL, Function, Meanwhile, at_once

TIMEOUT = 2  # seconds: limits.timeout of the function that is cold, and so the deadline of its start
FAULTY_SECONDS = 2.5
# What the bars of the promises are given on a machine that has other things to do.
LIVE, LIVE_WORST = 0.1, 1.0  # of 100 calls to /livez the slowest five may take longer than the bar, but not than the worst


class Place:
    """A daemon behind a proxy, with a function that is warm and one that is made cold again before each fault."""

    def __init__(self, *flags):
        self.proxy = EngineProxy()
        self.daemon = Daemon(*flags, docker_host=self.proxy.url)
        self.warm, self.cold, self.gone = (Function(self.daemon, name) for name in ("warm", "cold", "gone"))

    def start(self):
        self.daemon.start()
        for function in (self.warm, self.cold):
            function.put(image=SERVER, contract="http", limits={"timeout": f"{TIMEOUT}s"}, scale={"concurrency": 4})
            wait_until(lambda one=function: one.call().status == 200, 20)
        return self

    def at_rest(self):
        """Descriptors with one instance each, and nothing under way; those to the engine are libcurl's to keep."""
        wait_until(lambda: len(self.instances()) == 2 and self.alone(), 20, what="two instances, and no other container")
        return self.daemon.descriptors - len(self.proxy.clients)

    def instances(self):
        return self.warm.instances() + self.cold.instances()

    def alone(self):
        """Whether the containers that there are, in any state, are those of instances."""
        known = {one["container"][:12] for one in self.instances()}
        return set(self.daemon.containers()) == known

    def make_cold(self):
        for one in self.cold.instances():
            assert self.daemon.api("DELETE", f"/v1/functions/cold/instances/{one['id']}").status == 204
        wait_until(lambda: not self.cold.instances(), 10)

    def close(self):
        self.proxy.mend()
        try:
            close_all([self.daemon])
        finally:
            self.proxy.close()


class Watch(Meanwhile):
    """Calls a function and /livez all the while."""

    def __init__(self, place):
        super().__init__(self.calls, self.lives)
        self.place, self.statuses, self.live = place, [], []

    def calls(self):
        kept = self.place.warm.kept()
        while not self.over.is_set():
            self.statuses.append(kept.call("/x?warm")[0])
            time.sleep(0.002)
        kept.close()

    def lives(self):
        while not self.over.is_set():
            began = time.monotonic()
            answer = self.place.daemon.api("GET", "/livez", token=False)
            self.live.append(time.monotonic() - began if answer.status == 200 else 60.0)
            time.sleep(0.02)


def timed(work):
    began = time.monotonic()
    result = work()
    return result, time.monotonic() - began


@pytest.fixture(scope="module")
def place(server_image):
    made = Place().start()
    yield made
    made.close()


@pytest.mark.parametrize("act", ACTS)
def test_P3_the_engine_is_faulty_and_nothing_warm_notices(request, place, act):
    request.node.daemons = [place.daemon]
    daemon, proxy, process = place.daemon, place.proxy, place.daemon.process.pid
    before = place.at_rest()
    place.gone.put(image=SERVER, contract="http")
    place.gone.call()
    place.make_cold()

    faulted, began = proxy.faulted, time.monotonic()
    with Watch(place) as watch:
        proxy.break_with(act)
        work = [lambda: place.cold.call(), lambda: place.gone.remove(),
                lambda: daemon.api("PUT", "/v1/functions/new", {"image": SHELL, "command": ["true"]}, timeout=60),
                lambda: wait_until(lambda: time.monotonic() - began > FAULTY_SECONDS)]
        done = [None] * len(work)

        def run(number):
            done[number] = timed(work[number])

        doing = [threading.Thread(target=run, args=(number,)) for number in range(len(work))]
        for thread in doing:
            thread.start()
        for number in (0, 1, 3):
            doing[number].join(60)
        assert proxy.faulted > faulted or act == "refuse"
        proxy.mend()
        _, back = timed(lambda: wait_until(lambda: place.cold.call().status == 200, 60, what="a cold call works"))
        doing[2].join(60)

    (cold, cold_took), (removed, removed_took), (deployed, _) = done[:3]
    assert cold.status == 200 or cold.json["fault"] in ("engine_down", "engine_refused", "timed_out"), cold
    assert cold_took <= TIMEOUT + 1 + LATE
    assert removed.status == 204 and removed_took <= 1 + LATE
    assert deployed.status in (200, 201) or deployed.json["fault"] in ("engine_down", "engine_refused", "timed_out"), deployed
    assert back <= 2 + LATE
    assert len(watch.statuses) > 20 and set(watch.statuses) == {200}
    live = sorted(watch.live)
    assert live[int(len(live) * 0.95)] <= LIVE and live[-1] <= LIVE_WORST
    wait_until(lambda: daemon.ready(), 2 + LATE, what="it is ready")
    wait_until(place.alone, 10 + LATE, what="no container is left but those of instances")
    wait_until(lambda: place.at_rest() <= before, 10, what=f"no more descriptors than the {before} before")
    assert daemon.process.pid == process and daemon.running


def call_and_forget(function):
    with suppress(OSError, HTTPException):
        function.call()


def test_P3_SIGTERM_ends_the_daemon_whatever_the_engine_does(request, server_image):
    acts = ("hang", "lose", "error_500", "refuse", "garbage")
    places = [Place("--grace", "2s").start() for _ in acts]
    request.node.daemons = [one.daemon for one in places]
    try:
        at_once(len(acts), lambda number: stop_while(places[number], acts[number]))
    finally:
        for one in places:
            one.close()


def stop_while(place, act):
    place.make_cold()
    place.proxy.break_with(act)
    calling = threading.Thread(target=call_and_forget, args=(place.cold,))
    calling.start()
    time.sleep(0.1)
    # Beyond the grace, what the engine may still be given to remove what it was asked to make.
    _, took = timed(lambda: place.daemon.stop(seconds=30))
    assert took <= 2 + 13 + LATE, act
    calling.join()
    place.proxy.mend()
    place.daemon.start()
    wait_until(place.alone, 10 + LATE, what=f"after {act} the next start sweeps what was made and never started")
