# SPDX-License-Identifier: Apache-2.0
"""Cold CGI: a fresh container for every event, through the daemon, by the bare API and by `docker run`, in one run."""

import statistics
import subprocess
import threading

from daemon import Caller, Daemon
from engine import LABEL, Bare
from measure import BUSYBOX as IMAGE
from measure import at_least, at_most, clock
from measure import settle as settle_all

COMMAND = ["/bin/echo", "hello"]


def settle():
    settle_all(LABEL, "shallop.function=bench")


def docker_run():
    began = clock()
    options = ["--rm", "--network", "none", "--label", f"{LABEL}=1"]
    child = subprocess.Popen(["docker", "run", *options, IMAGE, *COMMAND], stdout=subprocess.PIPE)
    said = child.stdout.read(1)
    first = clock()
    if child.wait() != 0 or not said:
        raise SystemExit("docker run failed")
    child.stdout.close()
    return first - began, clock() - began


def one(runner):
    began = clock()
    first, end = runner.run(clock)
    return first - began, end - began


def sequential(daemon, rounds):
    """c=1, interleaved A B C A B C: first-byte and whole times of each."""
    times = {"bare API": [], "shallop": [], "docker run": []}
    bare, caller = Bare(IMAGE, COMMAND), Caller(daemon, "bench")
    for turn in range(rounds + 2):
        for name, work in (("bare API", lambda: one(bare)), ("shallop", lambda: one(caller)), ("docker run", docker_run)):
            settle()
            took = work()
            if turn >= 2:  # the first two warm caches
                times[name].append(took)
    return times


def block(make, clients, total, bound):
    """`total` invocations by `clients` threads; returns first-byte times and invocations a second."""
    permit = threading.Semaphore(bound) if bound else None
    runners = [make() for _ in range(clients)]
    lock, left, firsts, errors = threading.Lock(), [total], [], []

    def work(runner):
        while True:
            with lock:
                if left[0] == 0:
                    return
                left[0] -= 1
            began = clock()
            try:
                first, _ = runner.run(clock, permit)
                firsts.append(first - began)
            except Exception as error:  # counted, and the block is refused
                errors.append(error)

    threads = [threading.Thread(target=work, args=(runner,)) for runner in runners]
    began = clock()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = clock() - began
    if errors:
        raise SystemExit(f"{len(errors)} invocations failed: {errors[0]}")
    settle()
    return firsts, total / took


def p95(values):
    return sorted(values)[max(0, int(len(values) * 0.95) - 1)]


def ms(seconds):
    return f"{seconds * 1000:.1f}"


def sequential_table(times):
    rows = ["| c=1 | first byte p50 | p95 | min–max | whole p50 | containers/s |", "|---|---|---|---|---|---|"]
    for name, taken in times.items():
        first, whole = [t[0] for t in taken], [t[1] for t in taken]
        rows.append(f"| {name} | {ms(statistics.median(first))} ms | {ms(p95(first))} | {ms(min(first))}–{ms(max(first))} | "
                    f"{ms(statistics.median(whole))} ms | {1 / statistics.median(whole):.1f} |")
    ours, bare, cli = (statistics.median(t[0] for t in times[n]) for n in ("shallop", "bare API", "docker run"))
    return rows + [""], [at_most("cold CGI, c=1: first byte against the bare API", ours / bare, 1.05),
                         at_most("cold CGI, c=1: first byte against `docker run`", ours / cli, 0.4)]


def parallel_table(daemon, clients, total, repeats, bounds):
    variants = {f"bare API, {b} starts in flight": (lambda: Bare(IMAGE, COMMAND), b) for b in bounds}
    variants["shallop"] = (lambda: Caller(daemon, "bench"), None)
    rates, firsts = {name: [] for name in variants}, {name: [] for name in variants}
    for _ in range(repeats):
        for name, (make, bound) in variants.items():
            settle()
            taken, rate = block(make, clients, total, bound)
            rates[name].append(rate)
            firsts[name] += taken
    rows = [f"| c={clients} | containers/s median | min–max | first byte p50 | p95 |", "|---|---|---|---|---|"]
    for name in variants:
        rows.append(f"| {name} | {statistics.median(rates[name]):.1f} | {min(rates[name]):.1f}–{max(rates[name]):.1f} | "
                    f"{ms(statistics.median(firsts[name]))} ms | {ms(p95(firsts[name]))} |")
    best = max(statistics.median(r) for n, r in rates.items() if n != "shallop")
    share = statistics.median(rates["shallop"]) / best
    rows += ["", f"Throughput, c={clients}: **{share:.2f} ×** the bare API at its best bound.", ""]
    bar = at_least(f"cold CGI, c={clients}: containers/s against the bare API at its best bound", share, 0.97)
    return rows, [bar] if clients == 16 else []


def run(quick):
    rounds, total, repeats = (5, 16, 1) if quick else (30, 64, 5)
    lines, bars = ["## Cold CGI: a fresh container for every event", ""], []
    with Daemon() as daemon:
        daemon.register("bench", IMAGE, COMMAND)
        tables = [sequential_table(sequential(daemon, rounds))]
        if not quick:
            tables.append(parallel_table(daemon, 4, total, repeats, [4]))
        tables.append(parallel_table(daemon, 16, total, repeats, [5] if quick else [4, 5, 6, 8]))
    for more, some in tables:
        lines, bars = lines + more, bars + some
    return lines, bars
