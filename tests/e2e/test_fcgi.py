# SPDX-License-Identifier: Apache-2.0
"""Contract fcgi: php-fpm images as functions (the example's, with some scripts more), and fcgiwrap."""
import hashlib
import http.client
import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from conftest import docker, wait_until
from warm import at_once, build

PHP = "shallop-test-fcgi:latest"
WRAP = "shallop-test-fcgiwrap:latest"
SCRIPTS = {
    "pid.php": "echo getmypid();",
    "log.php": "error_log('a word to the log'); echo 'logged';",
    "body.php": "$body = file_get_contents('php://input'); echo strlen($body), ' ', md5($body), ' ', $_SERVER['CONTENT_LENGTH'];",
    "back.php": "$in = fopen('php://input', 'r'); $out = fopen('php://output', 'w'); stream_copy_to_stream($in, $out);",
    "sleep.php": "sleep((int) $_GET['s']); echo 'slept';",
    "die.php": "echo str_repeat('x', (int) ($_GET['after'] ?? 0)); flush(); exec('kill -9 ' . getmypid());",
    "server.php": "echo json_encode($_SERVER);",
    "move.php": "header('Location: /function/php/pid.php', true, 303);",
    "env.php": "echo getenv('GREETING');",
}


@pytest.fixture(scope="module")
def images(example_images):
    with tempfile.TemporaryDirectory() as folder:
        for name, code in SCRIPTS.items():
            Path(folder, name).write_text(f"<?php {code}\n")
        build(PHP, "FROM shallop-example-php-fpm:latest\nCOPY *.php /var/www/html/\n", folder)
    yield
    docker("rmi", "-f", PHP)


@pytest.fixture
def php(images, functions):
    return lambda **resource: functions("php", **{"image": PHP} | resource)


def test_php_fpm_is_found_and_says_why(php):
    function = php()
    contract = function.daemon.api("GET", "/v1/functions/php").json["contract"]
    assert {name: contract[name] for name in ("kind", "auto", "port", "root", "index")} == {
        "kind": "fcgi", "auto": True, "port": 9000, "root": "/var/www/html", "index": "index.php"}
    assert "the image runs php-fpm" in contract["reason"]


def test_one_worker_answers_over_one_connection(php):
    function = php()
    assert len({function.call("/pid.php").text for _ in range(20)}) == 1
    kept = function.kept()
    try:
        answers = {kept.call("/pid.php") for _ in range(1000)}
    finally:
        kept.close()
    assert len(answers) == 1 and answers.pop()[0] == 200


def test_many_at_once_share_the_workers(php):
    function = php(scale={"concurrency": 16, "max": 1})
    function.call("/pid.php")
    answers = at_once(48, lambda _: function.call("/pid.php"))
    assert {answer.status for answer in answers} == {200}
    assert 1 < len({answer.text for answer in answers}) <= 4


def test_paths_find_scripts_and_the_front_controller(php):
    function = php()
    asked = function.call("/server.php/a%20b/c?x=1&y", headers={"X-Thing": "two", "Proxy": "evil"}).json
    told = {name: asked[name] for name in ("SCRIPT_NAME", "PATH_INFO", "SCRIPT_FILENAME", "DOCUMENT_ROOT", "QUERY_STRING", "HTTP_X_THING",
                                           "REQUEST_URI", "GATEWAY_INTERFACE", "REQUEST_METHOD")}
    assert told == {
        "SCRIPT_NAME": "/function/php/server.php", "PATH_INFO": "/a b/c", "SCRIPT_FILENAME": "/var/www/html/server.php",
        "DOCUMENT_ROOT": "/var/www/html", "QUERY_STRING": "x=1&y", "HTTP_X_THING": "two",
        "REQUEST_URI": "/function/php/server.php/a%20b/c?x=1&y", "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET"}
    assert "HTTP_PROXY" not in asked
    assert function.call("/users/7").text == "GET /users/7\n"
    assert function.call("/").text == "GET /\n"
    assert function.call("").status == 200
    for path in ("/..%2fetc/passwd.php", "/a%00.php", "/%2e%2e/x.php"):
        assert function.call(path).status in (400, 404)


def test_a_missing_script_is_php_s_own_404(php):
    answer = php().call("/none.php")
    assert (answer.status, answer.text) == (404, "File not found.\n")


def test_what_a_script_logs_is_logged_with_its_invocation(php):
    function = php()
    answer = function.call("/log.php")
    assert answer.text == "logged"
    logged = lambda: [json.loads(line) for line in function.daemon.api("GET", "/v1/functions/php/logs").text.splitlines()]
    wait_until(logged, what="something is in the log")
    assert [(line["text"], line["invocation"]) for line in logged()] == [
        ("PHP message: a word to the log", answer.headers["X-Shallop-Invocation-Id"])]


def test_bodies_stream_both_ways(php):
    function = php(limits={"request_body": "64Mi"})
    body = os.urandom(8_000_000)
    answer = function.call("/body.php", "POST", body=body)
    assert answer.text == f"{len(body)} {hashlib.md5(body).hexdigest()} {len(body)}"
    assert function.call("/back.php", "POST", body=body).body == body
    pieces = (body[at:at + 100_000] for at in range(0, len(body), 100_000))  # of no known length: chunked
    assert function.call("/body.php", "POST", body=pieces).text == answer.text
    assert function.call("/body.php", "POST", body=b"x" * (65 << 20)).status == 413


def test_variables_and_redirects(php):
    function = php(env={"GREETING": "good day"})
    assert function.call("/env.php").text == "good day"
    moved = function.call("/move.php")
    assert (moved.status, moved.headers["Location"]) == (303, "/function/php/pid.php")


def test_a_worker_that_dies_fails_one_event(php):
    function = php()
    assert function.call("/pid.php").status == 200
    first = function.wait_for(1, "idle")[0]["id"]
    answer = function.call("/die.php", "POST", body=b"x")
    assert answer.status == 502 and "closed the connection without a reply" in answer.json["detail"]
    with pytest.raises(http.client.IncompleteRead):
        function.call("/die.php?after=100000")
    assert function.call("/pid.php").status == 200
    assert [one["id"] for one in function.wait_for(1, "idle")] == [first]


def test_a_script_that_takes_too_long_is_a_504_and_goes_with_its_instance(php):
    function = php(limits={"timeout": "2s"})
    assert function.call("/pid.php").status == 200
    before = function.wait_for(1, "idle")[0]["id"]
    assert function.call("/sleep.php?s=60").status == 504
    assert function.call("/pid.php").status == 200
    assert before not in [one["id"] for one in function.wait_for(1, "idle")]


def test_another_client_of_fastcgi_gets_the_same(php):
    """cgi-fcgi speaks with the same image in a container of its own."""
    function = php()
    container = docker("run", "-d", "--network", "none", "--cap-drop", "ALL", "--read-only", "--tmpfs", "/tmp", PHP)
    try:
        enter = ["nsenter", "-t", docker("inspect", "-f", "{{.State.Pid}}", container), "-n", "cgi-fcgi", "-bind", "-connect", "127.0.0.1:9000"]

        def asked(script, query=""):
            variables = {"REQUEST_METHOD": "GET", "SCRIPT_FILENAME": f"/var/www/html{script}", "QUERY_STRING": query}
            done = subprocess.run(enter, env=os.environ | variables, capture_output=True)
            return done.stdout.partition(b"\r\n\r\n")

        wait_until(lambda: asked("/add.php")[2], what="php-fpm listens")
        assert function.call("/add.php?n[]=1&n[]=2").body == asked("/add.php", "n[]=1&n[]=2")[2] == b"3\n"
        head, _, body = asked("/none.php")
        answer = function.call("/none.php")
        assert answer.body == body and head.startswith(b"Status: 404 Not Found") and answer.status == 404
    finally:
        docker("rm", "-f", container)


def test_credentials_are_passed_where_they_are_asked_for(php):
    headers = {"Authorization": "Basic dTpw"}
    careful = php()
    assert not {"PHP_AUTH_USER", "HTTP_AUTHORIZATION"} & careful.call("/server.php", headers=headers).json.keys()
    careful.remove()
    asked = php(contract={"fcgi": {"pass_authorization": True}}).call("/server.php", headers=headers).json
    assert (asked["PHP_AUTH_USER"], asked["PHP_AUTH_PW"]) == ("u", "p")


def test_fcgiwrap_runs_cgi_programs_over_a_unix_socket(functions):
    build(WRAP, """FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends fcgiwrap && rm -rf /var/lib/apt/lists/*
RUN mkdir /srv/cgi && printf '#!/bin/sh\\nprintf "Content-Type: text/plain\\\\n\\\\n%%s " "$PATH_INFO"; tr a-z A-Z\\n' >/srv/cgi/shout.cgi \\
    && printf '#!/bin/sh\\necho "Location: /function/wrap/shout.cgi/moved"; echo\\n' >/srv/cgi/go.cgi && chmod +x /srv/cgi/*.cgi
USER nobody
CMD ["fcgiwrap", "-f", "-c", "2", "-s", "unix:/tmp/fcgi.sock"]
""")
    function = functions("wrap", image=WRAP, contract={"fcgi": {"port": "unix:/tmp/fcgi.sock", "root": "/srv/cgi", "index": "shout.cgi"}})
    try:
        for _ in range(3):
            assert function.call("/shout.cgi/to/you", "POST", body=b"hey").text == "/to/you HEY"
        assert function.call("/go.cgi").text == "/moved "
    finally:
        function.remove()
        function.gone()
        docker("rmi", "-f", WRAP)
