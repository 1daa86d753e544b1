# SPDX-License-Identifier: Apache-2.0
"""What must be true of a daemon, whatever was done to it: kept beside it, and compared with it."""
import threading
import time
from collections import Counter, defaultdict


class Model:
    """What the daemon has acknowledged, and what was seen that should not have been. Used from all threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.functions = {}            # name -> the values of V that a look at it may find; None: it is not there
        self.events, self.jobs = [], []
        self.faults = Counter()        # what was done to it
        self.counts = Counter()        # what clients got: (load, outcome)
        self.wrong = defaultdict(list)  # promise -> what broke it, in words
        self.times = defaultdict(list)  # what was measured, in seconds

    def broke(self, promise, words):
        with self.lock:
            self.wrong[promise].append(f"{time.strftime('%H:%M:%S')} {words}")

    def took(self, what, seconds):
        with self.lock:
            self.times[what].append(seconds)

    def count(self, load, outcome):
        with self.lock:
            self.counts[load, outcome] += 1

    def total(self, load):
        return sum(count for (name, _), count in self.counts.items() if name == load)

    def worst(self, what):
        return max(self.times[what], default=0.0)

    # ---- functions: an answer decides; without one, both are possible

    def asked(self, name, value):
        """A change to `value` is on its way: until an answer comes both may be found."""
        self.functions[name] = self.functions.get(name, {None}) | {value}

    def acknowledged(self, name, value):
        self.functions[name] = {value}

    def refused(self, name, before):
        self.functions[name] = before

    def found(self, name, value, when):
        """A look at the registry while no change was under way."""
        if value not in self.functions.get(name, {None}):
            self.broke("P11", f"{when}: {name} is {value}, and only {self.functions[name]} was acknowledged")
        self.functions[name] = {value}
