# SPDX-License-Identifier: Apache-2.0
"""The table of a soak as Markdown, with what it was measured on."""
import datetime
import json
import os
import platform
import subprocess
import time

from conftest import docker
from promises import PROMISES, ROOT
from table import MARKS, rows, summary, told_faults

VERDICTS = """*kept*: nothing was seen that the promise excludes. *late*: nothing was lost or wrong, and some times are over their bar, each by no more than
the allowance for a busy machine. *short*: too little was done to show it. *–*: no part of a soak; each test that has the promise in its name is counted beside its file."""


def kept_at(whole):
    """Where a report stays: that of a whole run beside those of the benchmark."""
    return ROOT / (f"bench/results/{datetime.date.today()}-soak.md" if whole else "build/results/soak.md")


def commit():
    return subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip() or "unknown"


def machine(soak):
    info = json.loads(docker("info", "--format", "{{json .}}"))
    loads = [f"{one:.1f}" for one in (soak.load_before[0], os.getloadavg()[0])]
    return (f"Commit {soak.commit}. {os.cpu_count()} cores, {info['MemTotal'] >> 30} GiB, Linux {platform.release()}, "
            f"engine {info['ServerVersion']}, {info['DefaultRuntime']}, {info['Driver']}, cgroup v{info.get('CgroupVersion', '1')}. "
            f"Load average {loads[0]} before and {loads[1]} after (the soak's own load is in the latter). "
            f"Seed {soak.asked.seed}; {soak.asked.kills} kills, then {soak.asked.seconds:.0f} s under load; "
            f"{(time.time() - soak.began) / 60:.1f} minutes in all; allowance {soak.asked.late} s.")


def of(soak):
    lines = [f"# Soak of {datetime.date.today()}", "", machine(soak), "", f"| | promise | {' | '.join(MARKS)} |", "|---" * (2 + len(MARKS)) + "|"]
    broken = []
    for row in rows(soak):
        cells = [row.promise, PROMISES[row.promise], f"**{row.verdict}**" if row.verdict == "BROKEN" else row.verdict, *row[2:8]]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        broken += [f"- {row.promise}: {words}" for words in row.broken]
    lines += ["", summary(soak)[0].upper() + summary(soak)[1:] + ". F" + told_faults(soak)[1:] + ".", "", VERDICTS, ""]
    if broken:
        lines += ["## What was broken", "", *(line.replace("\n", " ")[:400] for line in broken[:50]), ""]
    if soak.model.lateness:
        lines += ["## Over the bar", "", *(f"- {words}" for words in soak.model.lateness[:60]), ""]
    lines += ["## At rest", "", "No load, one instance that was called once; the slope is that of the line through these.", "",
              "| after | resident | descriptors | threads | load average |", "|---|---|---|---|---|"]
    lines += [f"| {rest['at'] - soak.rests[0]['at']:.0f} s | {rest['resident'] / 1048576:.2f} MiB | {rest['descriptors']} | {rest['threads']} | {rest['busy']:.1f} |"
              for rest in soak.rests]
    return "\n".join(lines) + "\n"
