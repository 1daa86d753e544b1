# SPDX-License-Identifier: Apache-2.0
"""Functions from source: the first call of a new function, from an instance that waits for code and from a container of the same runtime made for
it, in turn; and warm calls against the same application under its usual server, called directly."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time

from daemon import ROOT, Caller, Daemon, free_port
from measure import FUNCTIONS, at_least, at_most, build, clock, eventually, load, median, percentile, spread
from peers import Nginx

CODE = {"python": {"main.py": "def handler(event):\n    return 'hello'\n"}, "node": {"main.js": "exports.handler = () => 'hello';\n"}}
FLASK = "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef index():\n    return 'hello'\n"
PAGE = "<?php echo 'hello';\n"
LISTENER = "module.exports = (request, reply) => reply.end('hello');\n"
USUAL = {
    "python": ("main.py", FLASK, ["gunicorn", "-w", "1", "--threads", "8", "--keep-alive", "60", "--chdir", "/code", "-b", "127.0.0.1:{port}", "main:app"]),
    "node": ("main.js", LISTENER, ["node", "-e", "require('http').createServer(require('/code/main.js')).listen({port}, '127.0.0.1')"]),
    "php": ("index.php", PAGE, ["sh", "/usr/local/bin/nginx-fpm", "{port}"]),
}
SERVERS = {"python": "shallop-bench-gunicorn:latest", "node": "shallop-runtime-node:latest", "php": "shallop-bench-nginx-fpm:latest"}


def images():
    subprocess.run([ROOT / "tools/build-runtimes", *USUAL], check=True, stdout=subprocess.DEVNULL)
    build(SERVERS["php"], "FROM shallop-runtime-php:latest\nUSER root\nRUN apt-get update && apt-get install -y --no-install-recommends nginx-light\n"
          "COPY nginx-fpm /usr/local/bin/nginx-fpm\nUSER nobody\n", ("nginx-fpm", FUNCTIONS / "nginx-fpm.sh"))
    build(SERVERS["python"], "FROM shallop-runtime-python:latest\nUSER root\nRUN apt-get update && apt-get install -y --no-install-recommends gunicorn\nUSER nobody\n")


def waiting(daemon, runtime):
    listed = json.loads(daemon.api("GET", "/v1/runtimes")[1])["runtimes"]
    return next(one["waiting"] for one in listed if one["name"] == runtime)


def retire(daemon, name):
    """Removes the instance in which the deploy has tried the code, and which would answer the first call at once."""
    Caller(daemon, name).run(clock)
    for one in daemon.instances(name):
        daemon.api("DELETE", f"/v1/functions/{name}/instances/{one['id']}", check=False)
    eventually("a function without instances", lambda: not daemon.instances(name))


def first_call(daemon, runtime, turn):
    """Of a function that has no instance: its code is like no other's."""
    files = {name: text + ("# " if runtime == "python" else "// ") + str(turn) + "\n" for name, text in CODE[runtime].items()}
    name = f"{runtime}-{turn}"
    daemon.api("PUT", f"/v1/functions/{name}", {"source": {"files": files}})
    retire(daemon, name)
    if "--runtime-pool=0" not in daemon.flags:
        eventually("two instances wait for code", lambda: waiting(daemon, runtime) >= 2)
        time.sleep(1)  # and their runtime has been loaded
    caller, began = Caller(daemon, name), clock()
    first, _ = caller.run(clock)
    daemon.api("DELETE", f"/v1/functions/{name}")
    return (first - began) * 1000


def first_calls(quick):
    times = {(runtime, kind): [] for runtime in CODE for kind in ("waiting", "cold")}
    with Daemon("--runtime-pool=2") as pool, Daemon("--runtime-pool=0") as none:
        for runtime in CODE:
            # One function stays, so that the runtime keeps its instances.
            pool.api("PUT", f"/v1/functions/keep-{runtime}", {"source": {"files": CODE[runtime]}})
            for turn in range(3 if quick else 21):
                for kind, daemon in (("waiting", pool), ("cold", none)):
                    took = first_call(daemon, runtime, turn)
                    if turn:
                        times[runtime, kind].append(took)
    return times


@contextlib.contextmanager
def usual_server(runtime, directory):
    """The same application under the server that its ecosystem would take, on the host's loopback: its address and its processes."""
    name, _, words = USUAL[runtime]
    port = free_port()
    started = subprocess.run(["docker", "run", "-d", "--rm", "--network", "host", "-v", f"{directory}:/code:ro", SERVERS[runtime],
                              *(word.format(port=port) for word in words)], check=True, capture_output=True, text=True).stdout.strip()
    try:
        eventually("the usual server answers", lambda: subprocess.run(["curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{port}/"]).returncode == 0)
        shown = subprocess.run(["docker", "top", started, "-eo", "pid"], check=True, capture_output=True, text=True).stdout
        yield f"127.0.0.1:{port}", [int(pid) for pid in shown.split()[1:]]
    finally:
        subprocess.run(["docker", "rm", "-f", started], capture_output=True)


def warm_calls(quick):
    """In turn: through the daemon, to the usual server itself, and to that one through nginx, which is what else a proxy may cost here."""
    runs = {}
    for runtime, (name, text, _) in USUAL.items():
        with tempfile.TemporaryDirectory(prefix="shallop-bench-") as directory, tempfile.TemporaryDirectory(prefix="shallop-bench-") as home, Daemon() as daemon:
            pathlib.Path(directory).chmod(0o755)
            pathlib.Path(directory, name).write_text(text)
            daemon.api("PUT", "/v1/functions/app", {"source": {"files": {name: text}}, "scale": {"max": 1, "concurrency": 8},
                                                    "limits": {"cpus": 2.0}})
            with usual_server(runtime, directory) as (direct, pids), Nginx(home, direct) as nginx:
                found = {"shallop": (f"http://127.0.0.1:{daemon.gateway[1]}/function/app", [daemon.process.pid]),
                         "its usual server": (f"http://{direct}/", pids), "that behind nginx": (nginx.url() + "/", nginx.pids())}
                for turn in range(2 if quick else 6):
                    for kind, (url, counted) in found.items():
                        took = load(url, 8, 1 if quick or not turn else 3, counted)
                        if turn:
                            runs.setdefault((runtime, kind), []).append(took)
    return runs


def warm_lines(runs):
    """With what two cores leave to any proxy: the client and the server take their part of them."""
    lines = ["| warm calls, c=8 | requests/s | p50 ms | CPU µs/request | wrk's share of a core |", "|---|---|---|---|---|"]
    for (runtime, kind), taken in runs.items():
        lines.append(f"| {runtime}: {kind} | {spread(taken, 'rate', '{:,.0f}')} | {spread(taken, 'p50', '{:.3f}')} | {spread(taken, 'cpu', '{:.1f}')} | "
                     f"{median(taken, 'client'):.2f} |")
    lines += ["", "CPU is the proxy's own; of the usual server it is the server's."]
    for runtime in USUAL:
        server, rate = runs[runtime, "its usual server"], median(runs[runtime, "its usual server"], "rate")
        taken = median(server, "cpu") + median(server, "client") / rate * 1e6
        left = max(0.0, os.cpu_count() * 1e6 / (0.9 * rate) - taken)
        behind = median(runs[runtime, "that behind nginx"], "rate") / rate
        lines.append(f"At 0.9 of the rate of {runtime}'s usual server, {os.cpu_count()} cores leave a proxy {left:.1f} µs a request, beside {taken:.1f} µs of wrk and the "
                     f"server; nginx reaches {behind:.2f} of it.")
    return lines


def run(quick):
    images()
    times, runs, bars = first_calls(quick), warm_calls(quick), []
    lines = ["## Functions from source", "", "| first call of a new function | p50 ms | p95 | min–max |", "|---|---|---|---|"]
    p50 = {key: percentile(taken, 0.5) for key, taken in times.items()}
    for (runtime, kind), taken in times.items():
        what = "an instance that waits for code" if kind == "waiting" else "a container of the runtime, made for it"
        lines.append(f"| {runtime}: {what} | {p50[runtime, kind]:.1f} | {percentile(taken, 0.95):.1f} | {min(taken):.1f}–{max(taken):.1f} |")
    for runtime in CODE:
        bars.append(at_most(f"first call, {runtime}: from the pool against a cold container", p50[runtime, "waiting"] / p50[runtime, "cold"], 0.35))
    bars.append(at_most("first call, python: p50 from the pool", p50["python", "waiting"], 60, "{:.1f} ms"))
    lines += ["", *warm_lines(runs)]
    for runtime in USUAL:
        against = median(runs[runtime, "shallop"], "rate") / median(runs[runtime, "its usual server"], "rate")
        bars.append(at_least(f"warm calls, {runtime}: requests/s against its usual server", against, 0.9))
    return lines + [""], bars
