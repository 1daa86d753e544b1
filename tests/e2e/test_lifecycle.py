# SPDX-License-Identifier: Apache-2.0
"""What happens around the main job: bursts, hang-ups, kills, signals, an engine that goes away, two daemons."""
import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import containers, docker, wait_until

IMAGE = "debian:bookworm-slim"
FRESH = {"reuse": False}  # a container's life is the event's; test_warm.py has those that stay
SLEEPER = {"image": IMAGE, "command": ["sh", "-c", "cat >/dev/null; sleep ${QUERY_STRING:-1}; echo slept"], "scale": FRESH}
HELLO = {"image": IMAGE, "command": ["echo", "hello"], "scale": FRESH}


class Relay:
    """The engine's socket at another path, which can be taken away, frozen and given back."""

    def __init__(self, directory, target="/var/run/docker.sock"):
        self.path, self.target, self.process = f"{directory}/engine.sock", target, None
        self.up()

    @property
    def url(self):
        return f"unix://{self.path}"

    def up(self):
        self.process = subprocess.Popen(["socat", f"UNIX-LISTEN:{self.path},fork,unlink-early", f"UNIX-CONNECT:{self.target}"],
                                        start_new_session=True)
        wait_until(lambda: os.path.exists(self.path), what="the relay listens")

    def down(self):
        """Cuts every connection too: socat's children are in its session."""
        os.killpg(self.process.pid, 9)
        self.process.wait()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def freeze(self):
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.killpg(self.process.pid, signal.SIGCONT)

    def end(self):
        if self.process.poll() is None:
            self.down()


@pytest.fixture
def relay(tmp_path_factory):
    directory = tmp_path_factory.mktemp("relay")
    one = Relay(directory)
    yield one
    one.end()


def function_containers(name):
    return containers(f"shallop.function={name}")


def metric(daemon, name):
    text = daemon.api("GET", "/metrics").text
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def test_a_burst_of_200_cold_requests_is_answered_whole_and_leaves_nothing(daemon):
    daemon.put("burst", **HELLO | {"scale": FRESH | {"queue": 60, "queue_timeout": "60s"}}, limits={"timeout": "60s"})
    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: daemon.call("/function/burst", timeout=120), range(200)))
    for answer in answers:
        assert answer.status == 200 or (answer.status in (429, 503) and int(answer.headers["Retry-After"]) > 0), answer
        assert answer.status != 200 or answer.text == "hello\n"
    assert sum(answer.status == 200 for answer in answers) >= 70
    wait_until(lambda: not function_containers("burst"), 15, what="every container of the burst is gone")


def test_the_answer_does_not_wait_for_the_container_to_go(daemon):
    daemon.put("stubborn", image=IMAGE, command=["sh", "-c", "trap '' TERM HUP; echo done; exec >&- 2>&-; sleep 60"],
               scale=FRESH)
    began = time.monotonic()
    assert daemon.call("/function/stubborn").text == "done\n"
    assert time.monotonic() - began < 20
    wait_until(lambda: not function_containers("stubborn"), 10, what="the container is gone within seconds")


def test_a_client_that_hangs_up_ends_its_container(daemon):
    daemon.put("gone", **SLEEPER)
    client = socket.create_connection(("127.0.0.1", daemon.port))
    client.sendall(b"GET /function/gone?60 HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_until(lambda: metric(daemon, 'shallop_instances{state="leased"}') == 1 and function_containers("gone"), what="it runs")
    client.close()
    wait_until(lambda: not function_containers("gone"), 10, what="its container is gone")
    wait_until(lambda: daemon.api("GET", "/v1/invocations?status=cancelled").json["invocations"], what="it is recorded as cancelled")


def test_a_timeout_ends_the_process_and_answers_504(daemon):
    daemon.put("late", **SLEEPER, limits={"timeout": "1s"})
    answer = daemon.call("/function/late?60")
    assert (answer.status, answer.json["fault"]) == (504, "timed_out")
    wait_until(lambda: not function_containers("late"), 10, what="its container is gone")


def test_sigterm_finishes_what_runs_and_refuses_what_comes(daemon):
    daemon.put("slow", **SLEEPER)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(daemon.call, "/function/slow?3")
        wait_until(lambda: metric(daemon, 'shallop_instances{state="leased"}') == 1, what="it runs")
        daemon.process.terminate()
        wait_until(lambda: "msg=stopping" in daemon.log(), what="it stops")
        refused = daemon.call("/function/slow?0")
        assert refused.status == 503 and int(refused.headers["Retry-After"]) > 0
        assert running.result().text == "slept\n"
    assert daemon.process.wait(10) == 0


def test_a_second_signal_cuts_what_runs(start_daemon):
    daemon = start_daemon()
    daemon.put("slow", **SLEEPER)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(daemon.call, "/function/slow?25")
        wait_until(lambda: metric(daemon, 'shallop_instances{state="leased"}') == 1, what="it runs")
        daemon.process.terminate()
        wait_until(lambda: "msg=stopping" in daemon.log(), what="it stops")
        daemon.process.terminate()
        assert daemon.process.wait(15) == 0
        try:
            assert running.result().status in (502, 503)
        except (OSError, http.client.HTTPException):
            pass  # cut: as good


def test_the_grace_bounds_what_sigterm_waits_for(start_daemon):
    daemon = start_daemon("--grace", "1s")
    daemon.put("slow", **SLEEPER)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(daemon.call, "/function/slow?25")
        wait_until(lambda: metric(daemon, 'shallop_instances{state="leased"}') == 1, what="it runs")
        daemon.stop(seconds=10)
        assert running.exception() is not None or running.result().status >= 500


def test_a_killed_daemon_leaves_no_container_and_its_functions_stay(start_daemon):
    daemon = start_daemon()
    daemon.put("kept", **SLEEPER)
    clients = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(4)]
    for client in clients:
        client.sendall(b"GET /function/kept?60 HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_until(lambda: metric(daemon, "shallop_start_seconds_count") == 0 and len(function_containers("kept")) >= 2, what="they start")
    daemon.kill()
    for client in clients:
        client.close()
    daemon.start()
    assert daemon.call("/function/kept?0").text == "slept\n"
    wait_until(lambda: not function_containers("kept"), 10, what="the predecessor's containers are gone")


def test_a_container_that_was_created_and_never_started_is_swept(start_daemon):
    daemon = start_daemon()
    daemon_id = daemon.api("GET", "/v1/info").json["daemon"]
    daemon.kill()
    labels = [f"--label=shallop.daemon={daemon_id}", "--label=shallop.instance=lost", "--label=shallop.function=lost"]
    docker("create", *labels, IMAGE, "true")
    stranger = docker("create", "--label=shallop.daemon=another", "--label=shallop.function=stranger", IMAGE, "true")
    try:
        daemon.start()
        wait_until(lambda: not function_containers("lost"), 10, what="ours is swept")
        assert function_containers("stranger"), "another daemon's container was touched"
    finally:
        docker("rm", "-f", stranger)


def test_two_daemons_on_one_engine_leave_each_other_alone(start_daemon):
    one, two = start_daemon(), start_daemon()
    one.put("slow", **SLEEPER)
    two.put("slow", **SLEEPER)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(one.call, "/function/slow?3")
        wait_until(lambda: metric(one, 'shallop_instances{state="leased"}') == 1, what="it runs")
        two.stop()
        two.start()
        assert running.result().text == "slept\n"


def test_a_second_daemon_on_the_same_data_directory_is_refused_in_words(start_daemon):
    first = start_daemon()
    second = start_daemon(wait=False, data_dir=first.data_dir)
    assert second.process.wait(10) == 1
    assert "cannot start" in second.log() and str(first.data_dir) in second.log()


def test_without_an_engine_the_daemon_runs_says_so_and_recovers(start_daemon, relay):
    daemon = start_daemon(docker_host=relay.url)
    daemon.put("hello", **HELLO)
    relay.down()
    answer = daemon.call("/function/hello")
    assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
    assert answer.json["fault"] == "engine_down"
    assert daemon.call("/healthz").status == 200
    assert daemon.api("GET", "/livez", token=False).status == 200
    wait_until(lambda: daemon.api("GET", "/readyz", token=False).status == 503, what="readyz says so")
    assert daemon.api("PUT", "/v1/functions/other", HELLO).status == 503
    relay.up()
    wait_until(lambda: daemon.call("/function/hello").status == 200, 20, what="it works again by itself")


def test_a_daemon_started_without_an_engine_serves_when_one_comes(start_daemon, relay):
    daemon = start_daemon(docker_host=relay.url)
    daemon.put("hello", **HELLO)
    daemon.stop()
    relay.down()
    daemon.start(wait=False)
    wait_until(lambda: "msg=listening" in daemon.log().rsplit("msg=stopped", 1)[-1], what="it listens")
    assert daemon.call("/function/hello").status == 503
    relay.up()
    wait_until(lambda: daemon.call("/function/hello").status == 200, 20, what="it serves")


def test_an_answer_of_create_that_is_lost_leaves_no_container(start_daemon, relay):
    daemon = start_daemon(docker_host=relay.url)
    daemon.put("cut", **HELLO)
    for delay in (0.002, 0.005, 0.01, 0.02, 0.04, 0.08):
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(daemon.call, "/function/cut")
            time.sleep(delay)  # somewhere in create or start: each delay is another place
            relay.down()
            relay.up()
            assert running.result().status in (200, 502, 503)
    wait_until(lambda: daemon.call("/function/cut").status == 200, 20)
    wait_until(lambda: not function_containers("cut"), 40, what="no container is left")


def test_an_image_that_was_removed_is_named(daemon):
    docker("tag", IMAGE, "shallop-test-removed:1")
    built = subprocess.run(["docker", "build", "-q", "-t", "shallop-test-removed:1", "-"], input=f"FROM {IMAGE}\nENV X=1\n",
                           capture_output=True, text=True, check=True, env=os.environ | {"DOCKER_BUILDKIT": "0"})
    assert built.stdout
    daemon.put("removed", image="shallop-test-removed:1", command=["true"])
    docker("rmi", "-f", "shallop-test-removed:1")
    answer = daemon.call("/function/removed")
    assert answer.status == 503 and "shallop-test-removed:1" in answer.json["detail"], answer


def test_one_gibibyte_goes_in_and_out_in_constant_memory(daemon):
    daemon.put("out", image=IMAGE, command=["head", "-c", str(1 << 30), "/dev/zero"])
    daemon.put("in", image=IMAGE, command=["wc", "-c"], limits={"request_body": "2Gi"})

    def peak():
        status = open(f"/proc/{daemon.process.pid}/status").read()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    before = peak()
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=120)
    connection.request("GET", "/function/out")
    reply, total = connection.getresponse(), 0
    while chunk := reply.read(1 << 20):
        total += len(chunk)
    assert total == 1 << 30
    block = bytes(1 << 20)
    connection.request("POST", "/function/in", (block for _ in range(1024)), {"Content-Length": str(1 << 30)})
    assert connection.getresponse().read().strip() == str(1 << 30).encode()
    assert peak() - before < 20 << 20


def test_sighup_reloads_the_log_level(start_daemon, tmp_path):
    config = tmp_path / "shallop.yaml"
    config.write_text("log-level: info\n")
    daemon = start_daemon("--config", str(config))
    config.write_text("log-level: warn\n")
    daemon.process.send_signal(1)
    wait_until(lambda: "reloaded" in daemon.log() or "log-level=warn" in daemon.log(), what="it is reloaded")
    config.write_text("log-level: nonsense\n")
    daemon.process.send_signal(1)
    wait_until(lambda: "not reloaded" in daemon.log(), what="a bad file is refused")
    assert daemon.call("/healthz").status == 200


def test_a_full_disk_refuses_writes_and_serves_on(start_daemon, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], check=True)
    try:
        daemon = start_daemon(data_dir=small / "data")
        daemon.put("hello", **HELLO)
        with open(small / "fill", "wb", buffering=0) as fill:
            try:
                while True:
                    fill.write(bytes(4096))
            except OSError:
                pass
        refused = [daemon.api("PUT", f"/v1/functions/f{n}", {**HELLO, "env": {"X": "x" * 30000}}) for n in range(40)]
        full = [answer for answer in refused if answer.status == 507]
        assert full and full[0].json["fault"] == "storage", refused[-1]
        assert daemon.call("/function/hello").text == "hello\n"
        os.unlink(small / "fill")
        wait_until(lambda: daemon.api("PUT", "/v1/functions/after", HELLO).status in (200, 201), 20, what="it writes again")
        daemon.stop()
    finally:
        wait_until(lambda: subprocess.run(["umount", str(small)], capture_output=True).returncode == 0, 10)


def test_what_a_function_may_not_do(daemon):
    probe = ("id -u; grep -E 'Cap(Eff|Bnd)|NoNewPrivs|Seccomp:' /proc/self/status; touch /x 2>/dev/null && echo wrote-root;"
             "touch /tmp/x && echo wrote-tmp; ls /sys/class/net; ulimit -n; ulimit -c;"
             "ls /.shallop | wc -l; touch /.shallop/x 2>/dev/null && echo wrote-instance; ls -l /proc/self/fd | wc -l")
    daemon.put("probe", image=IMAGE, command=["sh", "-c", probe])
    text = daemon.call("/function/probe").text
    assert "CapEff:\t0000000000000000" in text and "CapBnd:\t0000000000000000" in text
    assert "NoNewPrivs:\t1" in text and "Seccomp:\t2" in text
    assert "wrote-root" not in text and "wrote-instance" not in text and "wrote-tmp" in text
    assert "lo\n" in text and "eth0" not in text
    assert "\n1024\n0\n0\n" in text


def test_a_function_joins_a_network_only_by_name(daemon):
    docker("network", "create", "shallop-test-net")
    try:
        daemon.put("netted", image=IMAGE, command=["ls", "/sys/class/net"], network="shallop-test-net", scale=FRESH)
        assert "eth0" in daemon.call("/function/netted").text
        wait_until(lambda: not function_containers("netted"), 10)
    finally:
        docker("network", "rm", "shallop-test-net")


@pytest.mark.parametrize("reuse", [False, True])
def test_P11_hundred_redeploys_under_load_fail_no_call(daemon, reuse):
    moving = HELLO | {"scale": {"max": 4, "reuse": reuse}}
    daemon.put("moving", **moving)
    stop, failed = threading.Event(), []

    def load():
        while not stop.is_set():
            answer = daemon.call("/function/moving")
            if answer.status != 200:
                failed.append(answer)

    with ThreadPoolExecutor(3) as pool:
        loading = [pool.submit(load) for _ in range(3)]
        for number in range(100):
            daemon.put("moving", **moving, env={"N": str(number)})
        stop.set()
        for one in loading:
            one.result()
    assert not failed, failed[0]
    assert daemon.api("GET", "/v1/functions/moving").json["version"] == 101
