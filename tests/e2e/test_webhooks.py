# SPDX-License-Identifier: Apache-2.0
"""Routes that take signed requests only. The signatures are Python's own, made as each sender documents them."""
import base64
import hashlib
import hmac
import http.client
import json
import time

import pytest

from conftest import wait_until

ECHO = {"image": "debian:bookworm-slim", "command": ["cat"], "scale": {"max": 2}}
SECRET = "keep-this-to-yourself"
KEY = base64.b64encode(b"the key of standard webhooks").decode()
BODY = b'{"action": "opened", "text": "\xc3\xbcber"}'


def digest(text, key=SECRET.encode(), algorithm=hashlib.sha256):
    return hmac.new(key, text, algorithm)


def github(body, at):
    return {"X-Hub-Signature-256": "sha256=" + digest(body).hexdigest()}


def gitlab(body, at):
    return {"X-Gitlab-Token": SECRET}


def gitea(body, at):
    return {"X-Gitea-Signature": digest(body).hexdigest()}


def stripe(body, at):
    return {"Stripe-Signature": f"t={at},v1={digest(b'%d.' % at + body).hexdigest()},v0=00"}


def slack(body, at):
    return {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": "v0=" + digest(b"v0:%d:" % at + body).hexdigest()}


def standard_webhooks(body, at):
    signed = digest(b"msg_1.%d." % at + body, base64.b64decode(KEY)).digest()
    return {"webhook-id": "msg_1", "webhook-timestamp": str(at),
            "webhook-signature": "v1,AAAA v1," + base64.b64encode(signed).decode()}


def own(body, at):
    signed = digest(b"%d\n" % at + body, algorithm=hashlib.sha512).digest()
    return {"X-Time": str(at), "X-Sig": "sha512:" + base64.b64encode(signed).decode()}


SCHEMES = {
    "github": (github, {}), "gitlab": (gitlab, {}), "gitea": (gitea, {}), "stripe": (stripe, {}), "slack": (slack, {}),
    "standard-webhooks": (standard_webhooks, {"secret": "whsec_" + KEY}),
    "hmac": (own, {"header": "X-Sig", "algorithm": "sha512", "encoding": "base64", "prefix": "sha512:",
                   "timestamp_header": "X-Time", "template": "{timestamp}\n{body}"}),
}
TIMED = ["stripe", "slack", "standard-webhooks", "hmac"]
SIGNED = ["github", "gitea", *TIMED]


def signature(scheme, **more):
    return {"scheme": scheme, "secret": SECRET} | SCHEMES[scheme][1] | more


@pytest.fixture(scope="module")
def hooks(shared_daemon):
    """A function for each scheme, named as it, at /hooks/SCHEME."""
    for scheme in SCHEMES:
        shared_daemon.put(scheme, routes=[{"path": f"/hooks/{scheme}", "signature": signature(scheme)}], **ECHO)
    yield shared_daemon
    for scheme in SCHEMES:
        shared_daemon.api("DELETE", f"/v1/functions/{scheme}")


@pytest.fixture
def named(shared):
    """Registers functions for one test."""
    names = []

    def register(name, **resource):
        names.append(name)
        return shared.put(name, **{**ECHO, **resource})

    yield register
    for name in names:
        shared.api("DELETE", f"/v1/functions/{name}")


def now():
    return int(time.time())


def refused(answer, says):
    assert answer.status == 401, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["fault"] == "bad_signature" and says in answer.json["detail"], answer
    assert SECRET not in answer.text and KEY not in answer.text
    assert answer.headers["WWW-Authenticate"].startswith("Signature")


def bad_signatures(daemon):
    for line in daemon.api("GET", "/metrics").text.splitlines():
        if line.startswith("shallop_rejected_total{") and "bad_signature" in line:
            return float(line.split()[-1])
    return 0.0


def invocations(daemon, name):
    return daemon.api("GET", f"/v1/invocations?function={name}").json["invocations"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_signed_reaches_the_function_as_it_was_sent(hooks, scheme):
    sign = SCHEMES[scheme][0]
    answer = hooks.call(f"/hooks/{scheme}", "POST", BODY, sign(BODY, now()))
    assert answer.status == 200 and answer.body == BODY, answer
    empty = hooks.call(f"/hooks/{scheme}", "POST", b"", sign(b"", now()))
    assert empty.status == 200 and empty.body == b"", empty


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_not_signed_is_refused_and_nothing_is_run(hooks, scheme):
    sign, before, counted = SCHEMES[scheme][0], len(invocations(hooks, scheme)), bad_signatures(hooks)
    refused(hooks.call(f"/hooks/{scheme}", "POST", BODY), "is missing")
    headers = sign(BODY, now())
    for field in headers:
        refused(hooks.call(f"/hooks/{scheme}", "POST", BODY, {k: v for k, v in headers.items() if k != field}), field)
    assert len(invocations(hooks, scheme)) == before
    assert bad_signatures(hooks) == counted + 1 + len(headers)


@pytest.mark.parametrize("scheme", SIGNED)
def test_another_body_or_another_secret_does_not_match(hooks, scheme):
    headers = SCHEMES[scheme][0](BODY, now())
    for other in (BODY + b" ", BODY[:-1], b"", BODY.replace(b"opened", b"closed")):
        refused(hooks.call(f"/hooks/{scheme}", "POST", other, headers), "does not match")


@pytest.mark.parametrize("scheme", TIMED)
def test_a_signature_of_another_time_is_refused(hooks, scheme):
    sign = SCHEMES[scheme][0]
    for away in (-600, 600):
        refused(hooks.call(f"/hooks/{scheme}", "POST", BODY, sign(BODY, now() + away)), "a time more than 5m away")
    assert hooks.call(f"/hooks/{scheme}", "POST", BODY, sign(BODY, now() - 200)).status == 200


def test_a_request_sent_again_within_the_window_is_taken_again(hooks):
    headers = stripe(BODY, now())
    assert [hooks.call("/hooks/stripe", "POST", BODY, headers).status for _ in range(2)] == [200, 200]


def test_a_field_that_is_there_twice_is_refused(hooks):
    connection = http.client.HTTPConnection("127.0.0.1", hooks.port, timeout=30)
    connection.putrequest("POST", "/hooks/github")
    for _ in range(2):
        connection.putheader("X-Hub-Signature-256", github(BODY, 0)["X-Hub-Signature-256"])
    connection.putheader("Content-Length", str(len(BODY)))
    connection.endheaders(BODY)
    reply = connection.getresponse()
    assert reply.status == 401 and b"more than once" in reply.read()
    connection.close()


def test_a_chunked_body_is_read_whole_and_passed_on(hooks):
    pieces = [b"x" * 70_000, b"y" * 70_000, b"z"]
    whole = b"".join(pieces)
    connection = http.client.HTTPConnection("127.0.0.1", hooks.port, timeout=30)
    connection.request("POST", "/hooks/github", iter(pieces), github(whole, 0), encode_chunked=True)
    reply = connection.getresponse()
    assert reply.status == 200 and reply.read() == whole
    connection.close()


def test_an_http_server_gets_a_signed_body(shared, functions):
    functions("signed-server", contract="http", routes=[{"path": "/echo", "methods": ["POST"], "signature": signature("github")}])
    body = b"b" * 300_000
    answer = shared.call("/echo", "POST", body, github(body, 0))
    assert answer.status == 200 and answer.body == body, answer
    refused(shared.call("/echo", "POST", body + b"b", github(body, 0)), "does not match")


def test_a_body_beyond_the_limit_is_refused_as_too_large(shared, named):
    named("small", routes=[{"path": "/small", "signature": signature("github")}], limits={"request_body": "1Ki"})
    body = b"x" * 2000
    assert shared.call("/small", "POST", body, github(body, 0)).status == 413
    named("large", routes=[{"path": "/large", "signature": signature("github")}], limits={"request_body": "64Mi"})
    body = b"x" * (7 << 20)
    answer = shared.call("/large", "POST", body, github(body, 0))
    assert answer.status == 413 and "6Mi" in answer.json["detail"], answer


def test_the_name_of_a_function_is_no_way_around_its_signature(shared, named):
    named("by-name", routes=[{"path": "/by-name", "signature": signature("github")}])
    for path in ("/function/by-name", "/function/by-name/rest", "/%66unction/by-name"):
        refused(shared.call(path, "POST", BODY), "is missing")
        assert shared.call(path, "POST", BODY, github(BODY, 0)).body == BODY
    assert shared.cli("invoke", "by-name", "--data", "by the operator").stdout == "by the operator"
    named("by-name", routes=[{"path": "/by-name", "signature": signature("github")},
                             {"path": "/other", "signature": signature("github", secret="another")}])
    refused(shared.call("/function/by-name", "POST", BODY, github(BODY, 0)), "by its routes only")
    assert shared.call("/by-name", "POST", BODY, github(BODY, 0)).body == BODY


def test_a_local_redirect_is_no_way_around_a_signature(shared, named):
    named("guarded", routes=[{"path": "/guarded", "signature": signature("github")}])
    named("elsewhere", command=["printf", "Location: /guarded\\n\\n"])
    refused(shared.call("/function/elsewhere"), "is missing")


def test_a_secret_is_never_shown_and_never_lost(shared, named):
    route = {"path": "/kept", "methods": ["POST"], "signature": signature("slack", tolerance="1m")}
    made = named("kept", routes=[route])
    shown = shared.api("GET", "/v1/functions/kept")
    assert made["routes"][0]["signature"] == {"scheme": "slack", "secret": "(hidden)", "tolerance": "1m"}
    assert SECRET not in shown.text + json.dumps(made) + shared.api("GET", "/v1/functions").text
    assert {"function": "kept", "path": "/kept", "methods": ["POST"], "host": None, "signature": "slack"} in \
        shared.api("GET", "/v1/routes").json["routes"]
    works = lambda: shared.call("/kept", "POST", BODY, slack(BODY, now())).status == 200
    assert works()
    again = shared.api("PUT", "/v1/functions/kept", shown.json)
    assert again.status == 200 and again.json == shown.json and works()
    patched = shared.api("PATCH", "/v1/functions/kept", {"env": {"A": "1"}, "routes": shown.json["routes"]},
                         {"Content-Type": "application/merge-patch+json"})
    assert patched.status == 200 and patched.json["version"] == made["version"] + 1 and works()
    assert SECRET not in shared.log()


def test_a_changed_secret_is_a_new_version_and_rotation_takes_both(shared, named):
    def with_secrets(*secrets):
        return named("rotated", routes=[{"path": "/rotated", "signature": signature("github", secret=list(secrets))}])
    old = github(BODY, 0)
    new = {"X-Hub-Signature-256": "sha256=" + digest(BODY, b"the new one").hexdigest()}
    statuses = lambda: [shared.call("/rotated", "POST", BODY, headers).status for headers in (old, new)]
    first = with_secrets(SECRET)
    assert statuses() == [200, 401]
    second = with_secrets("the new one", "(hidden)")
    assert statuses() == [200, 200]
    third = with_secrets("the new one")
    assert statuses() == [401, 200]
    assert len({made["etag"] for made in (first, second, third)}) == 3


def test_a_hidden_secret_that_nobody_knows_is_refused(shared):
    answer = shared.api("PUT", "/v1/functions/unknown", {**ECHO, "routes": [
        {"path": "/unknown", "signature": {"scheme": "github", "secret": "(hidden)"}}]})
    assert answer.status == 400 and answer.json["pointer"] == "/routes/0/signature/secret", answer
    assert shared.api("GET", "/v1/functions/unknown").status == 404


def test_a_plan_is_empty_after_an_apply_and_shows_no_secret(shared, named, tmp_path):
    named("planned")
    manifest = tmp_path / "planned.json"
    manifest.write_text(json.dumps({"name": "planned", **ECHO, "routes": [
        {"path": "/planned", "methods": ["POST"], "signature": signature("hmac")}]}))
    planned = shared.cli("plan", "-f", str(manifest)).stdout
    assert "routes" in planned and SECRET not in planned
    assert SECRET not in shared.cli("apply", "-f", str(manifest)).stdout
    assert "nothing to do" in shared.cli("plan", "-f", str(manifest)).stdout
    assert SECRET not in shared.cli("show", "planned").stdout


def outcome(daemon, answer):
    """Of a queued request, once it has run: its invocation."""
    assert answer.status == 202, answer
    where = f"/v1/invocations/{answer.headers['X-Shallop-Invocation-Id']}"
    return wait_until(lambda: (lambda it: it if it["status"] == "succeeded" else None)(daemon.api("GET", where).json), 30)


def test_a_signed_request_can_be_queued_and_an_unsigned_one_cannot(shared, named):
    named("queued", routes=[{"path": "/queued", "async": True, "signature": signature("github")},
                            {"path": "/waited", "signature": signature("github")}])
    kept = lambda: len(invocations(shared, "queued"))
    refused(shared.call("/queued", "POST", BODY), "is missing")
    refused(shared.call("/waited", "POST", BODY, {"Prefer": "respond-async"}), "is missing")
    refused(shared.call("/async-function/queued", "POST", BODY), "is missing")
    refused(shared.call("/queued", "POST", BODY + b"!", github(BODY, 0)), "does not match")
    assert kept() == 0
    large = b"l" * 400_000
    for path, body, asks in (("/queued", BODY, {}), ("/waited", BODY, {"Prefer": "respond-async"}), ("/queued", large, {}),
                             ("/async-function/queued", BODY, {})):
        outcome(shared, shared.call(path, "POST", body, github(body, 0) | asks))
    assert shared.call("/waited", "POST", BODY, github(BODY, 0)).body == BODY


def test_a_token_that_is_the_secret_reaches_nobody(shared, named):
    named("no-token", command=["sh", "-c", "env | grep -c -i gitlab_token; true"], routes=[
        {"path": "/no-token", "signature": signature("gitlab")}, ])
    assert shared.call("/no-token", "POST", BODY, gitlab(BODY, 0)).text.strip() == "0"
    answer = shared.call("/no-token", "POST", BODY, gitlab(BODY, 0) | {"Prefer": "respond-async"})
    outcome(shared, answer)
    where = f"/v1/invocations/{answer.headers['X-Shallop-Invocation-Id']}"
    assert SECRET not in shared.api("GET", where).text


def test_signatures_outlive_a_restart(start_daemon):
    daemon = start_daemon()
    daemon.put("lasting", routes=[{"path": "/lasting", "signature": signature("github")}], **ECHO)
    daemon.stop()
    daemon.start()
    wait_until(lambda: daemon.call("/lasting", "POST", BODY, github(BODY, 0)).status == 200)
    refused(daemon.call("/lasting", "POST", BODY), "is missing")
