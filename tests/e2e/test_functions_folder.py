# SPDX-License-Identifier: Apache-2.0
"""`shallop serve --functions DIR`: what is put into the folder is a function, from the moment it is saved until it is taken away."""
import json
import os
import shutil
import time

import pytest

from conftest import docker, wait_until

HELLO = "def handler(event):\n    return '{}'\n"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "functions"
    made.mkdir()
    return made


@pytest.fixture
def serve(start_daemon, folder, runtime_images):
    """`serve()` starts a daemon on the folder, with what has been put into it."""
    return lambda *flags, **settings: start_daemon("--functions", str(folder), *flags, **settings)


def write(folder, path, text="hello"):
    """As an editor does it: beside, and then in its place."""
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.parent / "4913"
    beside.write_text(HELLO.format(text) if "\n" not in text else text)
    beside.rename(file)


def answers(daemon, path, text):
    def claim():
        answer = daemon.call(path)
        return answer.status == 200 and answer.text == text
    wait_until(claim, 20, what=f"{path} answers {text}")


def gone(daemon, path):
    wait_until(lambda: daemon.call(path).status == 404, 20, what=f"{path} is gone")


def functions(daemon):
    """Name to version, of all there are."""
    found, cursor = {}, ""
    while True:
        page = daemon.api("GET", f"/v1/functions?limit=200{cursor}").json
        found |= {one["name"]: one["version"] for one in page["functions"]}
        if "next_cursor" not in page:
            return found
        cursor = "&cursor=" + page["next_cursor"]


def refused(daemon):
    return {one["path"]: one["reason"] for one in daemon.api("GET", "/v1/info").json["folder"]["refused"]}


def logs(daemon, name):
    return daemon.api("GET", f"/v1/functions/{name}/logs").text


# ---- what a file is -------------------------------------------------------------------------------------------

def test_a_file_is_served_at_its_path_from_when_it_is_saved_until_it_is_removed(serve, folder):
    write(folder, "hello.py", "one")
    daemon = serve()
    answers(daemon, "/hello", "one")
    made = daemon.api("GET", "/v1/functions/hello").json
    assert made["version"] == 1 and made["origin"] == {"folder": "hello.py"}
    write(folder, "hello.py", "two")
    answers(daemon, "/hello", "two")
    write(folder, "api/users.js", "exports.handler = () =>\n  'users';\n")
    answers(daemon, "/api/users", "users")
    write(folder, "api/[id].py", "def handler(event):\n    return event['path']\n")
    wait_until(lambda: daemon.call("/api/7").status == 200, 20)
    write(folder, "shop/main.py", "from goods import LIST\n\ndef handler(event):\n    return LIST\n")
    write(folder, "shop/goods.py", "LIST = 'boats'\n")
    answers(daemon, "/shop/all", "boats")
    write(folder, "_lib/no.py")
    write(folder, ".no.py")
    write(folder, "no.py~")
    assert set(functions(daemon)) == {"hello", "api-users", "api-id", "shop"}
    (folder / "hello.py").unlink()
    gone(daemon, "/hello")
    shutil.rmtree(folder / "api")
    gone(daemon, "/api/users")
    assert set(functions(daemon)) == {"shop"}


def test_single_files_share_what_lies_in_lib(serve, folder):
    write(folder, "_lib/words.py", "WORD = 'one'\n")
    write(folder, "hello.py", "from _lib.words import WORD\n\ndef handler(event):\n    return WORD\n")
    write(folder, "api/users.js", "const { word } = require('./_lib/words.js');\nexports.handler = () => word;\n")
    write(folder, "api/_lib/words.js", "exports.word =\n  'near';\n")
    daemon = serve()
    answers(daemon, "/hello", "one")
    answers(daemon, "/api/users", "near")
    versions = functions(daemon)
    write(folder, "_lib/words.py", "WORD = 'two'\n")
    answers(daemon, "/hello", "two")
    assert functions(daemon) == versions | {"hello": versions["hello"] + 1}, "who does not share it is left alone"


def test_settings_beside_the_code_are_the_functions(serve, folder):
    write(folder, "shop/main.py", "import os\n\ndef handler(event):\n    return os.environ['A']\n")
    write(folder, "shop/shallop.yaml", "env: {A: b}\nroutes: [{path: /store}]\nlimits: {timeout: 7s}\n")
    daemon = serve()
    answers(daemon, "/store", "b")
    assert daemon.api("GET", "/v1/functions/shop").json["limits"]["timeout"] == "7s"
    write(folder, "shop/shallop.yaml", "env: {A: c}\nroutes: [{path: /store}]\n")
    answers(daemon, "/store", "c")
    write(folder, "shop/shallop.yaml", "env: [\n")
    wait_until(lambda: "shallop.yaml" in refused(daemon).get("shop", ""))
    assert daemon.call("/store").text == "c"
    write(folder, "shop/shallop.yaml", "source: {path: /etc/hostname}\n")
    wait_until(lambda: "not in the folder of functions" in refused(daemon).get("shop", ""))


def test_an_application_in_the_folder_may_tell_its_own_routes(serve, folder):
    write(folder, "shop/main.py", "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/goods/<int:id>')\n"
                                  "def goods(id):\n    return f'boat {id}'\n")
    write(folder, "shop/shallop.yaml", "source: {routes: application}\n")
    daemon = serve()
    answers(daemon, "/goods/7", "boat 7")
    daemon.stop()
    daemon.start()
    assert functions(daemon) == {"shop": 1}
    assert daemon.call("/goods/8").text == "boat 8"


# ---- what cannot be one ---------------------------------------------------------------------------------------

def test_code_that_cannot_be_loaded_leaves_the_version_before_it_and_is_told(serve, folder):
    write(folder, "hello.py", "one")
    daemon = serve()
    answers(daemon, "/hello", "one")
    write(folder, "hello.py", "import os\n\ndef handler(event)\n    return 'two'\n")
    wait_until(lambda: "hello.py, line 3" in refused(daemon).get("hello.py", ""), 20)
    assert daemon.call("/hello").text == "one" and functions(daemon) == {"hello": 1}
    assert "hello.py, line 3" in daemon.log()
    assert "hello.py is refused, and version 1 serves on" in logs(daemon, "hello") and "line 3" in logs(daemon, "hello")
    assert refused(daemon).keys() == {"hello.py"}
    daemon.stop()
    daemon.start()
    assert daemon.call("/hello").text == "one", "also after a restart the code that is there is tried first"
    wait_until(lambda: "hello.py, line 3" in refused(daemon).get("hello.py", ""), 20)
    write(folder, "hello.py", "three")
    answers(daemon, "/hello", "three")
    assert functions(daemon) == {"hello": 2} and refused(daemon) == {}


def test_two_files_with_one_route_are_both_named_and_neither_changes(serve, folder):
    write(folder, "hello.py", "one")
    daemon = serve()
    answers(daemon, "/hello", "one")
    write(folder, "hello.js", "exports.handler = () =>\n  'javascript';\n")
    says = "hello.py and hello.js would have the same route /hello/*"
    wait_until(lambda: says in daemon.log())
    assert says in refused(daemon)[""]
    write(folder, "hello.py", "two")
    write(folder, "other.py", "other")
    answers(daemon, "/other", "other")
    assert daemon.call("/hello").text == "one" and functions(daemon)["hello"] == 1
    (folder / "hello.py").unlink()
    answers(daemon, "/hello", "javascript")
    assert refused(daemon) == {}


def test_a_route_that_a_deployed_function_has_is_taken_once_it_is_free(serve, folder):
    daemon = serve()
    daemon.put("owner", source={"files": {"main.py": HELLO.format("deployed")}}, routes=[{"path": "/hello/*"}])
    write(folder, "hello.py", "one")
    wait_until(lambda: "owner" in refused(daemon).get("hello.py", ""))
    assert daemon.call("/hello").text == "deployed"
    assert daemon.api("DELETE", "/v1/functions/owner").status == 204
    answers(daemon, "/hello", "one")


def test_a_folder_with_a_dockerfile_is_built_and_built_again(serve, folder):
    dockerfile = "FROM debian:bookworm-slim\nCOPY say /say\nCMD [\"cat\", \"/say\"]\n"
    write(folder, "web/say", "one\n")
    write(folder, "web/Dockerfile", dockerfile)
    daemon = serve()
    answers(daemon, "/web", "one\n")
    write(folder, "web/say", "two\n")
    answers(daemon, "/web", "two\n")
    write(folder, "web/Dockerfile", "FROM debian:bookworm-slim\nRUN echo no such thing && exit 3\n")
    wait_until(lambda: "code: 3" in refused(daemon).get("web", ""), 60)
    assert daemon.call("/web").text == "two\n"
    log = [json.loads(line) for line in daemon.api("GET", "/v1/functions/web/logs").text.splitlines()]
    assert any(line["stream"] == "build" and line["text"] == "no such thing" for line in log)
    write(folder, "web/Dockerfile", dockerfile)
    write(folder, "web/say", "two\n")
    wait_until(lambda: refused(daemon) == {}, 60)
    version, builds = functions(daemon)["web"], daemon.log().count('msg="built an image"')
    daemon.stop()
    daemon.start()
    answers(daemon, "/web", "two\n")
    assert functions(daemon)["web"] == version and daemon.log().count('msg="built an image"') == builds
    shutil.rmtree(folder / "web")
    gone(daemon, "/web")
    [own] = daemon.daemon_ids
    wait_until(lambda: f":{own}-" not in docker("images", "--format", "{{.Repository}}:{{.Tag}}"), 60, what="its images are removed")


# ---- whose it is ----------------------------------------------------------------------------------------------

def test_a_function_of_the_folder_is_changed_nowhere_else(serve, folder):
    write(folder, "hello.py", "one")
    daemon = serve()
    answers(daemon, "/hello", "one")
    resource = daemon.api("GET", "/v1/functions/hello").json
    calls = [("PUT", "", resource, {}), ("PATCH", "", {"env": {"A": "b"}}, {"Content-Type": "application/merge-patch+json"}),
             ("DELETE", "", None, {}), ("POST", "/source?filename=hello.py", b"x", {"Content-Type": "application/octet-stream"})]
    for method, rest, body, headers in calls:
        answer = daemon.api(method, f"/v1/functions/hello{rest}", body, headers)
        assert answer.status == 409 and "hello.py" in answer.json["detail"] and str(folder) in answer.json["detail"], answer
    assert functions(daemon) == {"hello": 1}


def test_what_somebody_deployed_is_not_taken_over_and_not_removed(serve, folder):
    daemon = serve()
    daemon.put("hello", source={"files": {"main.py": HELLO.format("deployed")}})
    write(folder, "hello.py", "from the folder")
    wait_until(lambda: "not taken over" in refused(daemon).get("hello.py", ""))
    assert "not taken over" in daemon.log() and functions(daemon) == {"hello": 1}
    (folder / "hello.py").unlink()
    wait_until(lambda: refused(daemon) == {})
    daemon.stop()
    daemon.start()
    assert daemon.call("/function/hello").text == "deployed"
    write(folder, "hello.py", "from the folder")
    assert daemon.api("DELETE", "/v1/functions/hello").status == 204
    answers(daemon, "/hello", "from the folder")


def test_without_the_folder_its_functions_are_as_any_others(serve, start_daemon, folder):
    write(folder, "hello.py", "one")
    daemon = serve()
    answers(daemon, "/hello", "one")
    daemon.stop()
    daemon.flags = []
    daemon.start()
    assert daemon.call("/hello").text == "one" and daemon.api("GET", "/v1/info").json["folder"] is None
    changed = daemon.api("PATCH", "/v1/functions/hello", {"env": {"A": "b"}}, {"Content-Type": "application/merge-patch+json"})
    assert changed.status == 200 and changed.json["origin"] is None


# ---- over time ------------------------------------------------------------------------------------------------

def test_a_restart_finds_what_changed_meanwhile_and_nothing_else(serve, folder):
    for name in ("same", "changed", "removed"):
        write(folder, f"{name}.py", name)
    daemon = serve()
    daemon.put("deployed", source={"files": {"main.py": HELLO.format("deployed")}})
    daemon.stop()
    write(folder, "changed.py", "another")
    write(folder, "added.py", "added")
    (folder / "removed.py").unlink()
    daemon.start()
    answers(daemon, "/changed", "another")
    answers(daemon, "/added", "added")
    gone(daemon, "/removed")
    assert functions(daemon) == {"same": 1, "changed": 2, "added": 1, "deployed": 1}
    daemon.kill()
    daemon.start()
    assert functions(daemon) == {"same": 1, "changed": 2, "added": 1, "deployed": 1}


def test_three_hundred_functions_are_there_at_once_and_are_the_same_after_a_restart(serve, folder):
    for number in range(300):
        write(folder, f"group{number % 10}/f{number}.py", str(number))
    daemon = serve()
    there = functions(daemon)
    assert len(there) == 300 and set(there.values()) == {1}, "ready is when all are there"
    assert daemon.call("/group7/f117").text == "117"
    assert daemon.api("GET", "/v1/info").json["folder"]["functions"] == 300
    daemon.stop()
    daemon.start()
    assert functions(daemon) == there
    assert daemon.call("/group9/f299").text == "299"


def test_a_folder_that_goes_leaves_its_functions_and_is_watched_again_when_it_is_back(serve, folder):
    write(folder, "hello.py", "one")
    write(folder, "other.py", "other")
    daemon = serve()
    answers(daemon, "/hello", "one")
    away = folder.with_name("away")
    folder.rename(away)
    wait_until(lambda: not daemon.api("GET", "/v1/info").json["folder"]["watched"])
    wait_until(lambda: f"cannot read the folder {folder}" in daemon.log())
    assert daemon.call("/hello").text == "one"
    write(away, "hello.py", "two")
    (away / "other.py").unlink()
    away.rename(folder)
    answers(daemon, "/hello", "two")
    gone(daemon, "/other")
    write(folder, "hello.py", "three")
    answers(daemon, "/hello", "three")
    assert daemon.api("GET", "/v1/info").json["folder"]["watched"]


def test_a_file_in_the_place_of_the_folder_leaves_its_functions(serve, folder):
    write(folder, "sub/hello.py", "one")
    daemon = serve()
    answers(daemon, "/sub/hello", "one")
    away = folder.with_name("away")
    folder.rename(away)
    folder.write_text("no folder")
    wait_until(lambda: "cannot read the folder" in refused(daemon).get("", ""), 20)
    assert daemon.call("/sub/hello").text == "one" and functions(daemon) == {"sub-hello": 1}
    folder.unlink()
    away.rename(folder)
    write(folder, "sub/hello.py", "two")
    answers(daemon, "/sub/hello", "two")
    wait_until(lambda: refused(daemon) == {}, 20)


def test_a_folder_that_is_not_there_is_waited_for(serve, folder):
    folder.rmdir()
    daemon = serve()
    assert "cannot read the folder" in daemon.log()
    folder.mkdir()
    write(folder, "hello.py", "one")
    answers(daemon, "/hello", "one")


def test_a_burst_of_changes_ends_with_the_last(serve, folder):
    write(folder, "hello.py", "0")
    daemon = serve()
    for number in range(1, 200):
        write(folder, "hello.py", str(number))
    answers(daemon, "/hello", "199")
    assert functions(daemon)["hello"] < 100, "not each of them was a version"


def test_a_file_that_is_written_anew_is_no_other_function(serve, folder):
    """As git does it: a file is unlinked, and written again a moment later."""
    write(folder, "hello.py", "one")
    write(folder, "shop/main.py", "from goods import LIST\n\ndef handler(event):\n    return LIST\n")
    write(folder, "shop/goods.py", "LIST = 'boats'\n")
    daemon = serve()
    made = daemon.api("POST", "/v1/functions/hello/schedules", {"cron": "@daily"})
    assert made.status == 201, made.text
    for number in range(40):
        for path in ("hello.py", "shop/main.py"):
            text = (folder / path).read_text()
            (folder / path).unlink()
            time.sleep(0.05)
            write(folder, path, text)
        assert [daemon.call(url).status for url in ("/hello", "/shop/all", "/shop/goods")] == [200] * 3
        time.sleep(0.01 * (number % 10))
    write(folder, "other.py", "other")
    answers(daemon, "/other", "other")  # what was missed for good would be gone by now, or never
    (folder / "other.py").unlink()
    gone(daemon, "/other")
    assert functions(daemon) == {"hello": 1, "shop": 1} and "function=shop-goods" not in daemon.log()
    write(folder, "hello.py", "two")
    answers(daemon, "/hello", "two")
    assert functions(daemon) == {"hello": 2, "shop": 1} and "is refused" not in daemon.log()
    assert len(daemon.api("GET", "/v1/schedules").json["schedules"]) == 1
    (folder / "hello.py").unlink()
    wait_until(lambda: daemon.call("/hello").status == 404, 1)
    (folder / "shop/main.py").unlink()
    wait_until(lambda: set(functions(daemon)) == {"shop-goods"}, 20)


def test_a_file_that_gets_another_name_takes_its_route_along(serve, folder):
    write(folder, "api/[id].py", "one")
    daemon = serve()
    answers(daemon, "/api/7", "one")
    (folder / "api/[id].py").rename(folder / "api/[key].py")
    wait_until(lambda: functions(daemon) == {"api-key": 1}, 20)
    answers(daemon, "/api/7", "one")
    assert "is refused" not in daemon.log()


def test_what_is_said_on_the_command_line_can_be_said_in_the_environment(start_daemon, folder, runtime_images):
    write(folder, "hello.py", "one")
    daemon = start_daemon(environment={"SHALLOP_FUNCTIONS": str(folder)})
    answers(daemon, "/hello", "one")
    info = daemon.api("GET", "/v1/info").json
    assert info["settings"]["functions"] == str(folder) and info["folder"]["path"] == str(folder)
    assert json.loads(daemon.cli("show", "hello", "--json").stdout)["origin"] == {"folder": "hello.py"}
