# SPDX-License-Identifier: Apache-2.0
"""Who may use the admin API, how often they may be wrong, and what is written of it: rows T3, T4, T5 and T12 of the threat model."""
import http.client
import json
import re
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from conftest import BINARY, docker, request, wait_until

IMAGE = "debian:bookworm-slim"
CAT = {"image": IMAGE, "command": ["cat"]}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def token(shared):
    """`token(name, scope)` makes one on the shared daemon and returns its secret; gone at the end."""
    made = []

    def make(name, scope, **more):
        answer = shared.api("POST", "/v1/tokens", {"name": name, "scope": scope, **more})
        assert answer.status == 201, answer
        made.append(name)
        return answer.json["token"]

    yield make
    for name in made:
        shared.api("DELETE", f"/v1/tokens/{name}")


def raw(port, head, body=b""):
    """Sends bytes as they are; returns the status and all that came back."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_WR) if body else None
        reply = http.client.HTTPResponse(connection)
        reply.begin()
        return reply.status, reply.read().decode()


def audit(daemon, tail=1000, token=True):
    return [json.loads(line) for line in daemon.api("GET", f"/v1/audit?tail={tail}", token=token).text.splitlines()]


# ---- tokens and their scopes

@pytest.mark.parametrize("scope, statuses", [
    ("metrics", (200, 403, 403, 403)), ("invoke", (200, 404, 403, 403)), ("deploy", (200, 404, 200, 403)), ("admin", (200, 404, 200, 200))])
def test_a_token_opens_what_its_scope_says(shared, token, scope, statuses):
    secret = token(f"scope-{scope}", scope)
    paths = ("/metrics", "/function/not-there", "/v1/functions", "/v1/tokens")
    answers = [shared.api("GET", path, token=secret) for path in paths]
    assert tuple(answer.status for answer in answers) == statuses
    for answer in (one for one in answers if one.status == 403):
        assert answer.json["fault"] == "insufficient_scope"
        needed = re.search(r"scope '(\w+)', and 'scope-(\w+)' has scope '(\w+)'", answer.json["detail"])
        assert needed[2] == needed[3] == scope
        assert f'scope="{needed[1]}"' in answer.headers["WWW-Authenticate"]


def test_a_token_is_shown_once_and_gone_at_once(shared):
    made = shared.api("POST", "/v1/tokens", {"name": "brief", "scope": "deploy", "expires": "90d"})
    assert made.status == 201 and made.headers["Location"] == "/v1/tokens/brief"
    secret = made.json["token"]
    assert shared.api("GET", "/v1/functions", token=secret).status == 200
    listed = shared.api("GET", "/v1/tokens")
    assert secret not in listed.text
    mine = {one["name"]: one for one in listed.json["tokens"]}["brief"]
    assert mine["hint"] == secret[:12] and mine["last_used"] and not mine["expired"] and mine["origin"] == "api"
    rotated = shared.api("POST", "/v1/tokens/brief/rotate")
    assert rotated.status == 200 and rotated.json["token"] != secret
    refused = shared.api("GET", "/v1/functions", token=secret)
    assert refused.status == 401 and "invalid_token" in refused.headers["WWW-Authenticate"]
    assert shared.api("GET", "/v1/functions", token=rotated.json["token"]).status == 200
    assert shared.api("DELETE", "/v1/tokens/brief").status == 204
    assert shared.api("GET", "/v1/functions", token=rotated.json["token"]).status == 401
    assert shared.api("DELETE", "/v1/tokens/brief").status == 404


def test_what_a_token_must_not_be_is_told(shared, token):
    token("taken", "invoke")
    for document, status, pointer in (
            ({"name": "taken", "scope": "invoke"}, 409, None), ({"name": "admin", "scope": "admin"}, 400, "/name"),
            ({"name": "A b", "scope": "invoke"}, 400, "/name"), ({"name": "x", "scope": "root"}, 400, "/scope"),
            ({"name": "x", "scope": "invoke", "expires": "1999-01-01T00:00:00Z"}, 400, "/expires")):
        answer = shared.api("POST", "/v1/tokens", document)
        assert (answer.status, answer.json.get("pointer")) == (status, pointer), answer
    assert shared.api("DELETE", "/v1/tokens/admin").status == 409


def test_settings_are_shown_to_administrators_alone(shared, token):
    assert "settings" not in shared.api("GET", "/v1/info", token=token("reader", "deploy")).json
    assert shared.api("GET", "/v1/info").json["settings"]["admin-auth"] == "token"


def test_the_first_token_is_rotated_in_its_file_and_tokens_outlive_the_daemon(start_daemon):
    daemon = start_daemon()
    ci = daemon.cli("tokens", "create", "ci", "--scope", "deploy").stdout.strip()
    before = daemon.token
    after = daemon.cli("tokens", "rotate", "admin").stdout.strip()
    assert daemon.token == after != before
    assert stat.S_IMODE((daemon.data_dir / "admin-token").stat().st_mode) == 0o600
    assert daemon.api("GET", "/v1/tokens", token=before).status == 401
    daemon.kill()
    daemon.start()
    assert daemon.api("GET", "/v1/tokens").status == 200
    assert daemon.api("GET", "/v1/functions", token=ci).status == 200
    assert ci.encode() not in b"".join(path.read_bytes() for path in daemon.data_dir.glob("shallop.db*"))


def test_a_token_that_is_a_setting_is_rotated_there(start_daemon):
    secret = "0123456789abcdef0123"
    daemon = start_daemon(environment={"SHALLOP_ADMIN_TOKEN": secret})
    answer = daemon.api("POST", "/v1/tokens/admin/rotate", token=secret)
    assert answer.status == 409 and "--admin-token" in answer.json["detail"]
    assert secret not in daemon.api("GET", "/v1/tokens", token=secret).text
    assert secret not in daemon.log()


def test_the_client_makes_lists_and_removes_tokens(shared):
    made = shared.cli("tokens", "create", "by-hand", "--scope", "invoke", "--expires", "30d")
    assert re.fullmatch(r"shallop_[0-9a-f]{64}\n", made.stdout) and "scope invoke" in made.stderr
    assert re.search(r"^by-hand +invoke +shallop_[0-9a-f]{4} ", shared.cli("tokens").stdout, re.M)
    assert json.loads(shared.cli("tokens", "rotate", "by-hand", "--json").stdout)["token"]
    assert shared.cli("tokens", "remove", "by-hand").stdout == "removed by-hand\n"
    assert "by-hand" not in [one["name"] for one in json.loads(shared.cli("tokens", "list", "--json").stdout)]
    assert "DELETE /v1/tokens/by-hand  204" in shared.cli("audit", "--tail", "20").stdout
    for words, status in ((("create", "x"), 2), (("create", "x", "--scope", "root"), 1), (("remove", "nobody"), 1), (("frob",), 2)):
        failed = shared.cli("tokens", *words, check=False)
        assert failed.returncode == status and failed.stderr, words


# ---- wrong tokens

def test_wrong_tokens_are_slowed_and_a_right_one_never_is(start_daemon):
    daemon = start_daemon()
    answers = [daemon.api("GET", "/v1/functions", token=f"wrong-{n}") for n in range(13)]
    assert [answer.status for answer in answers] == [401] * 10 + [429] * 3
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 6
    assert daemon.api("GET", "/v1/functions").status == 200
    assert daemon.api("GET", "/v1/functions", token=False).status == 401  # no guess
    assert daemon.api("GET", "/livez", token=False).status == 200
    assert 'shallop_rejected_total{reason="rate_limited"} 3' in daemon.api("GET", "/metrics").text
    refusals = [one for one in audit(daemon) if one["event"] == "refused"]
    assert [one["status"] for one in refusals] == [401] * 10 + [429] * 3 + [401]
    assert all(one["from"] == "127.0.0.1" and "who" not in one for one in refusals)


# ---- T3: the admin API is on its own listener

SPELLINGS = ["/v1/info", "//v1/info", "/v1//info", "/./v1/info", "/x/../v1/info", "/%76%31/info", "/v1%2finfo", "/%2e/v1/info", "/V1/info",
             "/function/../v1/info", "/function/..%2fv1/info", "/function/%2e%2e/v1/info", "/function/f/../../v1/info", "/v1/info;x", "/v1/info?x",
             "/healthz/../v1/info", "/\\v1/info", "http://{admin}/v1/info", "https://localhost:{port}/v1/info", "http://localhost//v1/info", "*"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_T3_no_spelling_of_a_path_reaches_the_admin_api_through_the_gateway(shared, spelling):
    target = spelling.format(admin=f"127.0.0.1:{shared.admin_port}", port=shared.admin_port)
    for host in (f"127.0.0.1:{shared.port}", f"127.0.0.1:{shared.admin_port}", "localhost"):
        for method in ("GET", "POST"):
            status, text = raw(shared.port, f"{method} {target} HTTP/1.1\nHost: {host}\nAuthorization: Bearer {shared.token}\n"
                                            f"X-Original-URL: /v1/info\nX-Forwarded-Host: localhost\nConnection: close")
            assert status in (400, 404, 405), (host, method, text)
            assert "uptime_seconds" not in text and shared.token not in text


REACH = r"""
exec 2>/dev/null
printf 'Content-Type: text/plain\n\n'
for host in 127.0.0.1 localhost $(sed -n 's/^\([0-9.]*\).*/\1/p' /etc/hosts) 172.17.0.1 $GATEWAYS; do
  for port in $PORTS; do
    if timeout 2 bash -c "exec 3<>/dev/tcp/$host/$port"; then echo "reached $host:$port"; fi
  done
done
ls -d /var/run/docker.sock /run/shallop/*.sock $DATA 2>/dev/null | sed 's/^/sees /'
echo done
"""


@pytest.mark.parametrize("network", ["none", "bridge"])
def test_T3_a_function_does_not_reach_the_admin_api(shared, network):
    gateways = docker("network", "inspect", "bridge", "-f", "{{range .IPAM.Config}}{{.Gateway}} {{end}}")
    env = {"PORTS": str(shared.admin_port), "GATEWAYS": gateways, "DATA": str(shared.data_dir)}
    shared.put("reacher", image=IMAGE, command=["bash", "-c", REACH], network=network, env=env, limits={"timeout": "50s"})
    try:
        assert shared.call("/function/reacher").text == "done\n"
    finally:
        shared.api("DELETE", "/v1/functions/reacher")


# ---- T4: a token is in one place

def test_T4_a_token_in_a_query_opens_nothing(shared):
    for path in ("/v1/functions", "/v1/info", "/metrics", "/function/x", "/v1/tokens"):
        for name in ("token", "access_token", "api_key", "authorization"):
            assert request(shared.admin_port, "GET", f"{path}?{name}={shared.token}").status == 401
    for field in ({"Cookie": f"token={shared.token}"}, {"X-Auth-Token": shared.token}, {"Authorization": shared.token},
                  {"Proxy-Authorization": f"Bearer {shared.token}"}, {"Authorization": f"Basic {shared.token}"}):
        assert request(shared.admin_port, "GET", "/v1/functions", headers=field).status == 401
    two = f"GET /v1/functions HTTP/1.1\nHost: localhost\nAuthorization: Bearer x\nAuthorization: Bearer {shared.token}\nConnection: close"
    assert raw(shared.admin_port, two)[0] in (400, 401)


def test_T4_no_token_is_in_logs_answers_arguments_or_containers(start_daemon):
    daemon = start_daemon("--log-level", "debug")
    secrets = [daemon.token, daemon.api("POST", "/v1/tokens", {"name": "ci", "scope": "admin"}).json["token"]]
    said = []
    daemon.put("warm", image=IMAGE, command=["cat"], scale={"min": 1})
    for secret in secrets:
        said.append(daemon.api("GET", "/v1/info", token=secret).text)
        said.append(daemon.api("GET", f"/v1/functions?token={secret}", token=secret).text)
        said.append(request(daemon.admin_port, "DELETE", f"/v1/tokens/{secret}", headers={"Authorization": f"Bearer {secret}"}).body.decode())
        said.append(request(daemon.admin_port, "GET", f"/v1/nothing/{secret}", headers={"Authorization": "Bearer x"}).body.decode())
        said.append(daemon.api("GET", "/function/warm", token=secret).text)
        daemon.cli("--token-file", "/dev/stdin", "list", input=secret)
    for path in ("/v1/tokens", "/v1/audit", "/v1/functions", "/metrics", "/v1/invocations"):
        said.append(daemon.api("GET", path).text)
    said.append((daemon.data_dir / "audit.log").read_text())
    said.append(daemon.log())
    said.append(docker("inspect", *wait_until(daemon.containers)))
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said.append((process / "cmdline").read_text(errors="replace"))
        except OSError:
            continue
    for secret in secrets:
        for text in said:
            assert secret not in text, text[:300]
    for path in daemon.data_dir.rglob("*"):
        if path.is_file() and path.name != "admin-token":
            assert not any(secret.encode() in path.read_bytes() for secret in secrets), path


# ---- T5: no web page

PAGES = [{"Host": "evil.example"}, {"Host": "evil.example:{port}"}, {"Host": "127.0.0.1.evil.example:{port}"}, {"Host": "localhost.evil.example."},
         {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}, {"Origin": "null"},
         {"Origin": "http://127.0.0.1:1"}, {"Origin": "http://127.0.0.1:{port}.evil.example"}]


@pytest.mark.parametrize("fields", PAGES)
def test_T5_a_web_page_cannot_use_the_api(shared, fields):
    fields = {name: value.format(port=shared.admin_port) for name, value in fields.items()}
    for method, path in (("GET", "/v1/functions"), ("POST", "/v1/reload"), ("GET", "/function/x"), ("GET", "/metrics"), ("DELETE", "/v1/functions/x")):
        answer = shared.api(method, path, headers=fields)
        assert (answer.status, answer.json["fault"]) == (403, "forbidden"), answer
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_T5_no_form_and_no_preflight_is_taken(shared):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        for method, path in (("PUT", "/v1/functions/x"), ("POST", "/v1/tokens"), ("POST", "/v1/reload")):
            assert shared.api(method, path, '{"a": 1}', {"Content-Type": kind}).status == 415
    asked = shared.api("OPTIONS", "/v1/functions", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "PUT"})
    assert asked.status == 403 and "Access-Control-Allow-Origin" not in asked.headers


def test_T5_without_a_token_only_names_of_this_machine_are_answered(start_daemon):
    daemon = start_daemon("--admin-auth", "none", "--admin-host", "Shallop.Example.")
    ask = lambda host: request(daemon.admin_port, "GET", "/v1/functions", headers={"Host": host}).status
    for host in ("127.0.0.1", f"localhost:{daemon.admin_port}", "localhost.", "LOCALHOST", "[::1]:80", "shallop.example:1", "SHALLOP.EXAMPLE."):
        assert ask(host) == 200, host
    for host in ("shallop", "evil.example", "xshallop.example", "example"):
        assert ask(host) == 403, host
    assert request(daemon.admin_port, "POST", "/v1/reload").status == 204
    assert audit(daemon, token=None)[-1]["who"] == "anyone"


# ---- T12: what is written of it

def test_T12_a_reload_by_signal_is_in_the_audit_log(daemon):
    daemon.process.send_signal(signal.SIGHUP)
    [entry] = wait_until(lambda: [one for one in audit(daemon) if one["who"] == "SIGHUP"], 20)
    assert (entry["event"], entry["path"]) == ("change", "/v1/reload") and "fault" not in entry


def test_T12_every_change_is_in_the_audit_log_with_who_and_from_where(daemon):
    secret = daemon.api("POST", "/v1/tokens", {"name": "auditor", "scope": "deploy"}).json["token"]
    mine = lambda: [one for one in audit(daemon) if one.get("who") == "auditor"]
    assert daemon.api("PUT", "/v1/functions/audited", CAT, token=secret).status == 201
    schedule = daemon.api("POST", "/v1/functions/audited/schedules", {"cron": "@yearly"}, token=secret).json["id"]
    run = daemon.api("POST", f"/v1/schedules/{schedule}/run", token=secret).json["invocation"]
    daemon.api("PATCH", "/v1/functions/audited", {"limits": {"memory": "lots"}}, token=secret)
    daemon.api("GET", "/v1/functions/audited", token=secret)
    daemon.api("POST", "/v1/reload", token=secret)
    wait_until(lambda: daemon.api("GET", f"/v1/invocations/{run}").json["status"] == "succeeded")
    daemon.api("DELETE", "/v1/functions/audited", token=secret)
    seen = [(one["event"], one["method"], one["path"], one.get("function"), one["status"], one.get("result"), one.get("fault")) for one in mine()]
    assert seen == [
        ("change", "PUT", "/v1/functions/audited", "audited", 201, "/v1/functions/audited", None),
        ("change", "POST", "/v1/functions/audited/schedules", "audited", 201, f"/v1/schedules/{schedule}", None),
        ("change", "POST", f"/v1/schedules/{schedule}/run", None, 202, f"/v1/invocations/{run}", None),
        ("change", "PATCH", "/v1/functions/audited", "audited", 400, None, "invalid"),
        ("refused", "POST", "/v1/reload", None, 403, None, "insufficient_scope"),
        ("change", "DELETE", "/v1/functions/audited", "audited", 204, None, None)]
    assert all(one["from"] == "127.0.0.1" for one in mine())
    file = daemon.data_dir / "audit.log"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_T12_nobody_writes_a_line_of_their_own_into_the_audit_log(shared):
    forged = '%0a{"event":"change","who":"admin"}%0d%1b[2J%c2%85%e2%80%a8%ff'
    written = lambda: (shared.data_dir / "audit.log").read_bytes().split(b"\n")
    before = len(written())
    for path in (f"/v1/functions/{forged}", f"/v1/tokens/{forged}", f"/v1/dead-letters?function=%00{forged}"):
        assert raw(shared.admin_port, f"DELETE {path} HTTP/1.1\nHost: localhost\nAuthorization: Bearer {shared.token}\n"
                                      f"User-Agent: x\ty\nConnection: close")[0] in (400, 404, 200)
    lines = written()
    assert len(lines) == before + 3 and lines.pop() == b""
    assert all(byte in range(0x20, 0x7F) for line in lines for byte in line)
    assert all(json.loads(line)["who"] == "admin" and json.loads(line)["method"] == "DELETE" for line in lines[-3:])


def test_T12_changes_in_the_folder_of_functions_are_in_the_audit_log(start_daemon, tmp_path, runtime_images):
    (tmp_path / "hello.py").write_text("def handler(event, context):\n    return 'hello'\n")
    daemon = start_daemon("--functions", str(tmp_path))
    noted = lambda method: [one for one in audit(daemon) if (one.get("who"), one["method"]) == ("folder", method)]
    put = wait_until(lambda: noted("PUT"), 30)[0]
    assert (put["path"], put["function"], put["version"]) == ("hello.py", "hello", 1)
    (tmp_path / "hello.py").unlink()
    assert wait_until(lambda: noted("DELETE"), 40)[0]["function"] == "hello"


def test_the_audit_log_is_for_administrators_and_bounded(shared, token):
    assert shared.api("GET", "/v1/audit", token=token("curious", "deploy")).status == 403
    assert len(audit(shared, 1)) == 1
    for tail in ("0", "1001", "x"):
        assert shared.api("GET", f"/v1/audit?tail={tail}").status == 400
    assert subprocess.run([BINARY, "audit", "--tail"], capture_output=True, check=False).returncode == 2
