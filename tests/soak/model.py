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
        self.events, self.jobs, self.poison = [], [], []
        self.faults = Counter()        # what was done to it
        self.counts = Counter()        # what clients got: (load, outcome)
        self.wrong = defaultdict(list)  # promise -> what broke it, in words
        self.short = defaultdict(list)  # promise -> what was too little to show it
        self.lateness = []              # what took longer than its promise says, in words
        self.times = defaultdict(list)  # what was measured, in seconds
        self.bars = {}                  # what was measured -> its promise, and what that says
        self.lost = 0                   # functions: looks that did not find what was acknowledged

    def broke(self, promise, words):
        with self.lock:
            self.wrong[promise].append(f"{time.strftime('%H:%M:%S')} {words}")

    def fell_short(self, promise, words):
        with self.lock:
            self.short[promise].append(words)

    def was_late(self, promise, words):
        with self.lock:
            self.lateness.append(f"{promise}: {time.strftime('%H:%M:%S')} {words}")

    def took(self, what, seconds, promise=None, most=None):
        with self.lock:
            self.times[what].append(seconds)
            if promise:
                self.bars[what] = promise, most

    def over(self, what):
        """How many took longer than their promise says."""
        return sum(seconds > self.bars[what][1] for seconds in self.times[what]) if what in self.bars else 0

    def late(self, promise):
        return any(self.over(what) for what, (whose, _) in self.bars.items() if whose == promise)

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

    def found(self, name, value, promise, when):
        """A look at the registry while no change was under way."""
        if value not in self.functions.get(name, {None}):
            self.lost += 1
            self.broke(promise, f"{when}: {name} is {value}, and only {self.functions[name]} was acknowledged")
        self.functions[name] = {value}
