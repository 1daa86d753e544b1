# SPDX-License-Identifier: Apache-2.0
"""The client, as somebody types it."""
import base64
import http.server
import json
import os
import signal
import subprocess
import threading

import pytest

from conftest import BINARY, free_port, wait_until

IMAGE = "debian:bookworm-slim"


def alone(*words, **environment):
    """Runs the client with nothing but what is given here."""
    return subprocess.run([str(BINARY), *words], capture_output=True, text=True, timeout=60, env=environment, stdin=subprocess.DEVNULL)


def complains(done, status, what, todo=""):
    """Two lines: what was wrong, and what to do."""
    assert done.returncode == status, done
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and lines[0].startswith("error: ") and lines[1].startswith("       "), done.stderr
    assert what in lines[0] and todo in lines[1], done.stderr
    assert done.stdout == ""


@pytest.fixture
def name(shared, request):
    """A name for a function, which is removed at the end."""
    name = "cli-" + request.node.name.replace("_", "-").replace("test-", "")[:40].rstrip("-")
    yield name
    shared.cli("remove", name, check=False)


def test_deploy_invoke_show_list_logs_remove(shared, name):
    done = shared.cli("deploy", name, "--image", IMAGE, "--env", "A=1", "--route", "POST /cli-up", "--", "sh", "-c", "tr a-z A-Z; echo said >&2")
    assert f"created {name}, version 1" in done.stdout
    assert f"curl http://127.0.0.1:{shared.port}/function/{name}" in done.stdout
    assert shared.cli("invoke", name, "-d", "shout").stdout == "SHOUT"
    assert shared.call("/cli-up", "POST", b"x").text == "X"
    assert json.loads(shared.cli("show", name, "--json").stdout)["env"] == {"A": "1"}
    assert name in shared.cli("list").stdout and "/cli-up" in shared.cli("list").stdout
    assert name in [f["name"] for f in json.loads(shared.cli("list", "--json").stdout)]
    wait_until(lambda: "said" in shared.cli("logs", name, "--tail", "1").stdout)
    assert shared.cli("remove", name).stdout == f"removed {name}\n"
    complains(shared.cli("show", name, check=False), 1, f"'{name}'", "shallop list")


def test_the_same_again_changes_nothing(shared, name):
    words = ("deploy", name, "--image", IMAGE, "--json", "--", "true")
    first, again = (json.loads(shared.cli(*words).stdout) for _ in range(2))
    assert first == again


def test_what_is_not_said_of_a_function_that_is_there_stays(shared, name):
    shared.cli("deploy", name, "--image", IMAGE, "--env", "A=1", "--memory", "64Mi", "--route", "POST /cli-stays", "--fresh",
               "--output", "raw", "--", "true")
    done = shared.cli("deploy", name, "--image", IMAGE, "--env", "B=2", "--", "sh", "-c", "echo $A$B")
    assert f"deployed {name}, version 2" in done.stdout
    found = json.loads(shared.cli("show", name, "--json").stdout)
    assert (found["env"], found["limits"]["memory"], found["scale"]["reuse"]) == ({"A": "1", "B": "2"}, "64Mi", False)
    assert (found["contract"]["output"], found["contract"]["auto"]) == ("raw", False)
    assert shared.call("/cli-stays", "POST", b"").text == "12\n"


def test_an_image_takes_the_place_of_code(shared, name, tmp_path):
    (tmp_path / "main.sh").write_text("echo from code\n")
    shared.cli("deploy", name, str(tmp_path), "--env", "A=1")
    assert shared.cli("invoke", name).stdout == "from code\n"
    shared.cli("deploy", name, "--image", IMAGE, "--", "sh", "-c", "echo from an image $A")
    wait_until(lambda: shared.cli("invoke", name).stdout == "from an image 1\n", what="the new version serves")
    assert json.loads(shared.cli("show", name, "--json").stdout)["source"] is None


def test_what_show_prints_can_be_applied(shared, name, tmp_path):
    shared.cli("deploy", name, "--image", IMAGE, "--memory", "64Mi", "--", "cat")
    file = tmp_path / "function.json"
    file.write_text(shared.cli("show", name).stdout)
    before = shared.cli("show", name, "--json").stdout
    shared.cli("apply", "-f", str(file))
    assert shared.cli("show", name, "--json").stdout == before


def test_manifests_in_yaml_json_and_directories(shared, name, tmp_path):
    (tmp_path / "a.yaml").write_text(f"name: {name}\nimage: {IMAGE}\ncommand: [cat]\nlimits:\n  memory: 64Mi\n  cpus: 0.5\n")
    (tmp_path / "README").write_text("not a manifest")
    assert f"created {name}" in shared.cli("apply", "-f", str(tmp_path)).stdout
    assert json.loads(shared.cli("show", name, "--json").stdout)["limits"]["cpus"] == 0.5
    piped = shared.cli("apply", "-f", "-", "--json", input=json.dumps({"name": name, "image": IMAGE, "command": ["true"]}))
    assert json.loads(piped.stdout)[0]["command"] == ["true"]


def test_a_refused_manifest_names_file_and_member(shared, tmp_path):
    file = tmp_path / "bad.json"
    file.write_text(json.dumps({"name": "cli-bad", "image": IMAGE, "limits": {"memory": "lots"}}))
    done = shared.cli("apply", "-f", str(file), check=False)
    complains(done, 1, str(file))
    assert "/limits/memory" in done.stderr


def test_invoke_passes_method_path_fields_and_files(shared, name, tmp_path):
    shared.cli("deploy", name, "--image", IMAGE, "--output", "raw", "--", "sh", "-c",
               'echo "$REQUEST_METHOD $PATH_INFO $QUERY_STRING $HTTP_X_MINE $CONTENT_TYPE"; cat')
    done = shared.cli("invoke", name, "-X", "PUT", "--path", "/a/b?c=d", "-H", "X-Mine: yes", "-H", "Content-Type: text/x", "-d", "body")
    assert done.stdout == "PUT /a/b c=d yes text/x\nbody"
    big = tmp_path / "big"
    big.write_bytes(os.urandom(1 << 20))
    done = subprocess.run([str(BINARY), "invoke", name, "-d", f"@{big}"], capture_output=True, timeout=60,
                          env={"SHALLOP_URL": f"http://127.0.0.1:{shared.admin_port}", "SHALLOP_TOKEN": shared.token})
    assert done.stdout.endswith(big.read_bytes())
    assert shared.cli("invoke", name, "-d", "-", input="piped").stdout.endswith("piped")
    answer = json.loads(shared.cli("invoke", name, "--json").stdout)
    assert answer["status"] == 200 and answer["headers"]["x-shallop-invocation-id"]
    assert shared.cli("invoke", name, "-i").stdout.startswith("HTTP/1.1 200\n")


def test_a_failing_function_fails_the_command(shared, name):
    shared.cli("deploy", name, "--image", IMAGE, "--fresh", "--", "sh", "-c", "printf 'Status: 418 Teapot\\n\\nshort and stout'")
    done = shared.cli("invoke", name, check=False)
    assert (done.returncode, done.stdout) == (1, "short and stout") and "418" in done.stderr
    shared.cli("deploy", name, "--image", IMAGE, "--fresh", "--", "false")
    done = shared.cli("invoke", name, check=False)
    assert (done.returncode, done.stdout) == (1, "") and "invocation" in done.stderr


def test_followed_logs_end_with_control_c(shared, name):
    shared.cli("deploy", name, "--image", IMAGE, "--", "sh", "-c", "printf 'col\\033our\\n' >&2")
    follower = subprocess.Popen([str(BINARY), "logs", name, "-f"], stdout=subprocess.PIPE, text=True,
                                env={"SHALLOP_URL": f"http://127.0.0.1:{shared.admin_port}", "SHALLOP_TOKEN": shared.token})
    try:
        shared.cli("invoke", name)
        line = follower.stdout.readline()
        assert "col" in line and "our" in line and "\033" not in line
    finally:
        follower.send_signal(signal.SIGINT)
        follower.wait(10)


def test_remove_goes_on_past_what_is_not_there(shared, name):
    shared.cli("deploy", name, "--image", IMAGE, "--", "true")
    done = shared.cli("remove", "cli-nobody", name, check=False)
    assert done.returncode == 1 and done.stdout == f"removed {name}\n" and "cli-nobody" in done.stderr


def test_version_needs_no_server_unless_it_must(shared):
    assert json.loads(shared.cli("version", "--json").stdout)["server"]["version"]
    assert shared.cli("version", "--server").returncode == 0
    nobody = {"SHALLOP_URL": f"http://127.0.0.1:{free_port()}"}
    assert alone("version", **nobody).returncode == 0
    assert alone("version", "--server", **nobody).returncode == 1


def test_a_daemon_that_is_not_there_is_told_with_what_to_do(shared):
    port = free_port()
    complains(alone("list", SHALLOP_URL=f"http://127.0.0.1:{port}"), 1, str(port), "shallop serve")


def test_a_missing_or_wrong_token_is_told_with_what_to_do(shared):
    url = f"http://127.0.0.1:{shared.admin_port}"
    complains(alone("list", SHALLOP_URL=url, SHALLOP_TOKEN="wrong"), 1, "token", "--token-file")
    complains(alone("list", "--token-file", "/nonexistent", SHALLOP_URL=url), 1, "/nonexistent", "--token-file")
    assert alone("list", "--url", url, SHALLOP_TOKEN=shared.token).returncode == 0


class Other(http.server.BaseHTTPRequestHandler):
    """Some other service, which answers with documents of its own."""
    answer = b"{}"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("answer", ["{}", "[]", "7", '{"functions": {}, "jobs": 3, "schedules": null, "invocations": [1], "queued": [1], "state": 1}'])
def test_another_service_is_told_from_a_daemon(answer):
    class Answering(Other):
        pass
    Answering.answer = answer.encode()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        for words in ("list", "jobs", "jobs show x", "schedules", "invocations", "invocations result x --json", "dead-letters", "instances x",
                      "secrets", "tokens", "triggers", "show x", "logs x", "jobs run -d x"):
            done = alone(*words.split(), SHALLOP_URL=url, SHALLOP_TOKEN="x")
            assert done.returncode in (0, 1), (words, done)
            if words in ("list", "jobs", "schedules", "dead-letters"):
                complains(done, 1, "Shallop daemon", "--url")
    finally:
        server.shutdown()
        server.server_close()


def test_what_is_no_text_is_no_input_of_a_job(shared, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"\xff\xd8\xff\xe0")
    complains(shared.cli("jobs", "run", "--input", str(photo), IMAGE, check=False), 2, "UTF-8", "base64")
    complains(shared.cli("jobs", "run", IMAGE, "--", b"\xff", check=False), 2, "UTF-8")


def test_invoke_keeps_in_json_what_the_function_answered(shared, name):
    shared.cli("deploy", name, "--image", IMAGE, "--", "sh", "-c",
               r"printf 'Content-Type: image/x\nSet-Cookie: a=1\nX-One: 1\nSet-Cookie: b=2\nSet-Cookie: c=3\n\n\377\330'")
    answer = json.loads(shared.cli("invoke", name, "--json").stdout)
    assert answer["headers"]["set-cookie"] == ["a=1", "b=2", "c=3"] and answer["headers"]["x-one"] == "1"
    assert base64.b64decode(answer["body_base64"]) == b"\xff\xd8" and "body" not in answer


@pytest.mark.parametrize("words, what, todo", [
    (["dploy"], "dploy", "shallop deploy"),
    (["frobnicate"], "frobnicate", "--help"),
    (["deploy", "x"], "--image", "deploy --help"),
    (["list", "--bogus"], "--bogus", "list --help"),
    (["show"], "NAME", "show --help"),
    (["deploy", "f.json", "--image", "x"], "f.json", "apply -f f.json"),
    (["deploy", "x", "--image", "y", "--mount", "z"], "--mount", "VOLUME"),
    (["--url", "ftp://x", "list"], "ftp://x", "http://"),
    (["list", "--", "x"], "--", "help"),
    (["invocations", "shwo"], "shwo", "invocations --help"),
    (["invocations", "show"], "ID", "invocations show --help"),
    (["invocations", "--status", "odd"], "odd", "invocations --help"),
    (["invocations", "--limit", "1001"], "1001", "invocations --help"),
    (["invocations", "show", "x", "--limit", "3"], "--limit", "invocations --help"),
    (["invocations", "wait", "x", "--timeout", "soon"], "soon", "--timeout 30s"),
    (["invoke", "x", "--wait"], "--async", "invoke --help"),
    (["invoke", "x", "--idempotency-key", "k"], "--async", "invoke --help"),
    (["invoke", "x", "--async", "--time"], "--time", "invoke --help"),
    (["dead-letters", "redrive"], "which ones", "--all"),
    (["dead-letters", "redrive", "x", "--all"], "at once", "either"),
    (["dead-letters", "drop", "x", "--function", "f"], "--all", "drop ID"),
    (["dead-letters", "drop", "--all"], "undone", "--yes"),
])
def test_wrong_usage_is_status_2(words, what, todo):
    complains(alone(*words), 2, what, todo)


@pytest.mark.parametrize("command", ["deploy", "apply", "list", "show", "invoke", "invocations", "dead-letters", "logs", "remove", "version"])
def test_every_command_explains_itself_with_an_example(command):
    done = alone(command, "--help")
    assert done.returncode == 0 and "Example" in done.stdout and f"shallop {command}" in done.stdout
    assert command in alone("--help").stdout


@pytest.mark.parametrize("words", ["tokens list", "tokens rotate", "tokens remove", "triggers list", "triggers show", "triggers pause", "triggers resume",
                                   "triggers remove", "invocations list", "dead-letters redrive", "dead-letters drop"])
def test_what_a_command_can_do_is_explained_with_an_example_of_its_own(words):
    done = alone(*words.split(), "--help")
    example = done.stdout.partition("Example:")[2]
    assert done.returncode == 0 and f"shallop {words}" in example and "shallop serve" not in example
