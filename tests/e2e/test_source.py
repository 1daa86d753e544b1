# SPDX-License-Identifier: Apache-2.0
"""Functions from source: files come in, a runtime runs them, and instances that wait for code answer without a container being made."""
import gzip
import io
import json
import tarfile
import zipfile

import pytest

from conftest import docker, wait_until
from warm import at_once, metric

HANDLER = 'def handler(event):\n    return {"hello": event["query"].get("name", "world")}\n'
PYTHON = "shallop-runtime-python:latest"


@pytest.fixture
def source(start_daemon, runtime_images):
    return start_daemon()


def tar(files, mode="w", links=(), kind=None):
    """A tar of paths and bytes; `links` are (name, target)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
        for name, target in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind or tarfile.SYMTYPE, target
            archive.addfile(entry)
    return out.getvalue()


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return out.getvalue()


def upload(daemon, name, body, type="application/x-tar", **query):
    words = "&".join(f"{key}={value}" for key, value in query.items())
    return daemon.api("POST", f"/v1/functions/{name}/source?{words}", body, {"Content-Type": type})


def waiting(daemon, count=2, image=PYTHON):
    """The containers of a runtime that wait for code."""
    listed = docker("ps", "-q", "--filter", f"label=shallop.daemon={next(iter(daemon.daemon_ids))}", "--filter", "label=shallop.function=@python")
    return len(listed.split()) == count


def ready(daemon, count=2, runtime="python"):
    """Whether so many instances of a runtime wait for code, with their servers up."""
    return {one["name"]: one["waiting"] for one in daemon.api("GET", "/v1/runtimes").json["runtimes"]}.get(runtime, 0) == count


def trees(daemon):
    return sorted(path.name for path in (daemon.data_dir / "code/trees").iterdir())


def left_over(daemon, part="tmp"):
    return [path.name for path in (daemon.data_dir / "code" / part).iterdir()]


# ---- what comes in --------------------------------------------------------------------------------------------

def test_text_in_the_resource_is_a_function(source):
    made = source.put("hello", source={"files": {"main.py": HANDLER}})
    assert made["source"]["runtime"] == "python" and made["source"]["entry"] == "main.py"
    assert made["image"] == PYTHON and made["contract"]["kind"] == "http" and made["contract"]["reason"]
    assert source.call("/function/hello?name=you").json == {"hello": "you"}


@pytest.mark.parametrize("body, type, query", [
    (HANDLER.encode(), "application/octet-stream", {"filename": "hello.py"}),
    (tar({"main.py": HANDLER.encode()}), "application/x-tar", {}),
    (tar({"./app/main.py": HANDLER.encode(), "./app/lib/more.py": b""}, "w:gz"), "application/gzip", {}),
    (tar({"main.py": HANDLER.encode()}, "w:xz"), "application/octet-stream", {}),
    (zipped({"main.py": HANDLER, "lib/more.py": ""}), "application/zip", {}),
    (zipped({"src/code.py": HANDLER, "README": "x"}), "application/zip", {"entry": "src/code.py", "runtime": "python"}),
], ids=["file", "tar", "tar.gz", "tar.xz", "zip", "zip with an entry"])
def test_an_upload_is_a_function(source, body, type, query):
    made = upload(source, "up", body, type, **query)
    assert made.status == 201, made
    assert made.headers["location"] == "/v1/functions/up"
    assert source.call("/function/up").json == {"hello": "world"}
    assert left_over(source) == []


def test_an_upload_gives_a_function_new_code_and_leaves_the_rest(source):
    source.put("f", source={"files": {"main.py": HANDLER}}, env={"A": "b"}, limits={"timeout": "7s"})
    again = upload(source, "f", b"import os\ndef handler(event): return os.environ['A']\n", "application/octet-stream", filename="main.py")
    assert again.status == 200 and again.json["version"] == 2 and again.json["limits"]["timeout"] == "7s"
    assert source.call("/function/f").text == "b"
    same = upload(source, "f", b"import os\ndef handler(event): return os.environ['A']\n", "application/octet-stream", filename="main.py")
    assert same.status == 200 and same.json["version"] == 2


def test_what_was_read_can_be_put_back(source):
    source.put("f", source={"files": {"main.py": HANDLER}})
    resource = source.api("GET", "/v1/functions/f").json
    assert source.put("f", **{k: v for k, v in resource.items() if k != "name"})["version"] == 1


def test_the_same_code_is_kept_once(source):
    for name in ("one", "two"):
        source.put(name, source={"files": {"main.py": HANDLER}})
    upload(source, "three", zipped({"main.py": HANDLER}), "application/zip")
    assert len(trees(source)) == 1


@pytest.mark.parametrize("body, type, status, says", [
    (b"\x00\x01junk" * 100, "application/zip", 400, "no archive that can be read"),
    (gzip.compress(b"no tar"), "application/gzip", 400, "no archive that can be read"),
    (tar({"main.py": HANDLER.encode()})[:700], "application/x-tar", 400, "broken"),
    (tar({"../main.py": b"x"}), "application/x-tar", 400, "'../main.py' leads out"),
    (tar({"a/../../main.py": b"x"}), "application/x-tar", 400, "leads out"),
    (tar({"/etc/main.py": b"x"}), "application/x-tar", 400, "absolute path"),
    (tar({"main.py": b"x"}, links=[("etc", "/etc")]), "application/x-tar", 400, "'etc' is a link"),
    (tar({"main.py": b"x"}, links=[("hard", "main.py")], kind=tarfile.LNKTYPE), "application/x-tar", 400, "'hard' is a link"),
    (tar({}, links=[("pipe", "")], kind=tarfile.FIFOTYPE), "application/x-tar", 400, "is no file"),
    (tar({"a": b"x", "a/b.py": b"y"}), "application/x-tar", 400, "as a file and as a directory"),
    (tar({"a\nb.py": b"x"}), "application/x-tar", 400, "control character"),
    (tar({}), "application/x-tar", 400, "no file"),
    (tar({f"{i}.py": b"" for i in range(20_001)}), "application/x-tar", 413, "more than 20000"),
    (tar({"/".join(["d"] * 40) + "/main.py": b"x"}), "application/x-tar", 413, "directories deep"),
    (zipped({"main.py": "\0" * 300_000_000}), "application/zip", 413, "larger than 256Mi"),
    (zipped({"main.py": "\0" * 100_000_000}), "application/zip", 413, "200 times its size"),
    (tar({"readme.txt": b"x"}), "application/x-tar", 400, "no runtime is known for these files ('readme.txt')"),
    (tar({"main.py": b"x", "index.js": b"y"}), "application/x-tar", 400, "more than one runtime fits"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_meant_is_refused_and_nothing_is_kept(source, body, type, status, says):
    source.put("f", source={"files": {"main.py": HANDLER}})
    before = trees(source)
    refused = upload(source, "new" if "runtime" in says else "f", body, type)
    assert refused.status == status and says in refused.json["detail"], refused
    assert source.call("/function/f").json == {"hello": "world"}
    assert left_over(source) == []
    # Code whose files are fine but which no runtime runs is kept until it is collected.
    assert trees(source) == before or "runtime" in says


def test_an_upload_over_the_limit_is_refused(source):
    refused = upload(source, "f", b"\0" * (65 << 20), "application/octet-stream", filename="main.py")
    assert refused.status == 413 and "64Mi" in refused.json["detail"]
    assert left_over(source) == []


def test_a_runtime_that_nobody_knows_is_refused(source):
    refused = source.api("PUT", "/v1/functions/f", {"source": {"runtime": "cobol", "files": {"main.cob": "x"}}})
    assert refused.status == 404 and refused.json["pointer"] == "/source/runtime" and "name another image" in refused.json["detail"]
    refused = source.api("PUT", "/v1/functions/f", {"image": "debian:bookworm-slim", "command": ["true"], "source": {"files": {"main.py": "x"}}})
    assert refused.status == 400 and "shallop.runtime.protocol" in refused.json["detail"]


# ---- what is loaded --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("code, says", [
    ("import os\ndef handler(event:\n    return 1\n", "main.py, line 2: SyntaxError"),
    ("import nothere\ndef handler(event): return 1\n", "main.py, line 1: ModuleNotFoundError"),
    ("def handler(event): return 1\nraise RuntimeError('no database')\n", "no database"),
], ids=["syntax", "import", "raise"])
def test_code_that_cannot_be_loaded_is_refused_and_the_version_before_serves(source, code, says):
    source.put("f", source={"files": {"main.py": HANDLER}})
    refused = source.api("PUT", "/v1/functions/f", {"source": {"files": {"main.py": code}}})
    assert refused.status == 400 and says in refused.json["detail"] and refused.json["pointer"] == "/source", refused
    assert source.api("GET", "/v1/functions/f").json["version"] == 1
    assert source.call("/function/f").json == {"hello": "world"}


def test_a_caller_learns_nothing_of_code_that_cannot_be_loaded(start_daemon, runtime_images, tmp_path):
    """Where the check at its deploy went well and a later start does not: here the code counts on a file that is gone by then."""
    source = start_daemon("--bind-root", str(tmp_path))
    there = tmp_path / "there"
    there.touch()
    tmp_path.chmod(0o755)
    source.put("f", source={"files": {"main.py": f"import os\nassert os.path.exists('/shared/there')\n{HANDLER}"}},
               mounts=[{"type": "bind", "source": str(tmp_path), "target": "/shared"}], scale={"max_invocations": 1})
    assert source.call("/function/f").status == 200
    there.unlink()
    answer = source.call("/function/f")
    assert answer.status == 502 and "AssertionError" not in answer.text
    assert "AssertionError" in source.cli("logs", "f").stdout


def test_whoever_deployed_code_meets_it_with_his_next_request(source):
    """The instance that has loaded it on trial takes the first event, whatever the versions before are busy with."""
    for number in range(8):
        source.put("f", source={"files": {"main.py": f"def handler(event): return '{number}'\n"}})
        assert source.call("/function/f").text == str(number)


def test_the_instance_of_the_trial_goes_with_its_function(source):
    source.put("f", source={"files": {"main.py": HANDLER}})
    source.put("f", source={"files": {"main.py": HANDLER + "\n"}})
    assert source.api("DELETE", "/v1/functions/f").status == 204
    [daemon_id] = source.daemon_ids
    wait_until(lambda: docker("ps", "-aq", "--filter", f"label=shallop.daemon={daemon_id}") == "", 30, what="no container is left")


def test_a_first_call_takes_an_instance_that_waits_and_makes_no_container(source):
    source.put("first", source={"files": {"main.py": HANDLER}})
    wait_until(lambda: ready(source), 30, what="two instances wait for code")
    source.put("second", source={"files": {"app.py": "from flask import Flask\napp = Flask(__name__)\n\n@app.get('/')\ndef index(): return 'flask'\n"}})
    source.stop()
    source.start()  # without what the deploy's trial left
    wait_until(lambda: ready(source), 30)
    creates, there = metric(source, "shallop_engine_calls_total", verb="create"), set(docker("ps", "-q", "--no-trunc").split())
    answer = source.call("/function/second")
    assert answer.text == "flask"
    started = source.api("GET", "/v1/functions/second/instances").json["instances"]
    assert [one["container"] in there for one in started] == [True]  # older than the call: nobody waited for a create
    wait_until(lambda: ready(source), 30, what="the pool is full again")
    assert metric(source, "shallop_engine_calls_total", verb="create") - creates == 1


def test_the_pool_grows_with_demand(start_daemon, runtime_images):
    source = start_daemon("--runtime-pool", "1", "--runtime-pool-most", "3")
    for name in ("a", "b", "c", "d"):
        source.put(name, source={"files": {"main.py": f"def handler(event): return '{name}'\n"}})
    source.stop()
    source.start()
    wait_until(lambda: ready(source, 1), 30)
    assert at_once(4, lambda number: source.call("/function/" + "abcd"[number]).text) == ["a", "b", "c", "d"]
    wait_until(lambda: ready(source, 3), 30, what="as many wait as were asked for, and no more than the most")


def test_the_runtimes_are_listed(source):
    source.put("f", source={"files": {"main.py": HANDLER}})
    wait_until(lambda: ready(source), 30)
    found = {one["name"]: one for one in source.api("GET", "/v1/runtimes").json["runtimes"]}
    assert found["python"] == {"name": "python", "image": PYTHON, "available": True, "functions": 1, "waiting": 2}
    assert found["ruby"]["waiting"] == 0 and found["ruby"]["functions"] == 0


def test_instances_are_never_shared_between_functions(source):
    for name in ("one", "two"):
        source.put(name, source={"files": {"main.py": f"import os\nopen('/tmp/mark', 'a').write('{name} ')\ndef handler(event): return open('/tmp/mark').read()\n"}})
    for _ in range(3):
        assert source.call("/function/one").text == "one "
        assert source.call("/function/two").text == "two "


def test_code_cannot_be_changed_from_within(source):
    source.put("f", user="0", source={"files": {"main.py": "def handler(event):\n    open('/code/main.py', 'a')\n"}})
    assert source.call("/function/f").status == 500
    assert "Read-only file system" in source.cli("logs", "f").stdout


def test_a_limit_of_its_own_has_a_container_of_its_own(source):
    source.put("small", source={"files": {"main.py": "def handler(event): return open('/sys/fs/cgroup/memory/memory.limit_in_bytes').read() if __import__('os').path.exists('/sys/fs/cgroup/memory/memory.limit_in_bytes') else open('/sys/fs/cgroup/memory.max').read()\n"}},
               limits={"memory": "100Mi"})
    assert int(source.call("/function/small").text) == 100 << 20


def test_a_runtime_without_functions_keeps_no_container(source):
    source.put("f", source={"files": {"main.py": HANDLER}})
    wait_until(lambda: waiting(source), 30)
    assert source.api("DELETE", "/v1/functions/f").status == 204
    wait_until(lambda: waiting(source, 0), 30, what="no instance waits for code")


def test_functions_from_source_are_there_after_a_restart(source):
    source.put("f", source={"files": {"main.py": HANDLER}})
    source.stop()
    source.start()
    assert source.call("/function/f").json == {"hello": "world"}


def test_a_killed_daemon_leaves_no_container_and_no_place(source):
    source.put("f", source={"files": {"main.py": HANDLER}})
    source.call("/function/f")
    wait_until(lambda: ready(source), 30)  # what is created and not started yet is the next start's to sweep
    ids = set(source.daemon_ids)
    source.kill()
    wait_until(lambda: not any(docker("ps", "-aq", "--filter", f"label=shallop.daemon={one}") for one in ids), 20)
    source.start()
    assert source.call("/function/f").json == {"hello": "world"}
    assert len(left_over(source, "instances")) <= 4  # of the instances that live


def test_scripts_and_programs_are_run_for_each_event(source):
    source.put("sh", source={"files": {"main.sh": "#!/bin/sh\necho \"$REQUEST_METHOD $WORD $(pwd)\"; cat\n"}}, env={"WORD": "hi"})
    answer = source.call("/function/sh", "POST", b"in")
    assert answer.text == "POST hi /code\nin"


def test_an_application_has_its_routes_and_prefix(source):
    source.put("app", source={"files": {"app.py": "from flask import Flask, request\napp = Flask(__name__)\n\n"
                                        "@app.get('/a/<x>')\ndef a(x): return x + ' ' + request.script_root\n"}}, routes=[{"path": "/a/*"}])
    assert source.call("/a/1").text == "1 "
    assert source.call("/function/app/a/2").text == "2 /function/app"
    assert source.call("/function/app/none").status == 404


def test_json_is_a_document(source):
    source.put("f", source={"files": {"main.py": "def handler(event): return event['body']\n"}})
    answer = source.call("/function/f", "POST", json.dumps({"ü": [1, None]}), {"Content-Type": "application/json"})
    assert answer.json == {"ü": [1, None]}


def test_code_in_another_language_is_run_by_another_runtime(source):
    assert upload(source, "f", HANDLER.encode(), "application/octet-stream", filename="f.py").json["source"]["runtime"] == "python"
    done = upload(source, "f", b"exports.handler = async () => 'from node';\n", "application/octet-stream", filename="f.js")
    assert (done.json["source"]["runtime"], done.json["image"]) == ("node", "shallop-runtime-node:latest"), done
    assert source.call("/function/f").text == "from node"


def test_what_an_interpreter_reads_at_its_start_is_there_at_its_start(source):
    """An instance that waits for code has started before anybody knows whose it will be."""
    source.put("plain", source={"files": {"main.py": HANDLER}})
    wait_until(lambda: ready(source), 30)
    files = {"main.py": "import time\nfrom words import WORD\n\ndef handler(event):\n    return WORD + time.strftime('%z', time.localtime(0))\n",
             "lib/words.py": "WORD = 'found '\n"}
    source.put("f", source={"files": files}, env={"PYTHONPATH": "/code/lib", "TZ": "UTC-3"})
    assert source.call("/function/f").text == "found +0300"
    source.put("g", source={"files": {"main.py": HANDLER}}, limits={"log_rate": "2Mi"})
    assert source.call("/function/g").json == {"hello": "world"}
    assert ready(source), "none of those that wait was taken"


# ---- routes that an application tells ---------------------------------------------------------------------------

SHOP = """
from flask import Blueprint, Flask
app = Flask(__name__)
items = Blueprint('items', __name__, url_prefix='/items')

@items.get('/<int:id>')
def item(id): return f'item {id}'

@items.post('/')
def add(): return 'added', 201

@app.get('/files/<path:name>')
def file(name): return name

app.register_blueprint(items)
"""


def test_one_call_registers_an_application_with_its_routes(source):
    done = upload(source, "shop", SHOP.encode(), "application/octet-stream", filename="app.py", routes="application")
    assert done.status == 201 and done.json["source"]["routes"] == "application", done
    assert {(route["path"], *route["methods"]) for route in done.json["routes"]} == {
        ("/items/{id}", "GET"), ("/items/", "POST"), ("/files/{name...}", "GET")}
    assert source.call("/items/7").text == "item 7" and source.call("/items/x").status == 404
    assert source.call("/items/", "POST", b"").status == 201 and source.call("/items/7", "DELETE").status == 405
    assert source.call("/files/a/b.txt").text == "a/b.txt"
    # New code, new routes; the settings between do not matter, and what was read can be put back.
    assert source.api("PATCH", "/v1/functions/shop", {"env": {"A": "1"}}, {"Content-Type": "application/merge-patch+json"}).status == 200
    assert upload(source, "shop", SHOP.replace("/files/", "/docs/").encode(), "application/octet-stream", filename="app.py").status == 200
    assert source.call("/docs/a").text == "a" and source.call("/files/a").status == 404
    there = source.api("GET", "/v1/functions/shop").json
    assert source.api("PUT", "/v1/functions/shop", there).json["version"] == there["version"]


def test_routes_that_cannot_be_had_are_refused_by_name_and_nothing_changes(source):
    source.put("other", source={"files": {"main.py": HANDLER}}, routes=[{"path": "/items/{key}", "methods": ["GET"]}])
    refused = upload(source, "shop", SHOP.encode(), "application/octet-stream", filename="app.py", routes="application")
    assert refused.status == 409 and '"other"' in refused.json["detail"] and "/items/" in refused.json["detail"], refused
    assert source.api("GET", "/v1/functions/shop").status == 404
    none = source.api("PUT", "/v1/functions/plain", {"source": {"files": {"main.py": HANDLER}, "routes": "application"}})
    assert none.status == 400 and none.json["pointer"] == "/source/routes", none
    ours = SHOP.replace("/files/", "/function/")
    refused = upload(source, "shop", ours.encode(), "application/octet-stream", filename="app.py", routes="application")
    assert refused.status == 400 and "/function/" in refused.json["detail"], refused
    assert upload(source, "shop", b"x", "application/octet-stream", filename="app.py", routes="mine").status == 400


def test_verify_says_what_a_deploy_would_make_and_changes_nothing(source, tmp_path):
    (tmp_path / "app.py").write_text(SHOP)
    said = source.cli("verify", "shop", str(tmp_path / "app.py")).stdout
    assert "runtime   python" in said and "loads     wsgi" in said and "GET   /items/{id}" in said, said
    assert source.api("GET", "/v1/functions").json["functions"] == []
    (tmp_path / "app.py").write_text(SHOP + "import nothere\n")
    failed = source.cli("verify", "shop", str(tmp_path / "app.py"), check=False)
    assert failed.returncode == 1 and "nothere" in failed.stderr and failed.stdout == "", failed
    missing = source.cli("verify", "x", str(tmp_path / "x.sh"), check=False)
    assert missing.returncode == 2 and "x.sh' here" in missing.stderr and "shallop verify PATH" in missing.stderr, missing
    (tmp_path / "x.sh").write_text("#!/bin/sh\necho x\n")
    assert "run for each event" in source.cli("verify", "x", str(tmp_path / "x.sh")).stdout
    source.put("other", source={"files": {"main.py": HANDLER}}, routes=[{"path": "/files/*"}])
    assert source.api("GET", "/v1/functions/other").json["version"] == 1


# ---- a runtime that speaks FastCGI ----------------------------------------------------------------------------

def test_php_gets_its_events_from_the_daemon_itself(source):
    page = ('<?php if (isset($_GET["slow"])) usleep(400000);\nheader("X-Prefix: " . ($_SERVER["HTTP_X_FORWARDED_PREFIX"] ?? ""));\n'
            'echo $_SERVER["REQUEST_METHOD"], " ", $_SERVER["PATH_INFO"], " ", strlen(file_get_contents("php://input")), " ", $_SERVER["HTTP_X_OWN"] ?? "";\n')
    made = source.put("site", source={"files": {
        "public/index.php": page, "public/style.css": "a{}", "public/leave.php": "<?php header('Location: /x'); http_response_code(404); echo 'no';",
        "public/flush.php": "<?php echo 'first'; flush(); usleep(1000); echo ' last';", "public/log.php": "<?php error_log('to the log'); echo 'done';"}},
        scale={"concurrency": 4, "max": 1}, routes=[{"path": "/site/*"}])
    assert made["contract"]["kind"] == "fcgi" and made["source"]["kind"] == "files"
    first = source.call("/function/site/a/b?x=y", headers={"X-Own": "mine", "X_Own": "twin"})
    assert first.text == "GET /a/b 0 mine" and first.headers["X-Prefix"] == "/function/site"
    assert source.call("/function/site/", "POST", b"x" * 3_000_000).text == "POST  3000000 "
    assert source.call("/function/site/", "POST", iter([b"x" * 1000, b"y" * 1000])).text == "POST  2000 "
    css = source.call("/function/site/style.css")
    assert css.text == "a{}" and css.headers["Content-Type"].startswith("text/css")
    head = source.call("/function/site/", "HEAD")
    assert head.status == 200 and head.body == b""
    left = source.call("/function/site/leave.php")
    assert left.status == 404 and left.text == "no"
    assert source.call("/function/site/flush").text == "first last"
    assert source.call("/function/site/log").text == "done"
    wait_until(lambda: "to the log" in source.api("GET", "/v1/functions/site/logs").text, 20)
    # Four at once, each in a process of its own, in one container.
    assert [answer.text for answer in at_once(4, lambda _: source.call("/function/site/?slow"))] == ["GET  0 "] * 4
    assert len(source.api("GET", "/v1/functions/site/instances").json["instances"]) == 1
    # One that goes on for longer than it may is cut, and the next one is answered.
    source.put("late", source={"files": {"index.php": "<?php if (isset($_GET['slow'])) sleep(20); echo 'fine';"}}, limits={"timeout": "1s"})
    assert source.call("/function/late?slow").status == 504
    wait_until(lambda: source.call("/function/late").text == "fine", 20)
