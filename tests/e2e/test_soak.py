# SPDX-License-Identifier: Apache-2.0
"""A short soak of a known seed: `make soak` is the long one."""
import os
import subprocess

from conftest import BINARY, ROOT

SECONDS, SEED = 15, 7


def test_P1_P9_a_short_soak_breaks_no_promise():
    done = subprocess.run([ROOT / "tests/soak/run", "--seconds", str(SECONDS), "--seed", str(SEED)], capture_output=True, text=True, timeout=300,
                          env=os.environ | {"SHALLOP_BIN": str(BINARY)})
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    table = done.stdout[done.stdout.index("\nP1 "):]
    assert "every promise was kept" in table and f"seed {SEED}" in table
    assert {"P1", "P3", "P5", "P9", "P10", "P11"} <= {line.split()[0] for line in table.splitlines() if " kept " in line}
