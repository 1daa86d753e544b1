# SPDX-License-Identifier: Apache-2.0
"""Python's own: Flask and other WSGI applications unmodified, ASGI, and what a handler may return."""
import http.client
import os

import pytest

from conftest import docker, wait_until

FLASK = '''
import os
import sys
from flask import Flask, Blueprint, Response, abort, jsonify, redirect, request, session, stream_with_context, url_for

app = Flask(__name__)
app.secret_key = "s"
part = Blueprint("part", __name__, url_prefix="/part")


@part.get("/<path:rest>")
def part_path(rest):
    return rest


app.register_blueprint(part)


@app.route("/")
def index():
    print("printed to stdout")
    return "hello <b>wörld</b>"


@app.post("/items/<int:number>")
def item(number):
    return jsonify(number=number, form=request.form.to_dict(), json=request.get_json(silent=True), query=request.args.to_dict())


@app.get("/where")
def where():
    return jsonify(root=request.script_root, path=request.path, url=request.url, link=url_for("index"), remote=request.remote_addr,
                   env=os.environ.get("NAME"))


@app.post("/upload")
def upload():
    return str(sum(len(f.read()) for f in request.files.values()))


@app.post("/bytes")
def raw():
    return Response(request.get_data()[::-1], mimetype="application/octet-stream")


@app.get("/stream")
def stream():
    def pieces():
        for number in range(3):
            yield f"piece {number}\\n"
    return Response(stream_with_context(pieces()), mimetype="text/plain")


@app.get("/big")
def big():
    return b"x" * 10_000_000


@app.get("/breaks")
def breaks():
    def pieces():
        yield "one"
        raise RuntimeError("in the middle")
    return Response(pieces())


@app.get("/none")
def none():
    return "", 204


@app.get("/away")
def away():
    return redirect("/where")


@app.get("/fails")
def fails():
    raise ValueError("secret")


@app.get("/exits")
def exits():
    sys.exit(4)


@app.get("/count")
def count():
    session["n"] = session.get("n", 0) + 1
    return str(session["n"])


@app.post("/ignores-body")
def ignores_body():
    return "ignored"


if __name__ == "__main__":
    app.run(port=5000)
'''


@pytest.fixture(scope="module")
def flask_worker(runtime_images):
    import runtime_worker
    one = runtime_worker.Worker("python")
    try:
        answer = one.specialize({"app.py": FLASK}, env={"NAME": "Łódź"})
        assert answer.status == 200, one.log()
        one.told = answer.json
        yield one
    finally:
        one.close()


def test_an_unmodified_flask_application_is_found_with_its_routes(flask_worker):
    assert (flask_worker.told["kind"], flask_worker.told["handler"]) == ("wsgi", "app:app")
    routes = {route["path"]: route["methods"] for route in flask_worker.told["routes"]}
    assert routes["/items/{number}"] == ["POST"] and routes["/part/{rest...}"] == ["GET"]
    assert not any("static" in path for path in routes)


def test_flask_answers(flask_worker):
    answer = flask_worker.call("/")
    assert answer.text == "hello <b>wörld</b>" and answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert flask_worker.logs("printed to stdout")
    assert flask_worker.call("/nowhere").status == 404 and flask_worker.call("/items/1").status == 405
    assert flask_worker.call("/part/a%20b/%C3%A9").text == "a b/é"


def test_forms_json_and_queries_arrive(flask_worker):
    form = flask_worker.call("/items/7?q=%C3%BC&q2=", "POST", "a=1&b=%C3%BC", {"Content-Type": "application/x-www-form-urlencoded"})
    assert form.json == {"number": 7, "form": {"a": "1", "b": "ü"}, "json": None, "query": {"q": "ü", "q2": ""}}
    assert flask_worker.call("/items/7", "POST", '{"a":[1]}', {"Content-Type": "application/json"}).json["json"] == {"a": [1]}


def test_the_prefix_that_was_taken_off_is_the_script_name(flask_worker):
    headers = {"X-Forwarded-Prefix": "/function/f", "Host": "example.org:8443", "X-Forwarded-Proto": "https", "X-Forwarded-For": "10.1.1.1, 192.0.2.9"}
    told = flask_worker.call("/where?x=1", headers=headers).json
    assert told == {"root": "/function/f", "path": "/where", "url": "https://example.org:8443/function/f/where?x=1", "link": "/function/f/",
                    "remote": "192.0.2.9", "env": "Łódź"}


def test_uploads_and_large_bodies_pass(flask_worker):
    content = os.urandom(3_000_000)
    body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + content + b"\r\n--b--\r\n"
    assert flask_worker.call("/upload", "POST", body, {"Content-Type": "multipart/form-data; boundary=b"}).text == "3000000"
    much = os.urandom(10_000_000)
    assert flask_worker.call("/bytes", "POST", much).body == much[::-1]
    assert flask_worker.call("/bytes", "POST", iter([much[:5], much[5:200_000]])).body == much[:200_000][::-1]
    assert len(flask_worker.call("/big").body) == 10_000_000


def test_a_generator_streams(flask_worker):
    answer = flask_worker.call("/stream")
    assert answer.text == "piece 0\npiece 1\npiece 2\n" and answer.headers["Transfer-Encoding"] == "chunked"
    assert flask_worker.call("/").status == 200


def test_a_stream_that_breaks_off_is_cut_and_the_next_request_is_served(flask_worker):
    connection = flask_worker.connect()
    connection.request("GET", "/breaks")
    reply = connection.getresponse()
    with pytest.raises(http.client.IncompleteRead):
        reply.read()
    assert flask_worker.call("/").status == 200


def test_head_no_content_and_redirects(flask_worker):
    head = flask_worker.call("/", "HEAD")
    assert head.status == 200 and head.body == b"" and int(head.headers["Content-Length"]) > 0
    assert flask_worker.call("/none").status == 204
    away = flask_worker.call("/away")
    assert (away.status, away.headers["Location"]) == (302, "/where")


def test_failures_are_answers(flask_worker):
    assert flask_worker.call("/fails").status == 500 and flask_worker.logs("ValueError: secret")
    assert flask_worker.call("/exits").status == 500
    assert flask_worker.call("/").status == 200


def test_cookies_pass_both_ways(flask_worker):
    first = flask_worker.call("/count")
    cookie = first.headers["Set-Cookie"].split(";")[0]
    assert first.text == "1" and flask_worker.call("/count", headers={"Cookie": cookie}).text == "2"


@pytest.mark.parametrize("size", [10, 100_000, 3_000_000])
def test_a_body_that_nobody_reads_breaks_nothing(flask_worker, size):
    connection = flask_worker.connect()
    try:
        assert flask_worker.send(connection, "POST", "/ignores-body", b"x" * size).text == "ignored"
    except (BrokenPipeError, ConnectionResetError):
        assert size > 1_000_000, "only a long body is refused"
    assert flask_worker.call("/").status == 200


def test_the_second_specialize_is_the_applications(flask_worker):
    assert flask_worker.specialize().status == 404


def test_what_is_no_http_closes_that_connection_only(flask_worker):
    connection = flask_worker.connect()
    connection.sock.sendall(b"nonsense\r\n\r\n")
    assert connection.sock.recv(100) == b""
    assert flask_worker.call("/").status == 200


def test_a_plain_wsgi_function_and_start_responses_write(worker):
    code = ('def application(environ, start_response):\n    write = start_response("200 Fine", [("Content-Type", "text/plain")])\n'
            '    write(b"early ")\n    return [environ["PATH_INFO"].encode("latin-1"), b"!"]\n')
    one = worker("python", {"wsgi.py": code})
    assert one.told["kind"] == "wsgi" and one.call("/%C3%A9").text == "early /é!"


@pytest.mark.parametrize("value", ["b\\r\\nX-C: d", "Łukasz"], ids=["a line break", "not Latin-1"])
@pytest.mark.parametrize("body", ['[b""]', '(b"x" * 100_000 for _ in "ab")'], ids=["whole", "in pieces"])
def test_a_header_that_cannot_be_sent_is_a_failure(worker, value, body):
    code = f'def application(environ, start_response):\n    start_response("200 OK", [("X-A", "{value}")])\n    return {body}\n'
    one = worker("python", {"wsgi.py": code})
    for _ in range(2):
        answer = one.call()
        assert answer.status == 500 and answer.text == "the function has failed; its log says why\n"


def test_concurrency_is_threads(worker):
    from concurrent.futures import ThreadPoolExecutor
    code = ('import threading\nfrom flask import Flask\napp = Flask(__name__)\nbarrier = threading.Barrier(4, timeout=20)\n\n'
            '@app.get("/")\ndef together():\n    barrier.wait()\n    return "met"\n')
    one = worker("python", {"main.py": code}, concurrency=4)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: one.send(one.connect(), "GET", "/").text, range(4))) == ["met"] * 4


ASGI = '''
import asyncio
events = []

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            events.append(message["type"])
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    text = f'{scope["method"]} {scope["root_path"]} {scope["path"]} {scope["scheme"]} {events} {len(body)}'
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    for piece in (text.encode(), b" end"):
        await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
'''


def test_an_asgi_application_is_served(worker):
    one = worker("python", {"main.py": ASGI})
    assert one.told == {"kind": "asgi", "handler": "main:app"}
    answer = one.call("/a%20b", headers={"X-Forwarded-Prefix": "/function/f", "X-Forwarded-Proto": "https"})
    assert answer.text == "GET /function/f /a b https ['lifespan.startup'] 0 end"
    assert one.call("/", "POST", b"x" * 1_000_000).text.endswith(" 1000000 end")
    assert one.specialize().text.startswith("POST  /.shallop/specialize")


def test_an_asgi_application_that_refuses_to_start_is_refused(worker):
    code = ASGI.replace('+ ".complete"', '+ ".failed", "message": "no database"')
    one = worker("python")
    answer = one.specialize({"main.py": code})
    assert answer.status == 422 and "startup" in answer.json["error"]
    assert one.logs("no database") and one.call().status == 503


@pytest.mark.parametrize("told, files, kind", [
    ({"handler": "web:other"}, {"web.py": "from flask import Flask\nother = Flask('x')\n"}, "wsgi"),
    ({"handler": "main.run"}, {"main.py": "def run(event, context):\n    return context.invocation_id\n"}, "handler"),
    ({"handler": "web:other", "entry": "main.py"}, {"main.py": "1/0\n", "web.py": "from flask import Flask\nother = Flask('x')\n"}, "wsgi"),
    ({"handler": "Site.app", "entry": "main.py"}, {"main.py": "from flask import Flask\n\nclass Site:\n    app = Flask('x')\n"}, "wsgi"),
    ({"handler": "script"}, {"main.py": "def handler(event): pass\nprint('script')\n"}, "script"),
    ({"handler": "pkg.web:app"}, {"pkg/__init__.py": "", "pkg/web.py": "from .parts import app\n", "pkg/parts.py": "from flask import Flask\napp = Flask('x')\n"}, "wsgi"),
    ({}, {"main.py": "from flask import Flask\n\ndef create_app():\n    return Flask('x')\n"}, "wsgi"),
    ({}, {"hello.py": "async def handler(event):\n    return 'x'\n"}, "handler"),
    ({}, {"main.py": "from web import *\n", "web.py": "from flask import Flask\nserver = Flask('x')\n"}, "wsgi"),
    ({"entry": "my-app.py"}, {"my-app.py": "from flask import Flask\nsite = Flask('x')\n"}, "wsgi"),
    ({}, {"main.py": "def helper(event):\n    pass\n\nif __name__ == '__main__':\n    app = 1\n    print('run as a program')\n"}, "script"),
], ids=["named object", "dotted", "named module before the entry", "attribute of an attribute", "forced script", "package", "factory", "only file, async", "star import", "any Flask", "script with functions"])
def test_what_the_code_is_is_found_out(worker, told, files, kind):
    one = worker("python", files, **told)
    assert one.told["kind"] == kind, one.told
    assert one.call("/", headers={"X-Shallop-Invocation-Id": "i7"}).status in (200, 404)


def test_what_a_handler_may_return(worker):
    code = '''
def handler(event):
    return {"bytes": b"\\x00\\xff", "list": [1, "é"], "number": 3, "tuple": ("made", 201), "generator": (str(n) for n in range(3)),
            "encoded": {"statusCode": 200, "headers": {"Content-Type": "image/x"}, "body": "AAE=", "isBase64Encoded": True},
            "many": {"status": 200, "headers": {"Set-Cookie": ["a=1", "b=2"]}, "body": None}}[event["query"]["what"]]
'''
    one = worker("python", {"main.py": code})
    assert one.call("/?what=bytes").body == b"\x00\xff"
    assert one.call("/?what=list").text == '[1,"é"]' and one.call("/?what=number").json == 3
    assert (made := one.call("/?what=tuple")).status == 201 and made.text == "made"
    assert one.call("/?what=generator").text == "012"
    encoded = one.call("/?what=encoded")
    assert encoded.body == b"\x00\x01" and encoded.headers["Content-Type"] == "image/x"
    assert one.call("/?what=many").headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert one.call("/?what=nothing").status == 500


def test_a_module_of_the_function_goes_before_one_that_was_loaded_ahead(worker):
    files = {"main.py": "import click\n\ndef handler(event):\n    return click.MINE\n", "click.py": "MINE = 'mine'\n"}
    assert worker("python", files).call().text == "mine"


def test_dependencies_beside_the_code_are_found(worker):
    files = {"main.py": "import dep\n\ndef handler(event):\n    return dep.WORD\n", ".shallop/python/dep/__init__.py": "WORD = 'dep'\n"}
    assert worker("python", files).call().text == "dep"


def test_nothing_is_written_beside_the_code(worker):
    one = worker("python", {"main.py": "import near\n\ndef handler(event):\n    return near.X\n", "near.py": "X = 'x'\n"})
    assert one.call().text == "x" and not list(one.code.rglob("__pycache__"))


def test_a_script_that_its_caller_leaves_is_ended(worker):
    code = "import time\nprint('Content-Type: text/plain\\n', flush=True)\nwhile True:\n    print('x' * 100, flush=True)\n    time.sleep(0.001)\n"
    one = worker("python", {"main.py": code})
    connection = one.connect()
    connection.request("GET", "/")
    reply = connection.getresponse()
    assert reply.read(100)
    reply.close()
    connection.close()
    wait_until(lambda: len(docker("top", one.name, "-o", "pid").split()) == 3, 20, 0.1, "only the init process and the worker run")
