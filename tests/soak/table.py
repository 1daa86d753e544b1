# SPDX-License-Identifier: Apache-2.0
"""The end of a soak: each promise with what was done for it, what was measured, and what was broken."""
from typing import NamedTuple

from promises import PROMISES, tests

SOAKED = "tests/e2e/test_soak.py"
MARKS = ["verdict", "rounds", "faults injected", "lost", "orphans", "worst times", "besides"]


class Row(NamedTuple):
    promise: str
    verdict: str
    rounds: str = ""
    faults: str = ""
    lost: str = ""
    orphans: str = ""
    worst: str = ""
    besides: str = ""
    broken: tuple = ()


def took(model, *names):
    """The worst times, each with its middle, its bar and how many were over it."""
    told = []
    for name in names:
        times = sorted(model.times[name]) or [0.0]
        bar = f" (p50 {times[len(times) // 2]:.2f}; {model.over(name)} of {len(times)} over the bar of {model.bars[name][1]:g})" if name in model.bars else ""
        told.append(f"{name} {times[-1]:.2f} s{bar}")
    return ", ".join(told)


def measured(soak):
    """Of the promises that this soak is about: rounds, and the columns after it."""
    model, rounds = soak.model, soak.rounds
    count, faults = model.counts, model.faults
    engine = sum(times for name, times in faults.items() if name.startswith("engine:"))
    live = sorted(model.times["livez"]) or [0.0]
    deploys = sum(count["deploys", status] for status in (200, 201, 204))
    others = sum(model.total(name) for name in ("victim", "cat", "cold"))
    steady = soak.load.steady
    rests = soak.rests or [{"descriptors": 0, "threads": 0, "resident": 0}]
    change = {what: rests[-1][what] - rests[0][what] for what in ("descriptors", "threads", "resident")}
    events = f"{len(soak.lost)} of {len(model.events)} events"
    return {
        "P1": (faults["kill -9"], f"{faults['kill -9']} kill -9", f"{events}, {model.lost} of {deploys} deploys", rounds.orphans["P1"],
               took(model, "ready", "first call"), f"{soak.repeated} events ran again, {soak.in_flight} were in flight; both times are from the start of the process"),
        "P3": (engine, f"{rounds.proxy.faulted} engine calls", f"{len([w for w in model.wrong.get('P3', []) if 'warm call' in w])} warm calls", 0,
               took(model, "cold error", "works again"), f"/livez {live[len(live) // 2] * 1e3:.1f} ms, 99 % {live[int(len(live) * 0.99)] * 1e3:.0f} ms"),
        "P5": (faults["SIGTERM"], f"{faults['SIGTERM']} SIGTERM", events, rounds.orphans["P5"], took(model, "stop"), "its grace is 2 s"),
        "P9": (soak.checked + others, "all of these", f"{len([w for w in model.wrong.get('P9', []) if 'wrong' in w])} wrong answers", 0,
               f"99 % in {steady.milliseconds(0.99)} ms, 99.99 % in {steady.milliseconds(0.9999)} ms",
               f"{soak.rate:.0f}/s under load, {soak.checked / max(1, soak.wall):.0f}/s with the rests; {soak.cut} not answered while it was down; descriptors "
               f"{change['descriptors']:+d}, threads {change['threads']:+d}, resident {change['resident'] / 1048576:+.1f} MiB"
               + (f", slope {soak.slope / 1048576:+.2f} MiB over {len(rests)} rests" if len(rests) > 2 else "")),
        "P10": (len(model.events) + len(model.jobs), "all of these", f"{len(soak.lost)}", 0, "", f"{len(model.jobs)} of them jobs; each accepted one has run; {len(model.poison)} that fail each time are dead letters after three attempts"),
        "P11": (deploys + rounds.versions, f"{faults['kill -9']} kill -9", f"{model.lost}", 0, "",
                f"{count['deploys', 'cut']} changes of unknown outcome; {rounds.versions} redeploys of what is called all the time"),
        "P15": (faults["burst"], f"{faults['burst']} bursts of 100", "0", 0, "", "four instances at most; 200, or 429 and 503 with Retry-After"),
    }


def rows(soak):
    done, elsewhere = measured(soak) if hasattr(soak, "rounds") else {}, tests()
    for promise in PROMISES:
        files = ", ".join(f"{path} ({count})" for path, count in elsewhere[promise].items() if path != SOAKED)
        broken = tuple(soak.model.wrong.get(promise, []) + soak.model.short.get(promise, []))
        if promise not in done:
            yield Row(promise, "BROKEN" if broken else "–", besides=f"tests: {files}", broken=broken)
            continue
        times, faults, lost, orphans, worst, besides = done[promise]
        verdict = "BROKEN" if soak.model.wrong.get(promise) else "short" if broken else "–" if not times else "late" if soak.model.late(promise) else "kept"
        yield Row(promise, verdict, f"{times:,}", faults, lost, f"{orphans}", worst, besides + (f"; tests: {files}" if files else ""), broken)


def summary(soak):
    wrong, short = (sum(len(words) for words in found.values()) for found in (soak.model.wrong, soak.model.short))
    return f"seed {soak.asked.seed}, {soak.asked.kills} kills, {soak.asked.seconds:.0f} s: " + (
        f"{wrong} times a promise was broken" if wrong else "too little was done to show it" if short else
        f"no promise was broken, and {len(soak.model.lateness)} times were over their bar" if soak.model.lateness else "every promise was kept")


def told_faults(soak):
    return "faults: " + ", ".join(f"{count} {name}" for name, count in sorted(soak.model.faults.items()))


def of(soak):
    lines = [f"     {'verdict':<8}{'rounds':>9}  what was lost; orphans; worst times; besides"]
    for row in rows(soak):
        seen = "; ".join(words for words in (row.lost and f"lost {row.lost}", row.orphans and f"orphans {row.orphans}", row.worst, row.besides) if words)
        lines.append(f"{row.promise:<5}{row.verdict:<8}{row.rounds:>9}  {seen}")
        lines += [f"          {words}" for words in row.broken[:10]]
        lines += [f"          and {len(row.broken) - 10} more"] if len(row.broken) > 10 else []
    return "\n".join(["", *lines, "", told_faults(soak), summary(soak)])
