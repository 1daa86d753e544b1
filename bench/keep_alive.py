# SPDX-License-Identifier: Apache-2.0
"""The keep-alive policies over made-up arrivals, in simulated time: bench_keep_alive's table, where it is built or can be."""

import os
import subprocess

from daemon import ROOT

BUILD = ROOT / "build/release"
PROGRAM = os.environ.get("SHALLOP_BENCH_KEEP_ALIVE", str(BUILD / "bench/bench_keep_alive"))


def built():
    """Builds it where the release build is configured; a build that fails is an error."""
    if (BUILD / "build.ninja").exists() and "SHALLOP_BENCH_KEEP_ALIVE" not in os.environ:
        done = subprocess.run(["cmake", "--build", str(BUILD), "--target", "bench_keep_alive"], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench_keep_alive cannot be built:\n{done.stdout[-3000:]}{done.stderr}")
    return os.access(PROGRAM, os.X_OK)


def run(quick):
    lines = ["## Keep-alive policies, in simulated time", ""]
    if not built():
        return lines + ["Not simulated: bench_keep_alive is not built, and build/release is not configured.", ""], []
    days = "1" if quick else "7"
    done = subprocess.run([PROGRAM, "--days", days], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bench_keep_alive: {done.stderr}")
    return lines + [f"{days} days, learned as a multiple of fixed in each third line:", "", "```", done.stdout.rstrip(), "```", ""], []
