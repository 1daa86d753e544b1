# SPDX-License-Identifier: Apache-2.0
"""Warm http: the daemon against nginx (one worker, kept-alive upstream) in front of the very same server process in a container, and
against a direct connection to a server like it, in one run."""

import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

from daemon import ROOT, Daemon, free_port

IMAGE = "shallop-bench-answer:latest"
LEVELS = [(1, 2), (8, 2), (32, 2), (64, 2), (256, 2), (1, 65536), (16, 65536)]  # connections, bytes of body


def make_image():
    """FROM scratch and one static server."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["musl-gcc", "-O2", "-static", "-o", f"{directory}/answer", ROOT / "bench/functions/answer.c"], check=True)
        pathlib.Path(directory, "Dockerfile").write_text("FROM scratch\nCOPY answer /answer\nENTRYPOINT [\"/answer\"]\n")
        subprocess.run(["docker", "build", "-q", "-t", IMAGE, directory], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "DOCKER_BUILDKIT": "0"})


class Nginx:
    """One worker that proxies to a unix socket over kept connections, without a log."""

    def __init__(self, directory, upstream):
        self.port = free_port()
        self.directory = pathlib.Path(directory)
        (self.directory / "nginx.conf").write_text(f"""
            worker_processes 1; daemon off; pid {directory}/nginx.pid; error_log {directory}/nginx.log;
            events {{ worker_connections 4096; }}
            http {{
              access_log off; keepalive_requests 1000000000;
              client_body_temp_path {directory}/t1; proxy_temp_path {directory}/t2; fastcgi_temp_path {directory}/t3;
              uwsgi_temp_path {directory}/t4; scgi_temp_path {directory}/t5;
              upstream function {{ server unix:{upstream}; keepalive 512; keepalive_requests 1000000000; }}
              server {{
                listen 127.0.0.1:{self.port};
                location / {{ proxy_pass http://function; proxy_http_version 1.1; proxy_set_header Connection ""; }}
              }}
            }}""")

    def __enter__(self):
        self.process = subprocess.Popen(["nginx", "-c", self.directory / "nginx.conf", "-p", self.directory],
                                        stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 5
        while not (self.directory / "nginx.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)

    def pids(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]


def cpu_seconds(pids):
    """On-CPU time of all threads, to the nanosecond."""
    total = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            total += int(pathlib.Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
    return total / 1e9


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def load(url, connections, seconds, pids=()):
    """One run of wrk: rate, p50 and p99 in ms, and CPU microseconds a request of `pids`."""
    before = cpu_seconds(pids)
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url], check=True, capture_output=True,
                         text=True).stdout
    used = cpu_seconds(pids) - before
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"{url}: {out}")
    count = int(re.search(r"(\d+) requests in", out)[1])
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]),
            "p50": milliseconds(re.search(r"50%\s+(\S+)", out)[1]), "p99": milliseconds(re.search(r"99%\s+(\S+)", out)[1]),
            "cpu": used / count * 1e6}


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def spread(runs, key, form):
    values = sorted(run[key] for run in runs)
    return f"{form(statistics.median(values))} ({form(values[0])}–{form(values[-1])})"


def run(seconds=2, repeats=5, levels=LEVELS):
    make_image()
    lines = ["## Warm http: a static server in a container, over its unix socket", "",
             "| connections, body | | requests/s | p50 ms | p99 ms | CPU µs/request |", "|---|---|---|---|---|---|"]
    ratios = []
    with tempfile.TemporaryDirectory(prefix="shallop-bench-") as directory:
        os.chmod(directory, 0o755)
        sockets = pathlib.Path(directory, "sockets")
        sockets.mkdir(mode=0o777)
        sockets.chmod(0o777)
        with Daemon("--bind-root", directory) as daemon:
            daemon.api("PUT", "/v1/functions/warm", {
                "image": IMAGE, "command": ["/sockets/fn.sock"], "contract": {"http": {"port": "unix:/sockets/fn.sock"}},
                "mounts": [{"type": "bind", "source": str(sockets), "target": "/sockets", "read_only": False}],
                "scale": {"max": 1, "concurrency": 512, "queue": 1000}})
            shallop = f"http://127.0.0.1:{daemon.gateway[1]}/function/warm"
            subprocess.run(["curl", "-sSf", "-o", "/dev/null", shallop], check=True)
            with Nginx(directory, sockets / "fn.sock") as nginx:
                targets = {"shallop": (shallop, [daemon.process.pid]),
                           "nginx": (f"http://127.0.0.1:{nginx.port}", nginx.pids())}
                for connections, body in levels:
                    runs = {name: [] for name in targets}
                    for turn in range(repeats + 1):
                        for name, (url, pids) in targets.items():
                            took = load(f"{url}/{body}", connections, seconds if turn else 1, pids)
                            if turn:  # the first warms up
                                runs[name].append(took)
                    what = f"{connections}, {body} B" if body < 1024 else f"{connections}, {body >> 10} KiB"
                    for name in targets:
                        lines.append(f"| {what} | {name} | {spread(runs[name], 'rate', lambda v: f'{v:,.0f}')} | "
                                     f"{spread(runs[name], 'p50', lambda v: f'{v:.3f}')} | {spread(runs[name], 'p99', lambda v: f'{v:.2f}')} | "
                                     f"{spread(runs[name], 'cpu', lambda v: f'{v:.1f}')} |")
                    ratio = {key: median(runs["shallop"], key) / median(runs["nginx"], key) for key in ("rate", "p50", "p99", "cpu")}
                    ratios.append(f"| {what} | {ratio['rate']:.2f} | {ratio['p50']:.2f} | {ratio['p99']:.2f} | {ratio['cpu']:.2f} |")
    return lines + ["", "Shallop as a multiple of nginx:", "", "| connections, body | rate | p50 | p99 | CPU |", "|---|---|---|---|---|",
                    *ratios, ""]


if __name__ == "__main__":
    import sys
    quick = "--quick" in sys.argv
    chosen = [(32, 2)] if quick else LEVELS
    print("\n".join(run(seconds=2, repeats=3 if quick else 5, levels=chosen)))
