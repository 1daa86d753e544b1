# SPDX-License-Identifier: Apache-2.0
"""Functions from files, and many functions in one file, as somebody types it."""
import json
import os
import pty
import signal
import subprocess
import threading

import pytest

from conftest import BINARY, ROOT, docker, wait_until
from test_cli import alone, complains

IMAGE = "debian:bookworm-slim"
PYTHON = "shallop-runtime-python:latest"
HELLO = 'def handler(event):\n    return f"Hello, {event[\'query\'].get(\'name\', \'world\')}!"\n'


@pytest.fixture
def named(shared, request):
    """Names for functions, all beginning with the test's own, which are removed at the end."""
    prefix = "src-" + request.node.name.split("[")[0].replace("_", "-").replace("test-", "")[:30].strip("-")
    yield lambda name="": f"{prefix}-{name}" if name else prefix
    there = [f["name"] for f in json.loads(shared.cli("list", "--json").stdout)]
    mine = [name for name in there if name.startswith(prefix)]
    if mine:
        shared.cli("remove", *mine, check=False)


@pytest.fixture(scope="session")
def python_runtime():
    """The image of the Python runtime, made by the script that users run."""
    if not docker("images", "-q", PYTHON, check=False):
        subprocess.run([ROOT / "tools/build-runtimes", "python"], check=True, timeout=900)


def resource(shared, name):
    return json.loads(shared.cli("show", name, "--json").stdout)


def plan(shared, *words):
    return {step["name"]: step for step in json.loads(shared.cli("plan", *words, "--json").stdout)}


# ---- without a runtime

def test_a_starter_is_written_and_nothing_is_overwritten(tmp_path):
    listed = alone("init")
    assert listed.returncode == 0 and all(word in listed.stdout for word in "python node php ruby perl bash".split())
    folder = tmp_path / "hello"
    assert "shallop deploy" in alone("init", "python", str(folder)).stdout
    assert {p.name for p in folder.iterdir()} == {"main.py", "shallop.yaml", "README.md"}
    assert len((folder / "README.md").read_text().splitlines()) == 3
    (folder / "README.md").write_text("mine")
    (folder / "main.py").unlink()
    complains(alone("init", "python", str(folder)), 1, "shallop.yaml is there already", "another folder")
    assert not (folder / "main.py").exists() and (folder / "README.md").read_text() == "mine"
    assert json.loads(alone("init", "bash", str(tmp_path / "b"), "--json").stdout)["written"]


def test_a_plan_shows_what_apply_does_and_is_empty_afterwards(shared, named, tmp_path):
    file = tmp_path / "shallop.yaml"
    write = lambda **more: file.write_text(json.dumps({"functions": {
        named("a"): {"image": IMAGE, "command": ["cat"], "limits": {"timeout": "60s", "memory": 134217728}} | more,
        named("b"): {"image": IMAGE, "command": ["true"], "env": {"A": "1"}, "routes": [{"path": f"/{named('b')}/*"}]}}}))
    write()
    steps = plan(shared, "-f", str(file))
    assert [step["action"] for step in steps.values()] == ["create", "create"]
    shared.cli("apply", "-f", str(file))
    assert {step["action"] for step in plan(shared, "-f", str(file)).values()} == {"none"}
    assert "nothing to do" in shared.cli("apply", "-f", str(file), "--plan").stdout
    write(scale={"max": 3}, limits={})
    changes = plan(shared, "-f", str(file))[named("a")]["changes"]
    assert {c["member"]: (c["from"], c["to"]) for c in changes} == {
        "scale.max": (10, 3), "limits.timeout": ("1m", "30s"), "limits.memory": ("128Mi", "256Mi")}
    assert resource(shared, named("a"))["version"] == 1
    shared.cli("apply", "-f", str(file))
    assert "nothing to do" in shared.cli("plan", "-f", str(file)).stdout


def test_prune_removes_what_left_the_project_and_nothing_else(shared, named, tmp_path):
    file = tmp_path / "shallop.yaml"
    one = {"image": IMAGE, "command": ["true"]}
    file.write_text(json.dumps({"project": named(), "functions": {named("a"): one, named("b"): one}}))
    shared.cli("apply", "-f", str(file))
    file.write_text(json.dumps({"project": named(), "functions": {named("a"): one}}))
    shared.cli("apply", "-f", str(file))
    assert resource(shared, named("b"))
    assert plan(shared, "-f", str(file), "--prune")[named("b")]["action"] == "remove"
    assert f"removed {named('b')}" in shared.cli("apply", "-f", str(file), "--prune").stdout
    complains(shared.cli("show", named("b"), check=False), 1, named("b"))
    assert resource(shared, named("a"))


@pytest.mark.parametrize(("words", "removed"), [(["n\n"], False), (["y\n"], True), (["--yes"], True)], ids=["no", "yes", "told before"])
def test_at_a_terminal_a_prune_asks_by_name(shared, named, tmp_path, words, removed):
    file = tmp_path / "shallop.yaml"
    one = {"image": IMAGE, "command": ["true"]}
    file.write_text(json.dumps({"project": named(), "functions": {named("a"): one, named("b"): one}}))
    shared.cli("apply", "-f", str(file))
    file.write_text(json.dumps({"project": named(), "functions": {named("a"): one}}))
    flags = [word for word in words if word.startswith("--")]
    ours, theirs = pty.openpty()
    try:
        if not flags:
            os.write(ours, words[0].encode())
        done = subprocess.run([str(BINARY), "apply", "-f", str(file), "--prune", *flags], stdin=theirs, capture_output=True, text=True, timeout=60,
                              env={"SHALLOP_URL": f"http://127.0.0.1:{shared.admin_port}", "SHALLOP_TOKEN": shared.token})
    finally:
        os.close(ours)
        os.close(theirs)
    assert (f"remove {named('b')}?" in done.stdout + done.stderr) == (not flags), done
    assert (f"removed {named('b')}" in done.stdout) == removed and (shared.api("GET", f"/v1/functions/{named('b')}").status == 404) == removed


def test_a_function_that_gets_another_name_takes_its_route_along(shared, named, tmp_path):
    file = tmp_path / "shallop.yaml"
    routed = {"image": IMAGE, "command": ["true"], "routes": [{"path": f"/{named()}/*"}]}
    write = lambda *names: file.write_text(json.dumps({"project": named(), "functions": {named(name): routed for name in names}}))
    write("old")
    shared.cli("apply", "-f", str(file))
    write("new")
    complains(shared.cli("apply", "-f", str(file), check=False), 1, named("old"))
    said = shared.cli("apply", "-f", str(file), "--prune").stdout
    assert said.index(f"removed {named('old')}") < said.index(f"created {named('new')}")
    assert {step["action"] for step in plan(shared, "-f", str(file), "--prune").values()} == {"none"}


def test_prune_wants_to_know_what_is_its_own(shared, named, tmp_path):
    file = tmp_path / "f.json"
    file.write_text(json.dumps({"name": named("a"), "image": IMAGE}))
    complains(shared.cli("apply", "-f", str(file), "--prune", check=False), 2, "--prune", "project: NAME")
    complains(shared.cli("apply", "-f", str(file), "--prune", "--prune-prefix", "other-", check=False), 2, named("a"), "other-")
    complains(shared.cli("show", named("a"), check=False), 1, named("a"))
    assert plan(shared, "-f", str(file), "--prune", "--prune-prefix", named())[named("a")]["action"] == "create"


def test_invoke_says_how_long_what_took(shared, named):
    shared.cli("deploy", named("up"), "--image", IMAGE, "--", "tr", "a-z", "A-Z")
    done = shared.cli("invoke", named("up"), "-d", "loud", "--time")
    assert done.stdout == "LOUD"
    rows = {line.split("  ")[0].strip() or line.split()[0]: line for line in done.stderr.splitlines()}
    assert {"connect", "first byte", "total", "queue", "start", "run", "sent", "received"} <= set(rows), done.stderr
    timing = json.loads(shared.cli("invoke", named("up"), "-d", "loud", "--time", "--json").stdout)["timing"]
    assert timing["sent"] == timing["received"] == 4
    assert 0 < timing["connect_ms"] <= timing["first_byte_ms"] <= timing["total_ms"]
    assert {"queue_ms", "start_ms", "run_ms"} <= set(timing["server"])


@pytest.mark.parametrize("words, status, what, todo", [
    (["deploy", "nothing-of-this-name"], 2, "--image", "shallop deploy nothing-of-this-name"),
    (["deploy", "./nothing.py"], 1, "./nothing.py", "file"),
    (["deploy", "shop", "./nothing"], 1, "./nothing", "folder"),
    (["deploy", "x", "--image", "i", "--handler", "h"], 2, "--handler", "PATH"),
    (["init", "pyton"], 2, "pyton", "python"),
    (["plan", "-f", "/nonexistent.yaml"], 1, "/nonexistent.yaml", "name"),
    (["aply", "-f", "x"], 2, "aply", "shallop apply"),
])
def test_what_cannot_be_is_told_before_anybody_is_asked(words, status, what, todo):
    complains(alone(*words), status, what, todo)


@pytest.mark.parametrize("command", ["init", "dev", "plan", "deploy", "apply"])
def test_the_commands_explain_themselves(command):
    done = alone(command, "--help")
    assert done.returncode == 0 and "Example" in done.stdout and f"shallop {command}" in done.stdout
    assert command in alone("--help").stdout


# ---- with one

def test_a_file_is_a_function(shared, named, tmp_path, python_runtime):
    file = tmp_path / f"{named()}.py"
    file.write_text(HELLO)
    done = shared.cli("deploy", str(file))
    assert f"created {named()}, version 1" in done.stdout and "runtime python" in done.stdout and "kind handler" in done.stdout
    assert shared.cli("invoke", named(), "--path", "?name=you").stdout == "Hello, you!"
    file.write_text(HELLO.replace("Hello", "Good day"))
    assert f"deployed {named()}, version 2" in shared.cli("deploy", str(file)).stdout
    assert shared.cli("invoke", named()).stdout == "Good day, world!"
    assert "version 2" in shared.cli("deploy", str(file)).stdout, "the same again changes nothing"


def test_flags_change_what_they_name_and_keep_the_rest(shared, named, tmp_path, python_runtime):
    file = tmp_path / "x.py"
    file.write_text(HELLO)
    done = json.loads(shared.cli("deploy", named(), str(file), "--env", "A=1", "--memory", "128Mi", "--json").stdout)
    assert (done["version"], done["env"], done["source"]["runtime"]) == (1, {"A": "1"}, "python")
    file.write_text(HELLO + "\n")
    done = json.loads(shared.cli("deploy", named(), str(file), "--env", "B=2", "--json").stdout)
    assert (done["version"], done["env"], done["limits"]["memory"]) == (2, {"A": "1", "B": "2"}, "128Mi")
    done = json.loads(shared.cli("deploy", named(), str(file), "--json").stdout)
    assert (done["version"], done["env"]) == (2, {"A": "1", "B": "2"})


def test_a_folder_with_its_settings_is_one_version(shared, named, tmp_path, python_runtime):
    folder = tmp_path / named()
    (folder / "lib").mkdir(parents=True)
    (folder / "lib/words.py").write_text("import os\nTEXT = os.environ['TEXT']\n")
    (folder / "app.py").write_text("from lib.words import TEXT\ndef greet(event):\n    return TEXT\n")
    (folder / "shallop.yaml").write_text("env: {TEXT: hi}\nsource: {handler: greet}\nlimits: {timeout: 5s}\n")
    (folder / "left.log").write_text("x")
    (folder / ".shallopignore").write_text("*.log\n")
    done = json.loads(shared.cli("deploy", str(folder), "--json").stdout)
    assert done["name"] == named() and done["version"] == 1 and done["limits"]["timeout"] == "5s"
    assert (done["source"]["entry"], done["source"]["handler"]) == ("app.py", "greet")
    assert shared.cli("invoke", named()).stdout == "hi"
    assert json.loads(shared.cli("deploy", str(folder), "--json").stdout)["version"] == 1


def test_a_large_folder_is_uploaded(shared, named, tmp_path, python_runtime):
    folder = tmp_path / named()
    folder.mkdir()
    (folder / "data").write_bytes(os.urandom(1 << 20))
    (folder / "main.py").write_text("import os\ndef handler(event):\n    return str(os.path.getsize('data')) + os.environ.get('A', '')\n")
    shared.cli("deploy", str(folder))
    assert shared.cli("invoke", named()).stdout == str(1 << 20)
    shared.cli("deploy", str(folder), "--env", "A=!")
    # Until the new version has an instance the one before serves.
    wait_until(lambda: shared.cli("invoke", named()).stdout == f"{1 << 20}!", 20)


def test_a_starter_works_as_it_is(shared, named, tmp_path, python_runtime):
    folder = tmp_path / named()
    shared.cli("init", "python", str(folder))
    shared.cli("deploy", str(folder))
    assert shared.cli("invoke", named(), "--path", "?name=you").stdout == "Hello, you!\n"


def test_applied_code_is_not_in_the_next_plan(shared, named, tmp_path, python_runtime):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/main.py").write_text(HELLO)
    file = tmp_path / "shallop.yaml"
    file.write_text(json.dumps({"functions": {named("a"): {"source": {"path": "./code"}},
                                              named("b"): {"source": {"runtime": "python", "files": {"main.py": HELLO}}}}}))
    assert [step["action"] for step in plan(shared, "-f", str(file)).values()] == ["create", "create"]
    shared.cli("apply", "-f", str(file))
    assert shared.cli("invoke", named("a")).stdout == shared.cli("invoke", named("b")).stdout == "Hello, world!"
    assert "nothing to do" in shared.cli("plan", "-f", str(file)).stdout
    (tmp_path / "code/main.py").write_text(HELLO + "\n")
    changes = plan(shared, "-f", str(file))[named("a")]["changes"]
    assert [c["member"] for c in changes] == ["source.code"]


def test_routes_that_the_application_tells_are_in_no_plan(shared, named, tmp_path, python_runtime):
    (tmp_path / "main.py").write_text(f"from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/{named()}')\ndef told():\n    return 'told'\n")
    file = tmp_path / "shallop.yaml"
    write = lambda **more: file.write_text(json.dumps({"functions": {named("a"): {"source": {"path": "./main.py"} | more}}}))
    write(routes="application")
    shared.cli("apply", "-f", str(file))
    assert resource(shared, named("a"))["source"]["routes"] == "application" and shared.call(f"/{named()}").text == "told"
    assert "nothing to do" in shared.cli("plan", "-f", str(file)).stdout
    write()
    changes = plan(shared, "-f", str(file))[named("a")]["changes"]
    assert {c["member"] for c in changes} == {"source.routes", "routes"}


def test_broken_code_is_refused_and_the_old_version_serves(shared, named, tmp_path, python_runtime):
    folder = tmp_path / named()
    folder.mkdir()
    (folder / "main.py").write_text(HELLO)
    shared.cli("deploy", str(folder))
    (folder / "link").symlink_to("/etc/passwd")
    complains(shared.cli("deploy", str(folder), check=False), 1, "link is a symbolic link", ".shallopignore")
    archive = tmp_path / "broken.zip"
    archive.write_bytes(b"PK\x03\x04 nonsense")
    assert shared.cli("deploy", named(), str(archive), check=False).returncode == 1
    assert shared.cli("invoke", named()).stdout == "Hello, world!"


class Dev:
    """A running `shallop dev`; its lines as they come."""

    def __init__(self, shared, *words):
        environment = os.environ | {"SHALLOP_URL": f"http://127.0.0.1:{shared.admin_port}", "SHALLOP_TOKEN": shared.token}
        self.process = subprocess.Popen([str(BINARY), "dev", *words], stdout=subprocess.PIPE, text=True, env=environment)
        self.limit = threading.Timer(60, self.process.kill)  # so that no line is waited for longer
        self.limit.start()

    def until(self, text):
        for line in self.process.stdout:
            if text in line:
                return line
        raise AssertionError(f"shallop dev ended without: {text}")

    def end(self):
        self.process.send_signal(signal.SIGINT)
        rest = self.process.stdout.read()
        self.limit.cancel()
        assert self.process.wait(20) == 0
        return rest


def test_dev_deploys_what_is_saved_until_it_ends(shared, named, tmp_path, python_runtime):
    name = named("hello")
    (tmp_path / f"{name}.py").write_text("def handler(event):\n    print('said', flush=True)\n    return 'one'\n")
    dev = Dev(shared, str(tmp_path))
    try:
        assert dev.until(f"{name} | deployed version 1 of {name}.py at /{name}/*").endswith("(handler)\n")
        assert shared.call(f"/{name}").text == "one"
        dev.until(f"{name} | said")
        (tmp_path / f"{name}.py").write_text("def handler(event):\n    return 'two'\n")
        dev.until("deployed version 2")
        wait_until(lambda: shared.call(f"/{name}/x").text == "two", what="the new version has taken over")
        (tmp_path / f"{name}.py").write_text("def handler(event)\n    return 'three'\n")
        assert f"{name}.py, line 1" in dev.until(f"{name} | error")
        assert shared.call(f"/{name}").text == "two"
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / f"{name}.py").write_text(HELLO)
        dev.until(f"at /sub/{name}/*")
        (tmp_path / "sub" / f"{name}.py").unlink()
        dev.until(f"sub-{name} | removed")
        assert shared.call(f"/sub/{name}").status == 404
    finally:
        rest = dev.end()
    assert f"{name} | removed" in rest and shared.call(f"/{name}").status == 404


def test_dev_follows_a_file_that_gets_another_name(shared, named, tmp_path, python_runtime):
    folder = tmp_path / named()
    folder.mkdir()
    (folder / "[id].py").write_text(HELLO)
    dev = Dev(shared, str(tmp_path))
    try:
        dev.until("deployed version 1")
        (folder / "[id].py").rename(folder / "[key].py")
        dev.until(f"{named('key')} | deployed version 1")
        assert shared.call(f"/{named()}/7").text == "Hello, world!"
    finally:
        assert "error" not in dev.end()


def test_dev_leaves_what_it_found_and_what_it_shall_keep(shared, named, tmp_path, python_runtime):
    for name in (named("found"), named("kept")):
        (tmp_path / f"{name}.py").write_text(HELLO)
    shared.cli("deploy", str(tmp_path / f"{named('found')}.py"))
    for words, left in ([], [named("found")]), (["--keep"], [named("found"), named("kept")]):
        dev = Dev(shared, str(tmp_path), *words)
        dev.until(named("kept") + " | deployed")
        dev.end()
        there = [f["name"] for f in json.loads(shared.cli("list", "--json").stdout)]
        assert [name for name in there if name.startswith(named())] == left
