# SPDX-License-Identifier: Apache-2.0
"""Every example does what its README says: its commands are run, and print what stands below them."""
import json
import os
import re
import shlex
import subprocess

import pytest

from conftest import ROOT, docker, wait_until

ALL = sorted(path.parent.name for path in (ROOT / "examples").glob("*/README.md"))
FROM_SOURCE = [name for name in ALL if name.endswith("-source")]
EXAMPLES = [name for name in ALL if name not in FROM_SOURCE]
BLOCK = re.compile(r"^```(\w+)( setup)?\n(.*?)^```$", re.M | re.S)
GATEWAY = "localhost:8080"


def steps(name):
    """Pairs of (commands, what they print) from a README; a block marked `setup` prints nothing worth checking."""
    text, found = (ROOT / "examples" / name / "README.md").read_text(), []
    for language, setup, content in BLOCK.findall(text):
        if language == "sh":
            found.append([content, None if setup else ""])
        elif language == "text" and found:
            found[-1][1] = content
    return found


def manifest_of(name):
    return next(path for path in (ROOT / "examples" / name / file for file in ("function.json", "shallop.yaml")) if path.exists())


def run_step(commands, port, folder):
    environment = os.environ | {
        "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org"}
    return subprocess.run(["bash", "-euo", "pipefail", "-c", commands.replace(GATEWAY, f"localhost:{port}")],
                          cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def volume_removed():
    """Docker says yes once the last container that used the volume is gone."""
    try:
        docker("volume", "rm", "-f", "shallop-example-repos")
    except AssertionError:
        return False
    return True


@pytest.fixture
def clone(tmp_path):
    """A folder in which the READMEs' commands find the examples, as in a clone of the repository, and may leave things."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


@pytest.fixture
def fresh_repositories():
    wait_until(volume_removed)
    yield
    wait_until(volume_removed)


def test_there_are_these_examples():
    assert EXAMPLES == ["cgi-shell", "git-http", "hello", "pdf-text", "php", "php-fpm", "word-count"]
    assert FROM_SOURCE == [f"{name}-source" for name in (
        "bash", "express", "flask", "markdown", "perl", "php", "sinatra", "static", "thumbnail", "webhook")]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_readme_of_an_example_is_true(name, shared, example_images, fresh_repositories, clone):
    check_readme(name, shared, clone, f"apply -f {manifest_of(name).relative_to(ROOT)}")


@pytest.mark.parametrize("name", FROM_SOURCE)
def test_the_readme_of_an_example_from_source_is_true(name, shared, runtime_images, example_images, clone):
    check_readme(name, shared, clone, f"deploy {name} ")


def check_readme(name, shared, folder, command):
    """Follows a README: what it sets up, the one line that makes the function, and the calls of it."""
    todo = sorted(steps(name), key=lambda step: step[1] is not None)
    assert any("curl" in commands for commands, _ in todo), "a README needs a curl line"
    words = re.search(rf"`shallop ({command}[^`]*)`", (ROOT / "examples" / name / "README.md").read_text())
    assert words, f"a README says how the function is made: `shallop {command}…`"
    made = False
    try:
        for commands, expected in todo:
            if expected is not None and not made:
                shared.cli(*shlex.split(words[1]), cwd=folder)
                made = True
            done = run_step(commands, shared.port, folder)
            assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
            if expected is not None:
                assert done.stdout == expected
    finally:
        if made:
            shared.cli("remove", name)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_manifest_says_only_what_is_needed(name):
    text = manifest_of(name).read_text()
    resource = json.loads(text) if text.startswith("{") else dict(re.findall(r"^(\w+): *(.*)$", text, re.M))
    assert resource["name"] == name
    assert resource["image"] == f"shallop-example-{name}:latest"
    assert "scale" not in resource


def test_a_pushed_commit_is_there_for_the_next_clone(shared, example_images, fresh_repositories, tmp_path):
    docker("run", "--rm", "--network", "none", "-v", "shallop-example-repos:/srv/git", "shallop-example-git-http",
           "new-repository", "big.git")
    shared.cli("apply", "-f", str(ROOT / "examples/git-http/function.json"))
    url = f"http://{GATEWAY}/function/git-http/big.git"
    content = os.urandom(3 << 20)  # enough for git to send it chunked
    try:
        done = run_step(f"git clone -q {url} one", shared.port, tmp_path)
        assert done.returncode == 0, done.stderr
        (tmp_path / "one/big").write_bytes(content)
        done = run_step("cd one; git add big; git commit -qm big; git push -q origin HEAD:main", shared.port, tmp_path)
        assert done.returncode == 0, done.stderr
        done = run_step(f"git clone -q {url} two", shared.port, tmp_path)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "two/big").read_bytes() == content
    finally:
        shared.cli("remove", "git-http")
