# SPDX-License-Identifier: Apache-2.0
"""The promises of reliability, and the tests that have them in their names: `test_P7_…` in pytest, `"P7: …"` in Catch2."""
import re
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROMISES = {
    "P1": "killed -9 with work in flight",
    "P2": "power cut",
    "P3": "engine faults",
    "P4": "engine frozen, killed, restarted",
    "P5": "SIGTERM under load",
    "P6": "a function that misbehaves",
    "P7": "hostile bytes",
    "P8": "idle and slow connections",
    "P9": "answers, memory, descriptors",
    "P10": "queued events",
    "P11": "registry",
    "P12": "sandbox and admin plane",
    "P14": "clock jumps",
    "P15": "a burst on a cold function",
    "P16": "a noisy neighbour",
    "P17": "no disk, descriptors, memory",
}


def tests():
    """promise -> files with tests of it, and how many each has."""
    found = defaultdict(Counter)
    for path in sorted([*ROOT.glob("tests/e2e/test_*.py"), *ROOT.glob("tests/*/*/*_test.cpp")]):
        pattern = r"^def test_((?:P\d+_)+)" if path.suffix == ".py" else r'TEST_CASE\("((?:P\d+[ ,:])+)'
        for names in re.findall(pattern, path.read_text(), re.M):
            for promise in re.findall(r"P\d+", names):
                found[promise][str(path.relative_to(ROOT))] += 1
    return found
