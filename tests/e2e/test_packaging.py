# SPDX-License-Identifier: Apache-2.0
"""The commands of the README: make run, make stop, and the set-up behind them."""
import os
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from conftest import BINARY, ROOT, free_port, wait_until


class Machine:
    """A place where `make run` keeps its state, apart from the developer's own."""

    def __init__(self):
        self.home = Path(tempfile.mkdtemp(prefix="shallop-run-", dir="/tmp"))
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("SHALLOP_")} | {
            "SHALLOP_VAR": str(self.home), "SHALLOP_RUN_DIR": str(self.home / "run"), "SHALLOP_BIN": str(BINARY)}

    def tool(self, name, **environment):
        return subprocess.run([ROOT / "tools" / name], env=self.environment | environment, capture_output=True, text=True,
                              timeout=120)

    def run(self, **environment):
        done = self.tool("run", **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def process(self):
        return int((self.home / "daemon").read_text().split()[0])


@pytest.fixture
def machine(example_images):
    place = Machine()
    yield place
    place.tool("stop")
    shutil.rmtree(place.home, ignore_errors=True)


def curl_line(text):
    return re.search(r"^ +(curl \S+)$", text, re.M).group(1)


def alive(process):
    return Path(f"/proc/{process}/exe").exists()


def test_make_alone_lists_the_commands():
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    for command in ("make run", "make test", "make stop", "make bench"):
        assert command in done.stdout


def test_run_prints_a_curl_line_that_works(machine):
    printed = machine.run(PORT=str(free_port()), ADMIN_PORT=str(free_port()))
    answer = subprocess.run(curl_line(printed).split(), capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0 and "knows nothing of HTTP" in answer.stdout


def test_a_second_run_keeps_the_daemon(machine):
    ports = {"PORT": str(free_port()), "ADMIN_PORT": str(free_port())}
    machine.run(**ports)
    first = machine.process
    printed = machine.run()
    assert machine.process == first
    assert f":{ports['PORT']}/" in curl_line(printed)


def test_a_given_port_that_is_taken_is_refused_by_name(machine):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = machine.tool("run", PORT=port, ADMIN_PORT=str(free_port()))
    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr
    assert not (machine.home / "daemon").exists()


def test_a_taken_default_port_is_passed_over(machine):
    try:
        other = socket.create_server(("127.0.0.1", 8080))
    except OSError:
        other = None  # somebody else has it: as good
    try:
        printed = machine.run()
    finally:
        if other:
            other.close()
    assert "port 8080 is in use: taking" in printed
    assert ":8080/" not in curl_line(printed)


def test_stop_ends_the_daemon(machine):
    machine.run(PORT=str(free_port()), ADMIN_PORT=str(free_port()))
    process = machine.process
    done = machine.tool("stop")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: not alive(process), 20, what="the process is gone")
    assert "no daemon" in machine.tool("stop").stdout


def test_set_up_does_nothing_where_nothing_is_missing(machine):
    done = machine.tool("setup")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_set_up_says_what_to_do_when_the_named_engine_does_not_answer(machine):
    done = machine.tool("setup", DOCKER_HOST="unix:///nonexistent.sock")
    assert done.returncode == 1
    assert "DOCKER_HOST=unix:///nonexistent.sock" in done.stderr and "unset DOCKER_HOST" in done.stderr


def test_the_shell_scripts_pass_shellcheck():
    scripts = [path for folder in ("tools", ".ci", "bench") for path in sorted((ROOT / folder).glob("*"))
               if path.is_file() and path.read_bytes().startswith((b"#!/usr/bin/env bash", b"#!/bin/sh", b"#!/bin/bash"))]
    assert ROOT / "tools/setup" in scripts
    done = subprocess.run(["shellcheck", "-x", "-P", "SCRIPTDIR", *scripts], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def elf(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def test_the_program_is_hardened():
    headers, dynamic, imports = elf("readelf", "-hlW", BINARY), elf("readelf", "-dW", BINARY), elf("nm", "-D", BINARY)
    assert "DYN (Position-Independent Executable file)" in headers
    assert "GNU_RELRO" in headers and re.search(r"FLAGS_1.*NOW.*PIE", dynamic)
    assert re.search(r"GNU_STACK.* RW ", headers), "the stack is not executable"
    for name in ("__stack_chk_fail", "__memcpy_chk", "__glibcxx_assert_fail"):
        assert name in imports, f"built without what calls {name}"
    assert not re.search(r"RPATH|RUNPATH|TEXTREL", dynamic)


def test_the_shim_is_hardened_and_needs_nothing():
    shim = BINARY.parent / "shim/bin/shallop-shim"
    headers = elf("readelf", "-hlW", shim)
    assert re.search(r"GNU_STACK.* RW ", headers) and "GNU_RELRO" in headers and "INTERP" not in headers
    assert shim.stat().st_size < 100 << 10


def test_the_operations_page_lists_every_setting_with_its_default():
    help_text = subprocess.run([BINARY, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    in_help = dict(re.findall(r"^  (--[a-z-]+) [^\n]*\n +[^\n]*?(?:\[(\S+)\])?$", help_text, re.M))
    page = (ROOT / "docs/operations.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| `--")]
    on_page = {}
    for flags, default, _ in rows:
        names, values = re.findall(r"`(--[a-z-]+)`", flags), re.findall(r"`([^`]+)`", default)
        on_page.update(zip(names, values if len(values) == len(names) else [None] * len(names)))
    assert set(on_page) == set(in_help) - {"--config"}
    same = {"60s": "1m"}
    wrong = {name: (value, in_help[name]) for name, value in on_page.items()
             if value and in_help[name] and same.get(value, value) != in_help[name]}
    assert not wrong


def test_the_operations_page_lists_every_limit_with_its_default(shared):
    limits = shared.put("limited", image="debian:bookworm-slim", command=["true"])["limits"]
    shared.api("DELETE", "/v1/functions/limited")
    page = (ROOT / "docs/operations.md").read_text()
    table = page[page.index("| member of `limits` |"):page.index("Those of the listeners are settings")]
    assert dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", table, re.M)) == {name: str(value) for name, value in limits.items()}


def readme_block(words):
    """The commands of the README's block that has these words."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    return next(block for block in blocks if words in block)


def test_the_readme_deploys_an_image_of_your_own(daemon):
    assert "NOT SO LOUD" in run_readme(daemon, "shallop deploy shout")


def test_the_readme_queues_events(daemon):
    shown = run_readme(daemon, "--async --wait")
    assert "/v1/invocations/" in shown and "\n2\n" in shown and "no dead letters" in shown and shown.count("succeeded") >= 1


def test_the_readme_makes_a_function_of_a_file(daemon, runtime_images, tmp_path):
    assert "Hello, you!" in run_readme(daemon, "shallop init", tmp_path)


def test_the_first_screen_of_the_readme_is_true(daemon, runtime_images, tmp_path):
    text = (ROOT / "README.md").read_text()
    code, call, answer = re.search(r"^```python\n(.*?)^```$.*?^\$ curl '(\S+)'\n(.*?)^```$", text, re.M | re.S).groups()
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions/hello.py").write_text(code)
    process = subprocess.Popen([BINARY, "dev", "functions"], cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=client_environment(daemon))
    try:
        lines = [process.stdout.readline() for _ in range(2)]
        for shown in re.search(r"^\$ shallop dev functions\n(.*?)\n\n", text, re.M | re.S)[1].splitlines():
            assert re.sub(r" in .*", "", shown) in "".join(lines), lines
        assert daemon.call(call.partition(":8080")[2]).text == answer
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def client_environment(daemon):
    return os.environ | {"SHALLOP_URL": f"http://127.0.0.1:{daemon.admin_port}", "PATH": f"{BINARY.parent}:{os.environ['PATH']}",
                         "SHALLOP_TOKEN_FILE": str(daemon.data_dir / "admin-token")}


def run_readme(daemon, words, folder=None):
    """The block of the README that has these words, as somebody types it; what it prints."""
    commands = readme_block(words).replace("localhost:8080", f"localhost:{daemon.port}")
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands.replace("curl ", "curl -fsS ")], env=client_environment(daemon),
                          capture_output=True, text=True, timeout=60, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_names_only_files_that_exist():
    for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/operations.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
            assert target.startswith("http") or ((ROOT / page).parent / target).exists(), f"{page} names {target}"
