# SPDX-License-Identifier: Apache-2.0
"""The admin API, call by call. Each answer is also held against docs/openapi.json (see openapi.py)."""
import http.client
import json
import threading

import pytest

from conftest import ROOT, request, wait_until

IMAGE = "debian:bookworm-slim"
CAT = {"image": IMAGE, "command": ["cat"]}


@pytest.fixture
def function(shared):
    """Registers functions; removes them at the end."""
    names = []

    def register(name, **resource):
        names.append(name)
        return shared.put(name, **{**CAT, **resource})

    yield register
    for name in names:
        shared.api("DELETE", f"/v1/functions/{name}")


def shell(script):
    return ["sh", "-c", script]


def refused(answer, status, fault, pointer=None):
    assert answer.status == status, answer
    assert answer.json["fault"] == fault, answer
    assert answer.json.get("pointer") == pointer, answer
    assert answer.json["detail"]
    return answer.json


# ---- functions

def test_a_function_is_created_once_and_then_replaced(shared, function):
    function("made")
    shared.api("DELETE", "/v1/functions/made")
    created = shared.api("PUT", "/v1/functions/made", CAT)
    assert created.status == 201 and created.headers["Location"] == "/v1/functions/made"
    assert created.headers["ETag"] == f'"{created.json["etag"]}"'
    same = shared.api("PUT", "/v1/functions/made", CAT)
    assert same.status == 200 and same.json == created.json
    other = shared.api("PUT", "/v1/functions/made", {**CAT, "env": {"A": "1"}})
    assert other.status == 200 and other.json["version"] == created.json["version"] + 1
    assert other.headers["ETag"] != created.headers["ETag"]
    assert shared.api("GET", "/v1/functions/made").json == other.json


def test_what_was_read_can_be_put_back(shared, function):
    function("again", command=["cat"], routes=[{"path": "/again/{id}", "methods": ["GET"]}])
    read = shared.api("GET", "/v1/functions/again").json
    assert shared.api("PUT", "/v1/functions/again", read).json == read


def test_an_unchanged_function_is_not_sent_again(shared, function):
    function("known")
    tag = shared.api("GET", "/v1/functions/known").headers["ETag"]
    answer = shared.api("GET", "/v1/functions/known", headers={"If-None-Match": f'"x", {tag}'})
    assert (answer.status, answer.body) == (304, b"")
    assert shared.api("GET", "/v1/functions/known", headers={"If-None-Match": '"x"'}).status == 200


def test_a_change_on_an_old_state_is_refused(shared, function):
    function("raced")
    tag = shared.api("GET", "/v1/functions/raced").headers["ETag"]
    assert shared.api("PUT", "/v1/functions/raced", {**CAT, "env": {"A": "1"}}, {"If-Match": tag}).status == 200
    for method, body in (("PUT", CAT), ("PATCH", {"env": {}}), ("DELETE", None)):
        refused(shared.api(method, "/v1/functions/raced", body, {"If-Match": tag}), 412, "precondition_failed")
    refused(shared.api("PUT", "/v1/functions/raced", CAT, {"If-None-Match": "*"}), 412, "precondition_failed")
    refused(shared.api("PUT", "/v1/functions/not-there", CAT, {"If-Match": "*"}), 412, "precondition_failed")


def test_a_patch_changes_what_it_names(shared, function):
    before = function("patched", env={"A": "1", "B": "2"}, limits={"timeout": "5s"})
    answer = shared.api("PATCH", "/v1/functions/patched", {"env": {"A": None, "C": "3"}},
                        {"Content-Type": "application/merge-patch+json"})
    assert answer.json["env"] == {"B": "2", "C": "3"} and answer.json["limits"] == before["limits"]
    refused(shared.api("PATCH", "/v1/functions/patched", {"limits": {"memory": 1.5}}), 400, "invalid", "/limits/memory")
    refused(shared.api("PATCH", "/v1/functions/nobody", {}), 404, "not_found")


@pytest.mark.parametrize("document, pointer", [
    ({"image": IMAGE, "imge": 1}, "/imge"),
    ({"image": IMAGE, "limits": {"memory": "lots"}}, "/limits/memory"),
    ({"image": IMAGE, "routes": [{"path": "no-slash"}]}, "/routes/0/path"),
    ({"image": 5}, "/image"),
    ({"image": IMAGE, "name": "another"}, "/name"),
])
def test_a_bad_member_is_named(shared, document, pointer):
    refused(shared.api("PUT", "/v1/functions/bad", document), 400, "invalid", pointer)
    assert shared.api("GET", "/v1/functions/bad").status == 404


def test_a_body_that_is_no_document_is_refused(shared):
    refused(shared.api("PUT", "/v1/functions/bad", "{"), 400, "invalid")
    refused(shared.api("PUT", "/v1/functions/bad", CAT, {"Content-Type": "text/plain"}), 415, "unsupported_media_type")
    refused(shared.api("PUT", "/v1/functions/bad", {"image": "x" * (300 << 10)}), 413, "too_large")
    refused(shared.api("PUT", "/v1/functions/Bad_Name", CAT), 400, "invalid", "/name")


def test_an_image_that_is_not_there_registers_nothing(shared):
    answer = shared.api("PUT", "/v1/functions/bad", {"image": "shallop-no-such-image:1", "pull": "never"})
    refused(answer, 404, "not_found", "/image")
    assert "shallop-no-such-image:1" in answer.json["detail"]
    assert shared.api("GET", "/v1/functions/bad").status == 404


def test_two_functions_cannot_claim_one_route(shared, function):
    function("first", routes=[{"path": "/claimed/{id}"}])
    answer = shared.api("PUT", "/v1/functions/second", {**CAT, "routes": [{"path": "/claimed/{other}"}]})
    assert answer.status == 409 and "first" in answer.json["detail"] and "second" in answer.json["detail"]
    entries = [r for r in shared.api("GET", "/v1/routes").json["routes"] if r["function"] == "first"]
    assert [e["path"] for e in entries] == ["/function/first/{rest...}", "/claimed/{id}"]


def test_a_removed_function_is_gone(shared):
    shared.put("brief", **CAT)
    assert shared.api("DELETE", "/v1/functions/brief").status == 204
    refused(shared.api("GET", "/v1/functions/brief"), 404, "not_found")
    refused(shared.api("DELETE", "/v1/functions/brief"), 404, "not_found")
    assert shared.call("/function/brief").status == 404


def test_a_list_comes_in_pages(shared, function):
    names = [f"page-{n}" for n in range(5)]
    for name in names:
        function(name)
    seen, cursor = [], ""
    while True:
        page = shared.api("GET", f"/v1/functions?limit=2{cursor}").json
        assert len(page["functions"]) <= 2
        seen += [f["name"] for f in page["functions"]]
        if "next_cursor" not in page:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == sorted(seen) and set(names) <= set(seen)
    for query in ("limit=0", "limit=1001", "limit=x", "limt=5", "limit=1&limit=2", "access_token=x"):
        refused(shared.api("GET", f"/v1/functions?{query}"), 400, "invalid")


# ---- invocations

def test_an_invocation_can_be_looked_up(shared, function):
    function("counted", command=["cat"])
    answer = shared.call("/function/counted/x?y=z", "POST", b"12345")
    one = shared.api("GET", f"/v1/invocations/{answer.headers['X-Shallop-Invocation-Id']}").json
    assert (one["status"], one["http_status"], one["exit_code"]) == ("succeeded", 200, 0)
    assert (one["bytes_in"], one["bytes_out"], one["function"]) == (5, 5, "counted")
    listed = shared.api("GET", "/v1/invocations?function=counted&status=succeeded").json["invocations"]
    assert [i["id"] for i in listed] == [one["id"]]
    refused(shared.api("GET", "/v1/invocations?status=odd"), 400, "invalid")
    refused(shared.api("GET", "/v1/invocations/none"), 404, "not_found")


def test_a_running_invocation_can_be_stopped(shared, function):
    function("sleeper", command=["sleep", "60"], limits={"timeout": "50s"})
    answers = []
    caller = threading.Thread(target=lambda: answers.append(shared.call("/function/sleeper")))
    caller.start()
    running = wait_until(lambda: shared.api("GET", "/v1/invocations?function=sleeper&status=running").json["invocations"])
    instances = shared.api("GET", "/v1/functions/sleeper/instances").json["instances"]
    assert [(i["state"], i["events"]) for i in instances] == [("leased", 1)]
    path = f"/v1/invocations/{running[0]['id']}"
    assert shared.api("POST", f"{path}/cancel").status == 202
    caller.join(20)
    assert answers and answers[0].status == 502
    assert answers[0].json["invocation_id"] == running[0]["id"]
    assert shared.api("GET", path).json["status"] == "cancelled"
    refused(shared.api("POST", f"{path}/cancel"), 409, "conflict")
    refused(shared.api("POST", f"{path}/replay"), 409, "conflict")
    refused(shared.api("POST", "/v1/invocations/none/cancel"), 404, "not_found")


# ---- logs

def test_what_a_function_writes_to_stderr_is_its_log(shared, function):
    function("talker", command=shell("echo one >&2; printf 'tw\\033o\\n' >&2; echo out"))
    called = shared.call("/function/talker")
    assert called.text == "out\n"
    read = lambda query="": [json.loads(line) for line in shared.api("GET", f"/v1/functions/talker/logs{query}").text.splitlines()]
    lines = wait_until(lambda: [line for line in read() if line["stream"] == "stderr"])
    assert [line["text"] for line in lines][:1] == ["one"]
    assert lines[0]["invocation"] == called.headers["X-Shallop-Invocation-Id"]
    assert len(read("?tail=1")) == 1 and read("?since=2099-01-01T00:00:00Z") == []
    assert len(read("?since=1h")) == len(read())
    for query in ("?tail=0", "?since=never", "?follow=maybe"):
        refused(shared.api("GET", f"/v1/functions/talker/logs{query}"), 400, "invalid")


def test_a_followed_log_brings_new_lines_and_ends_with_its_function(shared, function):
    function("followed", command=shell("echo called >&2"))
    connection = http.client.HTTPConnection("127.0.0.1", shared.admin_port, timeout=30)
    connection.request("GET", "/v1/functions/followed/logs?follow=true", headers={"Authorization": f"Bearer {shared.token}"})
    reply = connection.getresponse()
    assert reply.status == 200
    shared.call("/function/followed")
    assert json.loads(reply.readline())["text"] == "called"
    shared.api("DELETE", "/v1/functions/followed")
    reply.read()  # ends, instead of timing out
    connection.close()


# ---- who may ask

@pytest.mark.parametrize("path", ["/v1/functions", "/v1/info", "/metrics", "/v1/nothing", "/function/x"])
def test_the_token_is_needed(shared, path):
    for headers, token in (({}, False), ({}, "wrong"), ({"Authorization": f"Basic {shared.token}"}, False)):
        answer = shared.api("GET", path, headers=headers, token=token)
        assert answer.status == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert shared.token not in answer.text
    assert shared.api("GET", f"{path}?token={shared.token}", token=False).status == 401


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/openapi.json"])
def test_probes_and_the_description_are_free(shared, path):
    assert shared.api("GET", path, token=False).status == 200


@pytest.mark.parametrize("headers", [
    {"Host": "evil.example"}, {"Host": "127.0.0.1.evil.example:8081"}, {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://evil.example"}, {"Origin": "null"},
])
def test_a_web_page_cannot_use_the_api(shared, headers):
    refused(shared.api("GET", "/v1/functions", headers=headers), 403, "forbidden")
    refused(shared.api("POST", "/v1/reload", headers=headers), 403, "forbidden")


@pytest.mark.parametrize("path", ["/v1/functions", "/v1/info", "/metrics", "/readyz", "/%761/info", "//v1/info", "/function/../v1/info",
                                  "/function/%2e%2e/v1/info", "/V1/info", "/function/x/../../v1/info"])
def test_the_gateway_serves_no_admin_path(shared, path):
    answer = shared.call(path, headers={"Authorization": f"Bearer {shared.token}"})
    assert answer.status in (400, 404), answer


# ---- the rest

def test_unknown_paths_and_methods_are_told_apart(shared):
    refused(shared.api("GET", "/v2/functions"), 404, "not_found")
    answer = shared.api("POST", "/v1/functions/x", {})
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD, PUT, PATCH, DELETE"


def test_head_is_get_without_the_body(shared):
    answer = shared.api("HEAD", "/v1/info")
    assert (answer.status, answer.body) == (200, b"") and int(answer.headers["Content-Length"]) > 100


def test_info_tells_of_the_daemon(shared):
    info = shared.api("GET", "/v1/info").json
    assert info["engine"]["reachable"] and info["gateway"].endswith(str(shared.port))
    assert shared.token not in json.dumps(info)


def test_the_description_served_is_the_one_written_down(shared):
    assert shared.api("GET", "/openapi.json").json == json.loads((ROOT / "docs/openapi.json").read_text())


def test_metrics_count_invocations_by_function(shared, function):
    function("measured", command=["true"], contract={"cgi": {"output": "raw"}})
    shared.call("/function/measured")
    # The answer is there before the invocation has ended.
    text = wait_until(lambda: (text := shared.api("GET", "/metrics").text) and 'function="measured"' in text and text)
    assert "# TYPE" in text


def test_settings_are_read_again(shared):
    assert shared.api("POST", "/v1/reload").status == 204
    runtimes = {one["name"]: one for one in shared.api("GET", "/v1/runtimes").json["runtimes"]}
    assert {"bash", "node", "perl", "php", "python", "ruby", "static"} <= runtimes.keys()
    assert runtimes["python"]["image"] == "shallop-runtime-python:latest"


def test_without_an_engine_the_daemon_lives_and_says_why_it_is_not_ready(start_daemon):
    daemon = start_daemon(docker_host="unix:///tmp/shallop-no-engine.sock", wait=False)
    wait_until(lambda: "listening" in daemon.log())
    assert daemon.api("GET", "/livez").status == 200
    answer = daemon.api("GET", "/readyz")
    assert answer.status == 503 and "shallop-no-engine" in answer.json["detail"]
    put = daemon.api("PUT", "/v1/functions/f", CAT)
    refused(put, 503, "engine_down")
    assert int(put.headers["Retry-After"]) > 0
    assert daemon.api("GET", "/v1/info").json["engine"]["reachable"] is False


# ---- functions through both listeners

def test_the_admin_listener_serves_function_paths_without_the_operators_token(shared, function):
    function("shown", command=["env"], contract={"cgi": {"output": "raw", "pass_authorization": True}}, routes=[{"path": "/shown"}])
    through_admin = shared.api("GET", "/function/shown/a%20b?q=1", headers={"X-Shallop-Invocation-Id": "forged", "X-Mine": "kept"})
    assert "PATH_INFO=/a b\n" in through_admin.text and "QUERY_STRING=q=1\n" in through_admin.text
    assert "HTTP_X_MINE=kept" in through_admin.text and "forged" not in through_admin.text
    assert "AUTHORIZATION" not in through_admin.text and shared.token not in through_admin.text
    assert "HTTP_AUTHORIZATION=Basic x" in shared.call("/function/shown", headers={"Authorization": "Basic x"}).text
    assert shared.api("GET", "/shown").status == 404
    assert shared.call("/shown").status == 200


def test_a_body_over_the_limit_is_refused_before_it_is_sent(shared, function):
    function("small", command=["cat"], limits={"request_body": "1Ki"})
    connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=10)
    connection.putrequest("POST", "/function/small")
    connection.putheader("Content-Length", str(1 << 30))
    connection.endheaders()
    reply = connection.getresponse()
    assert reply.status == 413 and reply.headers["X-Shallop-Invocation-Id"]
    connection.close()
    assert shared.call("/function/small", "POST", iter([b"x" * 900, b"y" * 900])).status == 413
    assert shared.call("/function/small", "POST", b"x" * 1024).status == 200


def test_a_local_redirect_runs_the_other_function_as_get(shared, function):
    function("here", command=shell("printf 'Location: /function/there/a?b=c\\n\\n'"))
    function("there", command=shell("printf 'Content-Type: text/plain\\n\\n%s %s %s %s' \"$REQUEST_METHOD\" \"$PATH_INFO\" \"$QUERY_STRING\" \"$CONTENT_LENGTH\""))
    function("round", command=shell("printf 'Location: /function/round\\n\\n'"))
    function("astray", command=shell("printf 'Location: /healthz\\n\\n'"))
    assert shared.call("/function/here", "POST", b"body").text == "GET /a b=c "
    assert shared.call("/function/round", timeout=120).status == 502
    assert shared.call("/function/astray").status == 404


def test_healthz_answers_unless_a_route_claims_it(start_daemon):
    daemon = start_daemon()
    assert daemon.call("/healthz").text == "ok\n"
    daemon.put("health", image=IMAGE, command=["echo", "mine"], routes=[{"path": "/healthz"}])
    assert daemon.call("/healthz").text == "mine\n"


def test_why_a_function_does_not_start_is_for_its_operator(shared, function):
    function("broken", command=["/no/such/program"])
    answer = shared.call("/function/broken")
    assert (answer.status, answer.json["fault"]) == (502, "launch_failed")
    assert "/no/such/program" not in answer.text
    assert "/no/such/program" in shared.api("GET", f"/v1/invocations/{answer.json['invocation_id']}").json["detail"]
    wait_until(lambda: "/no/such/program" in shared.api("GET", "/v1/functions/broken/logs").text)
