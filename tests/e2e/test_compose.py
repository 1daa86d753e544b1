# SPDX-License-Identifier: Apache-2.0
"""docker-compose.yml, brought up for real: the daemon is itself a container beside the ones it starts."""
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from conftest import ROOT, containers, docker, free_port, request, wait_until
from test_backup import commands, run

PROJECT = f"shallop-test-{os.getpid()}"
TAKEN = "com.docker.compose.project"


def compose_command():
    """`docker compose` where the client has it, else `docker-compose`."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ["docker", "compose"]
    return ["docker-compose"]


class Compose:
    def __init__(self, run_dir):
        self.port, self.admin_port, self.run_dir = free_port(), free_port(), run_dir
        self.environment = os.environ | {
            "SHALLOP_PORT": str(self.port), "SHALLOP_ADMIN_PORT": str(self.admin_port), "SHALLOP_RUN_DIR": str(run_dir),
            "COMPOSE_PROJECT_NAME": PROJECT, "COMPOSE_INTERACTIVE_NO_CLI": "1"}

    def run(self, *words, timeout=1500):
        done = subprocess.run([*compose_command(), *words], cwd=ROOT, env=self.environment, capture_output=True, text=True,
                              timeout=timeout)
        assert done.returncode == 0, f"compose {' '.join(words)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def container(self, service):
        return docker("ps", "-aq", "--filter", f"label={TAKEN}={PROJECT}",
                      "--filter", f"label=com.docker.compose.service={service}")

    def ended(self, service):
        return docker("inspect", "-f", "{{.State.Status}}", self.container(service)) == "exited"


@pytest.fixture(scope="module")
def compose():
    run_dir = Path(tempfile.mkdtemp(prefix="shallop-compose-", dir="/tmp"))
    project = Compose(run_dir)
    try:
        project.run("up", "-d", "--build")
        wait_until(lambda: project.ended("register"), 60, what="the functions are registered")
        yield project
    finally:
        print(project.run("logs", "--no-color", "--tail=60"))
        project.run("down", "-v", "--timeout", "30", timeout=120)
        shutil.rmtree(run_dir, ignore_errors=True)


def authorized(compose):
    token = docker("exec", compose.container("shallop"), "cat", "/var/lib/shallop/admin-token")
    return {"Authorization": f"Bearer {token}"}


def daemon_id(compose):
    return request(compose.admin_port, "GET", "/v1/info", headers=authorized(compose)).json["daemon"]


def test_the_functions_are_registered(compose):
    register = compose.container("register")
    assert docker("inspect", "-f", "{{.State.ExitCode}}", register) == "0", docker("logs", register)


def test_both_functions_answer(compose):
    hello = request(compose.port, "GET", "/function/hello")
    assert hello.status == 200 and "knows nothing of HTTP" in hello.text
    words = request(compose.port, "POST", "/function/word-count", body=b"a light boat, launched on demand")
    assert (words.status, words.text) == (200, "6\n")


def test_the_admin_listener_wants_its_token(compose):
    assert request(compose.admin_port, "GET", "/livez").status == 200
    assert request(compose.admin_port, "GET", "/v1/functions").status == 401


def test_a_function_cannot_mount_the_daemons_own_volume(compose):
    resource = {"image": "shallop-example-hello:latest", "mounts": [{"type": "volume", "source": f"{PROJECT}_data", "target": "/d"}]}
    refused = request(compose.admin_port, "PUT", "/v1/functions/thief", body=json.dumps(resource).encode(),
                      headers=authorized(compose) | {"Content-Type": "application/json"})
    assert refused.status == 400 and "belongs to the daemon" in refused.text


def test_a_function_from_source_finds_its_code(compose, runtime_images):
    """Its container mounts a directory of the daemon's volume, which the engine knows by another path."""
    headers = authorized(compose) | {"Content-Type": "application/json"}
    resource = {"source": {"files": {"main.sh": "#!/bin/sh\necho from the volume\n"}}}
    made = request(compose.admin_port, "PUT", "/v1/functions/source", json.dumps(resource), headers)
    assert made.status == 201, made
    assert request(compose.port, "GET", "/function/source").text == "from the volume\n"
    assert request(compose.admin_port, "DELETE", "/v1/functions/source", headers=headers).status == 204


def test_the_daemon_is_healthy_in_the_eyes_of_the_engine(compose):
    state = docker("inspect", "-f", "{{.State.Health.Status}}", compose.container("shallop"))
    assert state == "healthy"


def test_a_new_container_of_the_daemon_takes_over_what_the_old_one_had(compose):
    """As after `up -d --build` with a newer program: the volume stays."""
    old, id = compose.container("shallop"), daemon_id(compose)
    compose.run("up", "-d", "--force-recreate", "--no-deps", "shallop")
    assert compose.container("shallop") != old
    wait_until(lambda: answers(compose), 60, what="it is ready")
    assert daemon_id(compose) == id and docker("ps", "-aq", "--filter", f"id={old}") == ""
    assert "knows nothing of HTTP" in request(compose.port, "GET", "/function/hello").text


def test_a_backup_of_the_volume_is_taken_on_the_host(compose, tmp_path):
    folder = docker("volume", "inspect", "-f", "{{.Mountpoint}}", f"{PROJECT}_data")
    run(commands("Backup")[0], DATA_DIR=folder, BACKUP=tmp_path / "backup")
    with closing(sqlite3.connect(tmp_path / "backup/shallop.db")) as opened:
        assert {name for (name,) in opened.execute("SELECT name FROM functions")} >= {"hello", "word-count"}


def answers(compose):
    try:
        return request(compose.admin_port, "GET", "/readyz", timeout=5).status == 200
    except OSError:
        return False


def test_down_leaves_nothing(compose):
    """Last in this file: it takes the project down itself."""
    daemon = docker("exec", compose.container("shallop"), "shallop", "version")
    assert daemon
    label = f"shallop.daemon={daemon_id(compose)}"
    assert containers(label), "the functions are warm"
    compose.run("down", "-v", "--timeout", "30", timeout=120)
    assert docker("ps", "-aq", "--filter", f"label={TAKEN}={PROJECT}") == ""
    assert docker("volume", "ls", "-q", "--filter", f"label={TAKEN}={PROJECT}") == ""
    assert docker("network", "ls", "-q", "--filter", f"label={TAKEN}={PROJECT}") == ""
    wait_until(lambda: not containers(label), 10, what="the function containers are gone")
