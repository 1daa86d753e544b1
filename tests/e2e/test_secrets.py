# SPDX-License-Identifier: Apache-2.0
"""Values that functions get as files: where they are, where they are not, and how a new one gets there (threat T11)."""
import base64
import hashlib
import hmac
import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

import warm
from conftest import BINARY, containers, docker, request, wait_until

IMAGE = "debian:bookworm-slim"
VALUE = "correct-horse-battery-staple"
PATCH = {"Content-Type": "application/merge-patch+json"}


def shell(script, **more):
    return {"image": IMAGE, "command": ["sh", "-c", script], "scale": {"max": 2}} | more


def set_secret(daemon, name, value):
    answer = daemon.api("PUT", f"/v1/secrets/{name}", {"value": value})
    assert answer.status in (200, 201), answer
    return answer


@pytest.fixture
def kept(shared):
    """`kept(name, value)` sets secrets, `kept.function(name, **resource)` deploys what names them; both are gone afterwards."""
    class Kept:
        functions, secrets = [], []

        def __call__(self, name, value=VALUE):
            self.secrets.append(name)
            return set_secret(shared, name, value).json

        def function(self, name, **resource):
            self.functions.append(name)
            return shared.put(name, **resource)

    made = Kept()
    made.functions, made.secrets = [], []
    yield made
    for name in made.functions:
        shared.api("DELETE", f"/v1/functions/{name}")
    for name in made.secrets:
        assert shared.api("DELETE", f"/v1/secrets/{name}").status in (204, 404)


def containers_of(daemon, function):
    own = set(daemon.containers())
    return [found for found in containers(f"shallop.function={function}") if found in own]


def states_of(daemon, function):
    return [one["state"] for one in daemon.api("GET", f"/v1/functions/{function}/instances").json["instances"]]


def test_a_secret_is_a_file_that_its_function_alone_can_read(shared, kept):
    kept("db-password")
    kept("tls", "-----BEGIN-----\n")
    script = "stat -c '%n %a %u' /run/secrets/*; cat /run/secrets/db-password /run/secrets/tls.pem; grep /run/secrets /proc/mounts"
    kept.function("reader", **shell(script, user="65534", secrets=["db-password", {"name": "tls", "file": "tls.pem"}]))
    lines = shared.call("/function/reader").text.splitlines()
    assert lines[:2] == ["/run/secrets/db-password 400 65534", "/run/secrets/tls.pem 400 65534"], lines
    assert lines[2] == VALUE + "-----BEGIN-----"
    assert lines[3].startswith("tmpfs /run/secrets tmpfs rw,nosuid,nodev,noexec"), lines
    assert shared.api("GET", "/v1/functions/reader").json["secrets"] == ["db-password", {"name": "tls", "file": "tls.pem"}]


def test_a_function_without_secrets_has_no_place_for_them(shared, kept):
    kept("db-password")
    kept.function("bare", **shell("ls /run/secrets 2>&1; grep -c secrets /proc/mounts"))
    assert shared.call("/function/bare").text.splitlines()[-1] == "0"
    tmpfs = json.loads(docker("inspect", *containers_of(shared, "bare")))[0]["HostConfig"]["Tmpfs"]
    assert list(tmpfs) == ["/tmp"]


def test_T11_a_value_is_nowhere_but_in_its_file(daemon, tmp_path):
    assert daemon.cli("secrets", "set", "db-password", "-", input=VALUE).returncode == 0
    hook = {"path": "/hook", "signature": {"scheme": "github", "secret": {"name": "db-password"}}}
    server = shell("env; cat /proc/self/environ /proc/self/cmdline /proc/1/environ 2>/dev/null; echo; [ $(wc -c < /run/secrets/db-password) = "
                   f"{len(VALUE)} ] && echo read", secrets=["db-password"], routes=[hook])
    daemon.put("holder", **server)
    daemon.put("other", **shell("cat /run/secrets/* /proc/*/root/run/secrets/* 2>&1; ls -R /.shallop /tmp; echo done"))
    answer = daemon.call("/function/holder")
    assert answer.status == 401  # its route is signed
    printed = request(daemon.admin_port, "GET", "/function/holder", headers={"Authorization": f"Bearer {daemon.token}"})
    assert "read" in printed.text, printed
    seen = {"what the function prints": printed.body, "another function": daemon.call("/function/other").body}
    seen["inspect"] = docker("inspect", *daemon.containers()).encode()
    seen["docker ps"] = docker("ps", "-a", "--no-trunc").encode()
    seen["processes"] = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True).stdout
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            seen[str(entry)] = entry.read_bytes()
        except OSError:
            pass
    for path in ("/v1/secrets", "/v1/secrets/db-password", "/v1/functions", "/v1/functions/holder", "/v1/info", "/v1/routes",
                 "/v1/invocations", "/v1/functions/holder/logs", "/metrics"):
        seen[path] = daemon.api("GET", path).body
    refused = [{"value": [VALUE]}, {"value": VALUE, "value_base64": VALUE}, {"value_base64": VALUE}, {"value": VALUE * 3000}]
    for document in [*map(json.dumps, refused), f'{{"value": "{VALUE}"', f'"{VALUE}"', VALUE]:
        answer = daemon.api("PUT", "/v1/secrets/db-password", document)
        assert answer.status in (400, 413), answer
        seen[f"refusal of {document[:20]}"] = answer.body
    seen["the daemon's log"] = daemon.log().encode()
    for path in [*daemon.data_dir.rglob("*"), *daemon.run_dir.rglob("*")]:
        if path.is_file():
            seen[str(path)] = path.read_bytes()
    digests = [hashlib.new(name, VALUE.encode()).hexdigest() for name in ("sha256", "sha1", "md5")]
    for value in [VALUE, base64.b64encode(VALUE.encode()).decode(), VALUE.encode().hex(), *digests]:
        found = [where for where, text in seen.items() if value.encode() in text]
        assert not found, f"{value} is in {found}"
    assert "shallop.db" in " ".join(seen) and (daemon.data_dir / "secret-key").stat().st_mode & 0o777 == 0o600
    key = (daemon.data_dir / "secret-key").read_text().strip()
    assert not [where for where, text in seen.items() if key.encode() in text and not where.endswith("/secret-key")]


def test_a_new_value_is_in_every_running_instance_when_the_answer_comes(shared, kept):
    kept("token", "one")
    function = kept.function("warm-reader", image=IMAGE, command=["cat", "/run/secrets/token"], secrets=["token"],
                             scale={"min": 2, "max": 2})
    wait_until(lambda: states_of(shared, "warm-reader") == ["standby"] * 2, 30, what="two instances")
    before = containers_of(shared, "warm-reader")
    assert shared.call("/function/warm-reader").text == "one"
    for turn in range(5):
        answer = set_secret(shared, "token", f"value {turn}")
        assert answer.status == 200 and answer.json["version"] == turn + 2 and answer.json["used_by"] == ["warm-reader"]
        for container in before:
            assert docker("exec", container, "cat", "/run/secrets/token") == f"value {turn}"
        assert shared.call("/function/warm-reader").text == f"value {turn}"
    assert containers_of(shared, "warm-reader") == before
    assert shared.api("GET", "/v1/functions/warm-reader").json["version"] == function["version"]
    assert docker("exec", before[0], "ls", "-A", "/run/secrets") == "token"


def test_a_paused_instance_has_the_new_value_when_it_wakes(shared, kept):
    kept("token", "one")
    kept.function("sleeper", image=IMAGE, command=["cat", "/run/secrets/token"], secrets=["token"], scale={"max": 1, "idle": "pause"})
    assert shared.call("/function/sleeper").text == "one"
    before = containers_of(shared, "sleeper")
    wait_until(lambda: states_of(shared, "sleeper") == ["paused"], 30, what="it is paused")
    set_secret(shared, "token", "two")
    assert shared.call("/function/sleeper").text == "two"
    assert containers_of(shared, "sleeper") == before


def test_fresh_containers_and_those_on_standby_have_the_new_value(shared, kept):
    kept("token", "one")
    kept.function("fresh", image=IMAGE, command=["cat", "/run/secrets/token"], secrets=["token"],
                  scale={"reuse": False, "standby": 1, "max": 3})
    wait_until(lambda: states_of(shared, "fresh") == ["standby"], 30, what="one on standby")
    assert shared.call("/function/fresh").text == "one"
    set_secret(shared, "token", "two")
    assert [shared.call("/function/fresh").text for _ in range(3)] == ["two"] * 3


def test_an_instance_that_cannot_take_a_new_value_ends_and_the_next_one_has_it(shared, kept):
    kept("token", "one")
    script = "dd if=/dev/zero of=/run/secrets/full bs=64k 2>/dev/null; cat /run/secrets/token"
    kept.function("filler", **shell(script, secrets=["token"], scale={"max": 1}))
    assert shared.call("/function/filler").text == "one"
    set_secret(shared, "token", "two" * 2000)
    assert shared.call("/function/filler").text == "two" * 2000


def test_code_gets_its_secrets_before_it_is_loaded_also_where_a_container_waited_for_it(daemon, runtime_images):
    set_secret(daemon, "api-token", "one")
    daemon.put("first", source={"runtime": "python", "files": {"main.py": "def handler(event):\n    return 'first'\n"}})
    wait_until(lambda: warm.metric(daemon, "shallop_instances", state="idle") == 2, 60, what="two containers wait for code")
    waiting = containers_of(daemon, "@python")
    code = ("loaded = open('/run/secrets/api-token').read()\n\ndef handler(event):\n"
            "    return loaded + ' ' + open('/run/secrets/api-token').read()\n")
    daemon.put("coded", source={"runtime": "python", "files": {"main.py": code}}, secrets=["api-token"], scale={"max": 1})
    assert daemon.call("/function/coded").text == "one one"
    own = daemon.api("GET", "/v1/functions/coded/instances").json["instances"]
    assert len(own) == 1 and own[0]["container"][:12] in waiting, (own, waiting)
    set_secret(daemon, "api-token", "two")
    assert daemon.call("/function/coded").text == "one two"


def test_a_deploy_that_names_no_secret_that_there_is_is_refused_and_changes_nothing(shared, kept):
    answer = shared.api("PUT", "/v1/functions/lacking", shell("true", secrets=["no-such"]))
    assert answer.status == 404 and answer.json["pointer"] == "/secrets/0" and "shallop secrets set no-such" in answer.json["detail"]
    route = {"path": "/x", "signature": {"scheme": "github", "secret": [{"name": "no-such"}]}}
    answer = shared.api("PUT", "/v1/functions/lacking", shell("true", routes=[route]))
    assert answer.status == 404 and answer.json["pointer"] == "/routes/0/signature/secret"
    assert shared.api("GET", "/v1/functions/lacking").status == 404
    assert shared.api("POST", "/v1/jobs", {"image": IMAGE, "command": ["true"], "secrets": ["no-such"]}).status == 404


def test_a_secret_in_use_is_not_removed(shared, kept):
    kept("used")
    kept.function("user", **shell("true", secrets=["used"]))
    refused = shared.api("DELETE", "/v1/secrets/used")
    assert refused.status == 409 and "in use by user" in refused.json["detail"]
    assert shared.api("PATCH", "/v1/functions/user", {"secrets": []}, PATCH).status == 200
    assert shared.api("DELETE", "/v1/secrets/used").status == 204
    assert shared.api("GET", "/v1/secrets/used").status == 404
    assert shared.api("DELETE", "/v1/secrets/used").status == 404


@pytest.mark.parametrize("name", [".hidden", "..", "a%20b", "x" * 64, "-x"])
def test_a_name_that_is_none_is_refused(shared, name):
    assert shared.api("PUT", f"/v1/secrets/{name}", {"value": "x"}).status == 400


def test_a_job_reads_secrets_too_and_holds_them(daemon):
    set_secret(daemon, "job-token", "for the job")
    made = daemon.api("POST", "/v1/jobs", {"image": IMAGE, "command": ["sh", "-c", "cat /run/secrets/job-token"],
                                           "secrets": ["job-token"], "completions": 2})
    assert made.status == 202, made
    job = made.json["id"]
    wait_until(lambda: daemon.api("GET", f"/v1/jobs/{job}").json["state"] == "succeeded", 60, what="the job ends")
    assert daemon.api("GET", f"/v1/jobs/{job}/indexes/1/log").text == "for the job"
    waiting = daemon.api("POST", "/v1/jobs", {"image": IMAGE, "command": ["sleep", "60"], "secrets": ["job-token"]}).json["id"]
    assert f"job {waiting}" in daemon.api("DELETE", "/v1/secrets/job-token").json["detail"]
    daemon.api("POST", f"/v1/jobs/{waiting}/cancel")


def test_secrets_outlive_the_daemon_and_only_with_their_key(start_daemon, tmp_path):
    key = tmp_path / "key"
    key.write_text("ab" * 32 + "\n")
    daemon = start_daemon("--secret-key-file", str(key))
    set_secret(daemon, "token", "one")
    daemon.put("reader", **shell("cat /run/secrets/token", secrets=["token"]))
    daemon.kill()
    daemon.start()
    assert daemon.call("/function/reader").text == "one"
    assert not (daemon.data_dir / "secret-key").exists()
    assert "ab" * 32 not in daemon.api("GET", "/v1/info").text + daemon.log()
    daemon.stop()
    key.write_text("cd" * 32)
    daemon.start(wait=False)
    assert daemon.process.wait(20) == 1
    assert "is not the one that the 1 secrets are sealed with" in daemon.log() and "--secret-key-file" in daemon.log()
    key.write_text("ab" * 32)
    daemon.start()
    assert daemon.call("/function/reader").text == "one"


def test_a_webhook_is_signed_by_a_kept_secret_and_a_new_one_counts_at_once(shared, kept):
    kept("hook", "old\n")
    routes = [{"path": "/kept-hook", "signature": {"scheme": "github", "secret": {"name": "hook"}}}]
    made = kept.function("hooked", **shell("cat", routes=routes))
    assert made["routes"][0]["signature"]["secret"] == {"name": "hook"}

    def status(secret):
        signed = "sha256=" + hmac.new(secret, b"body", hashlib.sha256).hexdigest()
        return shared.call("/kept-hook", "POST", b"body", {"X-Hub-Signature-256": signed}).status
    assert (status(b"old"), status(b"new")) == (200, 401)
    set_secret(shared, "hook", "new")
    assert (status(b"old"), status(b"new")) == (401, 200)
    assert shared.api("GET", "/v1/functions/hooked").json["version"] == made["version"]


def test_the_client_takes_values_from_files_from_standard_input_and_from_a_terminal(daemon, tmp_path):
    value = tmp_path / "value"
    value.write_bytes(bytes(range(256)))
    assert "created tls, version 1, 256 bytes" in daemon.cli("secrets", "set", "tls", "--from-file", str(value)).stdout
    assert "changed tls, version 2, 5 bytes" in daemon.cli("secrets", "set", "tls", input="piped").stdout
    typed = ask_at_terminal(daemon, "typed", "hunter2")
    assert "hunter2" not in typed and "created typed, version 1, 7 bytes" in typed, typed
    assert daemon.cli("secrets", "set", "tls", "hunter2", check=False).returncode == 2
    assert "is no name of a secret" in daemon.cli("secrets", "set", "../x", input="x", check=False).stderr
    assert "64 KiB" in daemon.cli("secrets", "set", "tls", input="x" * 65537, check=False).stderr
    assert daemon.cli("secrets", "set", "tls", input="", check=False).returncode == 1
    daemon.cli("deploy", "reader", "--image", IMAGE, "--secret", "tls:cert.pem", "--secret", "typed", "--", "cat",
               "/run/secrets/cert.pem", "/run/secrets/typed")
    assert daemon.call("/function/reader").text == "pipedhunter2"
    listed = daemon.cli("secrets").stdout
    assert "NAME" in listed and "reader" in listed and "hunter2" not in listed
    assert [one["name"] for one in json.loads(daemon.cli("secrets", "list", "--json").stdout)] == ["tls", "typed"]
    refused = daemon.cli("secrets", "remove", "typed", check=False)
    assert refused.returncode == 1 and "in use by reader" in refused.stderr
    daemon.cli("remove", "reader")
    assert daemon.cli("secrets", "remove", "typed", "tls").stdout == "removed typed\nremoved tls\n"


def ask_at_terminal(daemon, name, value):
    """What a terminal shows while somebody types a value."""
    environment = os.environ | {"SHALLOP_URL": f"http://127.0.0.1:{daemon.admin_port}",
                                "SHALLOP_TOKEN_FILE": str(daemon.data_dir / "admin-token")}
    ours, theirs = pty.openpty()
    process = subprocess.Popen([str(BINARY), "secrets", "set", name], stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    while b"not shown" not in shown:
        shown += os.read(ours, 1000)
    wait_until(lambda: not echoes(ours), what="the terminal shows nothing")
    os.write(ours, value.encode() + b"\n")
    assert process.wait(30) == 0
    try:
        while piece := os.read(ours, 1000):
            shown += piece
    except OSError:
        pass  # it is closed
    os.close(ours)
    return shown.decode()


def echoes(terminal):
    import termios
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def test_an_engine_without_gpus_says_so_in_the_functions_log(daemon):
    daemon.put("trainer", **shell("true", gpus="all"))
    answer = daemon.call("/function/trainer")
    assert answer.status == 502 and "its log has the reason" in answer.json["detail"], answer
    log = daemon.api("GET", "/v1/functions/trainer/logs").text
    assert "device driver" in log and "install NVIDIA's container toolkit" in log, log
    wait_until(lambda: not daemon.containers(), 20, what="nothing is left")
    job = daemon.api("POST", "/v1/jobs", {"image": IMAGE, "command": ["true"], "gpus": 1}).json["id"]
    wait_until(lambda: daemon.api("GET", f"/v1/jobs/{job}").json["state"] == "failed", 60, what="the job fails")
