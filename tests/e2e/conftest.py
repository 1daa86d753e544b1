# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests: the built program, started for real, on a real engine.

`start_daemon(*flags, **settings)` starts as many daemons as a test wants; `daemon` is one of them, fresh; `shared` is
one for all the tests that only register functions and call them.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

import openapi

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY = Path(os.environ.get("SHALLOP_BIN", ROOT / "build/release/shallop"))
READY_SECONDS = 20
STOP_SECONDS = 60
LATE = 1.5  # what a bar in seconds is given on a machine that has other things to do


def wait_until(claim, seconds=10, every=0.05, what=None):
    """Waits until claim() is true and returns what it returned; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = claim()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or getattr(claim, '__name__', claim)}"
        time.sleep(every)


_given_ports = set()


def free_port():
    """A port of 127.0.0.1 that nobody uses now and that this run has not given out before."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _given_ports:
            _given_ports.add(port)
            return port


def docker(*words, check=True, timeout=300, **options):
    """Runs the Docker client and returns what it printed."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=timeout, **options)
    assert not check or done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def containers(label="shallop.daemon"):
    """Ids of the containers with a label (`name` or `name=value`), in whatever state."""
    return docker("ps", "-aq", "--filter", f"label={label}").split()


class Answer:
    """An HTTP answer, read whole."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<Answer {self.status} {self.body[:300]!r}>"


def request(port, method, path, body=None, headers=None, timeout=60):
    return only_request(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout), method, path, body, headers)


def only_request(connection, method, path, body=None, headers=None):
    """The answer to the one request that this connection is for."""
    try:
        connection.request(method, path, body=body, headers=headers or {})
        reply = connection.getresponse()
        return Answer(reply.status, reply.headers, reply.read())
    finally:
        connection.close()


class Daemon:
    """A running `shallop serve` with directories and ports of its own. `start` and `stop` may be called again and again."""

    def __init__(self, *flags, environment=None, data_dir=None, docker_host=None, wrapper=()):
        # /tmp and not pytest's own folder: a unix socket's path has 107 characters at most.
        self.home = Path(tempfile.mkdtemp(prefix="shallop-e2e-", dir="/tmp"))
        self.data_dir, self.run_dir = Path(data_dir or self.home / "data"), self.home / "run"
        self.log_file = self.home / "log"
        self.port, self.admin_port = free_port(), free_port()
        self.flags, self.environment, self.process = list(flags), environment or {}, None
        self.docker_host, self.wrapper = docker_host, [str(word) for word in wrapper]  # a program that runs it, such as prlimit

    def command(self):
        command = self.wrapper + [str(BINARY), "serve", "--listen", f"127.0.0.1:{self.port}",
                   "--admin-listen", f"127.0.0.1:{self.admin_port}",
                   "--data-dir", str(self.data_dir), "--run-dir", str(self.run_dir)]
        return command + (["--docker-host", self.docker_host] if self.docker_host else []) + self.flags

    def start(self, wait=True):
        assert BINARY.exists(), f"{BINARY} is not built (set SHALLOP_BIN, or run: make build)"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SHALLOP_")}
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env=environment | self.environment)
        if wait:
            wait_until(self.ready, READY_SECONDS, 0.02, "the daemon is ready")
        return self

    def ready(self):
        assert self.process.poll() is None, f"the daemon ended with {self.process.returncode}\n{self.log()[-3000:]}"
        try:
            return request(self.admin_port, "GET", "/readyz", timeout=2).status == 200
        except OSError:
            return False

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    @property
    def descriptors(self):
        """How many it has open."""
        return self.open_descriptors().total()

    def open_descriptors(self):
        """What each open descriptor is, counted: "socket", "pipe", "anon_inode" or a path."""
        kinds = Counter()
        for one in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                kinds[os.readlink(one).split(":")[0]] += 1
        return kinds

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def token(self):
        return (self.data_dir / "admin-token").read_text().strip()

    def stop(self, seconds=STOP_SECONDS):
        """SIGTERM; the daemon ends what it runs and exits 0."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(seconds) == 0, f"exit status {self.process.returncode}\n{self.log()[-3000:]}"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        """Ends the daemon, whatever the test left it in, and removes its directories; says what it left behind."""
        left = []
        try:
            if self.running:
                self.stop()
        finally:
            if self.running:
                self.kill()
            left = self.left_behind()
            shutil.rmtree(self.home, ignore_errors=True)
        assert not left, f"containers left behind: {left}"

    @property
    def daemon_ids(self):
        """The values that the label shallop.daemon of this daemon's containers had, from its log: usually one."""
        return set(re.findall(r"msg=listening .*\bdaemon=(\S+)", self.log()))

    def containers(self):
        """Ids of this daemon's containers, in whatever state."""
        return [found for daemon in self.daemon_ids for found in containers(f"shallop.daemon={daemon}")]

    def left_behind(self):
        """Containers of this daemon that are still there ten seconds after its end."""
        deadline = time.monotonic() + 10
        while (found := self.containers()) and time.monotonic() < deadline:
            time.sleep(0.1)
        for container in found:
            docker("rm", "-f", container, check=False)
        return found

    # ---- talking to it

    def api(self, method, path, body=None, headers=None, token=True, timeout=60):
        """A call of the admin listener, with its token and a JSON body. Its answer is one that docs/openapi.json describes."""
        headers = dict(headers or {})
        if token:
            headers.setdefault("Authorization", f"Bearer {self.token if token is True else token}")
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        answer = request(self.admin_port, method, path, body, headers, timeout)
        openapi.validate(method, path, answer.status, answer.headers, answer.body)
        return answer

    def put(self, name, /, **resource):
        """Registers a function; fails unless the daemon takes it."""
        answer = self.api("PUT", f"/v1/functions/{name}", resource, timeout=300)
        assert answer.status in (200, 201), answer
        return answer.json

    def call(self, path, method="GET", body=None, headers=None, timeout=60):
        """A call of the gateway."""
        return request(self.port, method, path, body, headers, timeout)

    def cli(self, *words, check=True, **options):
        """Runs the client against this daemon."""
        environment = os.environ | {"SHALLOP_URL": f"http://127.0.0.1:{self.admin_port}",
                                    "SHALLOP_TOKEN_FILE": str(self.data_dir / "admin-token")}
        done = subprocess.run([str(BINARY), *words], capture_output=True, text=True, timeout=120, env=environment, **options)
        assert not check or done.returncode == 0, f"shallop {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done


# ---- fixtures ----------------------------------------------------------------------------------------------

@pytest.fixture
def start_daemon(request):
    started = []

    def start(*flags, wait=True, **settings):
        daemon = Daemon(*flags, **settings)
        started.append(daemon)
        request.node.daemons = started
        return daemon.start(wait)

    yield start
    close_all(started)


def close_all(daemons):
    problems = []
    for daemon in daemons:
        try:
            daemon.close()
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems, "\n".join(problems)


@pytest.fixture
def daemon(start_daemon):
    return start_daemon()


@pytest.fixture(scope="session")
def shared_daemon():
    daemon = Daemon().start()
    yield daemon
    close_all([daemon])


@pytest.fixture
def shared(request, shared_daemon):
    request.node.daemons = [shared_daemon]
    return shared_daemon


@pytest.fixture(scope="session")
def example_images():
    """The images of all examples, built by the script that users run."""
    subprocess.run([ROOT / "tools/build-examples"], check=True, timeout=900)


@pytest.fixture(scope="session")
def runtime_images():
    """The images of all runtimes, built by the script that users run, which leaves alone what has not changed."""
    import runtime_worker
    subprocess.run([ROOT / "tools/build-runtimes"], check=True, timeout=900)
    yield
    runtime_worker.wait_for_removals()


@pytest.fixture
def worker(runtime_images):
    """`worker(runtime, files, **told)` starts a container of the runtime and, with files, gives it its code."""
    import runtime_worker
    started = []

    def start(runtime, files=None, **told):
        started.append(runtime_worker.Worker(runtime))
        if files is not None:
            answer = started[-1].specialize(files, **told)
            assert answer.status == 200, f"{answer}\n{started[-1].log()}"
            started[-1].told = answer.json
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(scope="session")
def server_image():
    """The image of functions/server.c."""
    import warm
    warm.build_server()


@pytest.fixture
def functions(shared, server_image):
    """`functions(name, **resource)` registers one on the shared daemon, for this test alone; functions/server.c with the contract http
    where nothing else is said. Afterwards no container of theirs is left."""
    import warm
    made = []

    def make(name, /, **resource):
        shared.put(name, **{"image": warm.SERVER} | resource)
        made.append(warm.Function(shared, name))
        return made[-1]

    yield make
    for one in made:
        one.remove()
    for one in made:
        one.gone()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the end of each daemon's log beside a failure."""
    report = (yield).get_result()
    if report.failed:
        for number, daemon in enumerate(getattr(item, "daemons", [])):
            report.sections.append((f"log of daemon {number}", daemon.log()[-6000:]))
