# SPDX-License-Identifier: Apache-2.0
"""Code with a Dockerfile: the engine makes the function's image of it, however the code came in, and the image goes with the function."""
import json

import pytest

from conftest import docker, wait_until
from test_cli_source import Dev
from test_source import tar, upload, zipped

DOCKERFILE = "FROM debian:bookworm-slim\nCOPY say /say\nCMD [\"cat\", \"/say\"]\n"
BROKEN = "FROM debian:bookworm-slim\nRUN echo no such thing && exit 3\n"


def code(say, dockerfile=DOCKERFILE):
    return {"Dockerfile": dockerfile.encode(), "say": say.encode()}


def write(folder, say, dockerfile=DOCKERFILE):
    folder.mkdir(exist_ok=True)
    for path, content in code(say, dockerfile).items():
        (folder / path).write_bytes(content)
    return folder


def images(daemon):
    """The names of images that this daemon has made for functions."""
    [own] = daemon.daemon_ids
    listed = docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=shallop-function-*").split()
    return sorted(name for name in listed if f":{own}" in name)


@pytest.fixture
def builder(start_daemon):
    daemon = start_daemon()
    yield daemon
    for name in images(daemon):
        docker("rmi", "-f", name, check=False)


def answers(daemon, path, text):
    """From some moment on: the version before serves until the new one is there."""
    wait_until(lambda: daemon.call(path).text == text, 20, what=f"{path} answers {text!r}")


def build_lines(daemon, name):
    log = [json.loads(line) for line in daemon.api("GET", f"/v1/functions/{name}/logs").text.splitlines()]
    return [line["text"] for line in log if line["stream"] == "build"]


def test_an_upload_with_a_dockerfile_is_built_and_the_image_goes_with_the_function(builder):
    others = "shallop-function-other:" + "e2e"
    docker("tag", "debian:bookworm-slim", others)
    try:
        made = upload(builder, "web", tar(code("one")))
        assert made.status == 201, made
        [image] = images(builder)
        assert made.json["image"] == image and image.startswith("shallop-function-web:")
        source = made.json["source"]
        assert (source["runtime"], source["entry"], source["handler"]) == ("dockerfile", "Dockerfile", None)
        assert made.json["contract"]["auto"] and made.json["contract"]["kind"] == "cgi"
        answers(builder, "/function/web", "one")
        assert any("COPY say /say" in line for line in build_lines(builder, "web"))

        again = upload(builder, "web", zipped(code("two")), "application/zip")
        assert again.status == 200 and again.json["version"] == 2 and again.json["image"] != image, again
        answers(builder, "/function/web", "two")
        wait_until(lambda: images(builder) == [again.json["image"]], 60, what="the image of the version before is removed")

        same = builder.api("PUT", "/v1/functions/web", again.json)
        assert same.status == 200 and same.json["version"] == 2, "what was read can be put back"
        changed = builder.api("PATCH", "/v1/functions/web", {"env": {"A": "b"}}, {"Content-Type": "application/merge-patch+json"})
        assert changed.json["version"] == 3 and changed.json["image"] == again.json["image"]
        assert builder.log().count('msg="built an image"') == 2

        builder.stop()
        builder.start()
        answers(builder, "/function/web", "two")
        assert images(builder) == [again.json["image"]]
        assert builder.api("DELETE", "/v1/functions/web").status == 204
        wait_until(lambda: images(builder) == [], 60, what="the function's image is removed")
        assert docker("images", "-q", others), "nobody else's image goes"
    finally:
        docker("rmi", others, check=False)


def test_the_image_stays_while_a_job_runs_it(builder):
    upload(builder, "counted", tar(code("later\n")))
    job = builder.api("POST", "/v1/jobs", {"function": "counted", "completions": 6, "keep": "all",
                                           "command": ["sh", "-c", "sleep 1; cat /say"]}).json["id"]
    assert builder.api("DELETE", "/v1/functions/counted").status == 204
    upload(builder, "other", tar(code("other")))
    builder.api("DELETE", "/v1/functions/other")  # images that nobody has are looked for
    wait_until(lambda: not [name for name in images(builder) if "other" in name], 30, what="the other image is gone")
    ended = wait_until(lambda: (seen := builder.api("GET", f"/v1/jobs/{job}").json)["state"] != "running" and seen, 60)
    assert ended["state"] == "succeeded" and ended["indexes"]["succeeded"] == 6


def test_a_build_that_fails_leaves_the_version_before_it_and_says_why(builder):
    assert upload(builder, "web", tar(code("one"))).status == 201
    [image] = images(builder)
    failed = upload(builder, "web", tar(code("two", BROKEN)))
    assert failed.status == 400 and "code: 3" in failed.json["detail"] and failed.json["pointer"] == "/source", failed
    assert "no such thing" in str(failed.json)
    assert "no such thing" in build_lines(builder, "web")
    answers(builder, "/function/web", "one")
    assert builder.api("GET", "/v1/functions/web").json["version"] == 1
    first = upload(builder, "none", tar(code("two", BROKEN)))
    assert first.status == 400 and builder.api("GET", "/v1/functions/none").status == 404
    assert images(builder) == [image]


def test_what_is_said_of_the_code_decides_against_its_dockerfile(builder, runtime_images):
    files = code("one") | {"main.py": b"def handler(event):\n    return 'python'\n"}
    loaded = upload(builder, "both", tar(files), runtime="python")
    assert loaded.json["source"]["runtime"] == "python"
    answers(builder, "/function/both", "python")
    built = upload(builder, "both", tar(files))
    assert built.json["source"]["runtime"] == "dockerfile"
    answers(builder, "/function/both", "one")
    without = upload(builder, "both", tar({"main.py": files["main.py"]}))
    assert without.json["source"]["runtime"] == "python"
    answers(builder, "/function/both", "python")
    wait_until(lambda: images(builder) == [], 60, what="the image that nothing uses is removed")

    put = builder.put("both", source={"files": {path: content.decode() for path, content in code("inline").items()}})
    assert put["source"]["runtime"] == "dockerfile"
    answers(builder, "/function/both", "inline")
    for source, pointer in [({"handler": "main:app"}, "/source/handler"), ({"entry": "say"}, "/source/entry"),
                            ({"routes": "application"}, "/source/routes")]:
        refused = builder.api("PUT", "/v1/functions/both", {"source": {"runtime": "dockerfile", "code": put["source"]["code"]} | source})
        assert refused.status == 400 and refused.json["pointer"] == pointer, refused
    other = builder.api("PUT", "/v1/functions/both", {"image": "debian:bookworm-slim", "source": put["source"]})
    assert other.status == 400 and other.json["pointer"] == "/image", other
    none = upload(builder, "both", tar({"main.py": b""}), runtime="dockerfile")
    assert none.status == 400 and "no Dockerfile" in none.json["detail"], none


def test_a_folder_with_a_dockerfile_is_deployed(builder, tmp_path):
    folder = write(tmp_path / "web", "one\n")
    told = builder.cli("deploy", str(folder)).stdout
    assert "created web, version 1" in told and "runtime dockerfile" in told and "contract cgi" in told
    answers(builder, "/function/web", "one\n")
    write(folder, "two\n")
    deployed = json.loads(builder.cli("deploy", "web", str(folder), "--env", "A=b", "--json", "--", "cat", "/say", "/say").stdout)
    assert deployed["env"] == {"A": "b"} and deployed["command"] == ["cat", "/say", "/say"]
    answers(builder, "/function/web", "two\ntwo\n")
    write(folder, "three\n", BROKEN)
    failed = builder.cli("deploy", str(folder), check=False)
    assert failed.returncode == 1 and "code: 3" in failed.stderr and "no such thing" in failed.stderr
    answers(builder, "/function/web", "two\ntwo\n")
    assert "dockerfile" in builder.cli("verify", str(write(folder, "four\n"))).stdout
    manifest = tmp_path / "shallop.yaml"
    manifest.write_text("name: web\nsource: {path: ./web}\n")
    builder.cli("apply", "-f", str(manifest))
    answers(builder, "/function/web", "four\n")
    assert "nothing to do" in builder.cli("plan", "-f", str(manifest)).stdout


def test_dev_builds_a_folder_with_a_dockerfile_whenever_it_changes(builder, tmp_path):
    web = write(tmp_path / "web", "one")
    dev = Dev(builder, str(tmp_path))
    try:
        dev.until("web | deployed version 1 of web at /web/*")
        answers(builder, "/web", "one")
        (web / "Dockerfile").write_text(BROKEN)
        assert "the version before it serves on" in dev.until("web | error:")
        answers(builder, "/web", "one")
        (web / "Dockerfile").write_text(DOCKERFILE + "ENV A=b\n")
        dev.until("web | deployed version 2")
    finally:
        ended = dev.end()
    assert "web | removed" in ended
    wait_until(lambda: images(builder) == [], 60, what="the images are removed")
