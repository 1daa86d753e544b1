# SPDX-License-Identifier: Apache-2.0
"""A Docker engine of a test's own, to be frozen, killed and restarted: the machine's own is not touched by it."""
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from conftest import docker, wait_until

# In namespaces of its own: with --bridge=none an engine deletes the docker0 it finds, and what it mounts goes with it. Where cgroups of the
# first version have the second one beside them, runc would look for containers of its own there.
HOLD = "umount /sys/fs/cgroup/unified 2>/dev/null; echo ready; exec sleep infinity"

# As distributions run it: a process beside the engine, which an engine that is killed does not take with it.
CONTAINERD = """version = 2
root = "{home}/containerd"
state = "{home}/containerd-state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{home}/containerd.sock"
"""


class SecondEngine:
    """start(), freeze(), kill() and stop() in any order; close() removes it with all that it had."""

    def __init__(self, *images):
        # Unix sockets below it: their paths have 107 characters at most.
        self.home = Path(tempfile.mkdtemp(prefix="shallop-engine-", dir="/tmp"))
        self.socket, self.process, self.log = self.home / "docker.sock", None, self.home / "log"
        self.holder = subprocess.Popen(["unshare", "--net", "--mount", "sh", "-c", HOLD], stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"ready\n"
        (self.home / "containerd.toml").write_text(CONTAINERD.format(home=self.home))
        self.containerd = self.spawn("containerd", "--config", self.home / "containerd.toml")
        wait_until((self.home / "containerd.sock").exists, 30, what="containerd listens")
        self.start()
        for image in images:
            self.load(image)

    @property
    def url(self):
        return f"unix://{self.socket}"

    def spawn(self, *words):
        """A process in the namespaces of ours."""
        command = ["nsenter", "--net", "--mount", "-t", self.holder.pid, *words]
        with open(self.log, "ab") as log:
            return subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def start(self, live_restore=False):
        self.process = self.spawn(
            "dockerd", "--host", self.url, "--containerd", self.home / "containerd.sock", "--data-root", self.home / "data",
            "--exec-root", self.home / "exec", "--pidfile", self.home / "pid", "--bridge=none", "--iptables=false",
            "--ip-forward=false", "--ip-masq=false", *(["--live-restore"] if live_restore else []))
        wait_until(self.answers, 60, what="the second engine answers")

    def answers(self):
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        return subprocess.run(["docker", "-H", self.url, "version"], capture_output=True, timeout=30).returncode == 0

    def docker(self, *words, **options):
        return docker("-H", self.url, *words, **options)

    def load(self, image):
        saved = subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE)
        subprocess.run(["docker", "-H", self.url, "load"], stdin=saved.stdout, check=True, capture_output=True, timeout=120)
        assert saved.wait() == 0

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0

    def containers(self):
        return self.docker("ps", "-aq").split()

    def of_ours(self):
        """Processes that have this engine's directory among their arguments: its containerd, and the shims of its containers."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if str(self.home).encode() in (entry / "cmdline").read_bytes() and int(entry.name) != os.getpid():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def close(self):
        self.thaw()
        if self.process.poll() is None:
            for container in self.containers():
                self.docker("rm", "-f", container, check=False)
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        self.containerd.kill()
        self.containerd.wait()
        for process in self.of_ours():  # shims, where a test failed
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        wait_until(lambda: not self.of_ours(), 10, what="nothing of the second engine runs")
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
        shutil.rmtree(self.home)
