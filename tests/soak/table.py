# SPDX-License-Identifier: Apache-2.0
"""The end of a soak: each promise with what was done for it, what was measured, and what was broken."""

# Promises that other tests keep, and where.
ELSEWHERE = {
    "P2": "tests/e2e/test_queue_crash.py", "P4": "tests/e2e/test_second_engine.py", "P6": "tests/e2e/test_function_faults.py",
    "P7": "tests/e2e/test_http_hostile.py", "P8": "tests/component/http", "P12": "tests/e2e/test_lifecycle.py",
    "P14": "tests/e2e/test_hard_times.py", "P16": "tests/e2e/test_scale.py", "P17": "tests/e2e/test_hard_times.py",
}
ORDER = [f"P{number}" for number in range(1, 18) if number != 13]


def rows(soak):
    """How often, what was done, what was seen: of the promises that this soak is about."""
    model, rounds = soak.model, soak.rounds
    engine = sum(count for name, count in model.faults.items() if name.startswith("engine:"))
    worst = model.worst
    live = sorted(model.times["livez"]) or [0.0]
    deploys = sum(model.counts["deploys", status] for status in (200, 201, 204))
    calls = sum(count for (load, _), count in model.counts.items() if load in ("warm", "victim", "cat", "cold"))
    rests = soak.rests or [{"descriptors": 0, "threads": 0, "resident": 0}]
    return {
        "P1": (model.faults["kill -9"], "kills", f"{len(getattr(soak, 'lost', []))} of {len(model.events)} events lost, "
               f"{getattr(soak, 'repeated', 0)} run again; {rounds.orphans} orphans; ready {worst('ready'):.2f} s, first call {worst('first call'):.2f} s at worst"),
        "P3": (engine, "engine faults", f"cold errors {worst('cold error'):.2f} s, works again after {worst('works again'):.2f} s at worst; "
               f"/livez {live[len(live) // 2] * 1e3:.0f} ms, 95 % {live[int(len(live) * 0.95)] * 1e3:.0f} ms"),
        "P5": (model.faults["SIGTERM"], "SIGTERMs", f"ended after {worst('stop'):.2f} s at worst, with a grace of 2 s"),
        "P9": (calls, "calls", f"{calls / soak.asked.seconds:.0f}/s; descriptors {rests[-1]['descriptors'] - rests[0]['descriptors']:+d}, threads "
               f"{rests[-1]['threads'] - rests[0]['threads']:+d}, resident {(rests[-1]['resident'] - rests[0]['resident']) / 1048576:+.1f} MiB"),
        "P10": (len(model.events) + len(model.jobs), "events and jobs", f"{len(model.jobs)} of them jobs; each accepted one has run"),
        "P11": (deploys, "deploys and removals", f"{model.counts['deploys', 'cut']} of unknown outcome; what was acknowledged is there"),
        "P15": (model.faults["burst"], "bursts", "at most four instances; 200, or 429 and 503 with Retry-After"),
    }


def of(soak):
    done, lines = rows(soak) if hasattr(soak, "rounds") else {}, []
    for promise in ORDER:
        broken = soak.model.wrong.get(promise, [])
        count, unit, seen = done.get(promise, (0, "", f"not part of a soak: {ELSEWHERE.get(promise, '')}"))
        verdict = "BROKEN" if broken else "kept" if count else "–"
        lines.append(f"{promise:<5}{verdict:<8}{count:>7} {unit:<22}{seen}" if unit else f"{promise:<5}{verdict:<8}{seen}")
        lines += [f"          {words}" for words in broken[:10]]
        lines += [f"          and {len(broken) - 10} more"] if len(broken) > 10 else []
    faults = ", ".join(f"{count} {name}" for name, count in sorted(soak.model.faults.items()))
    count = sum(len(broken) for broken in soak.model.wrong.values())
    return "\n".join(["", *lines, "", f"faults: {faults}", f"seed {soak.asked.seed}, {soak.asked.seconds:.0f} s: "
                      + (f"{count} times a promise was broken" if count else "every promise was kept")])
