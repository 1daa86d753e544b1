# SPDX-License-Identifier: Apache-2.0
"""What the code of a function asks for is installed once, in a container that has a network, from mirrors of our own; and runtimes that are not there are built."""
import base64
import hashlib
import io
import json
import os
import subprocess
import tarfile
import threading
import zipfile

import pytest

from conftest import ROOT, docker, wait_until

MIRROR = f"shallop-test-mirror-{os.getpid()}"
INSTALL_SECONDS = 900  # the first time, the installer's own image is built
USES_PYTHON = "import greeting\ndef handler(event): return greeting.TEXT\n"
USES_NODE = "const greeting = require('greeting');\nexports.handler = async () => greeting;\n"


def wheel():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("greeting.py", "TEXT = 'hello from a wheel'\n")
        archive.writestr("greeting-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        archive.writestr("greeting-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("greeting-1.0.dist-info/RECORD", "greeting.py,,\ngreeting-1.0.dist-info/METADATA,,\ngreeting-1.0.dist-info/WHEEL,,\ngreeting-1.0.dist-info/RECORD,,\n")
    return out.getvalue()


def tarball():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, text in {"package/package.json": '{"name": "greeting", "version": "1.0.0", "main": "index.js", "bin": {"greet": "index.js"}}',
                           "package/index.js": "module.exports = 'hello from a tarball';\n"}.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def site():
    """The files of a mirror of both kinds."""
    packed = tarball()
    packument = {"name": "greeting", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {
        "name": "greeting", "version": "1.0.0", "bin": {"greet": "index.js"},
        "dist": {"tarball": f"http://{MIRROR}/files/greeting-1.0.0.tgz", "shasum": hashlib.sha1(packed).hexdigest(),
                 "integrity": "sha512-" + base64.b64encode(hashlib.sha512(packed).digest()).decode()}}}}
    return {"simple/greeting/index.html": b'<a href="/files/greeting-1.0-py3-none-any.whl">greeting-1.0-py3-none-any.whl</a>',
            "files/greeting-1.0-py3-none-any.whl": wheel(), "files/greeting-1.0.0.tgz": packed, "greeting": json.dumps(packument).encode()}


@pytest.fixture(scope="module")
def mirror(runtime_images):
    docker("network", "create", "--internal", MIRROR)
    docker("create", "--name", MIRROR, "--network", MIRROR, "--user", "0", "-w", "/site", "shallop-runtime-python", "python3", "-m", "http.server", "80")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, content in site().items():
            entry = tarfile.TarInfo(f"site/{path}")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    subprocess.run(["docker", "cp", "-", f"{MIRROR}:/"], input=out.getvalue(), check=True, timeout=60)
    docker("start", MIRROR)
    yield MIRROR
    docker("rm", "-f", MIRROR)
    wait_until(lambda: docker("network", "rm", MIRROR, check=False) == MIRROR, 30)


@pytest.fixture
def packages(start_daemon, mirror):
    settings = f"PIP_INDEX_URL=http://{mirror}/simple,PIP_TRUSTED_HOST={mirror},NPM_CONFIG_REGISTRY=http://{mirror}/,PIP_RETRIES=0"
    return start_daemon("--build-network", mirror, "--build-env", settings)


def put(daemon, name, files, **source):
    return daemon.api("PUT", f"/v1/functions/{name}", {"source": {"files": files, **source}}, timeout=INSTALL_SECONDS)


def build_lines(daemon, name):
    lines = [json.loads(line) for line in daemon.api("GET", f"/v1/functions/{name}/logs").text.splitlines()]
    return "\n".join(line["text"] for line in lines if line["stream"] == "build")


def installs(daemon):
    return daemon.log().count('msg="installing packages"')


@pytest.mark.parametrize("files, text", [
    ({"main.py": USES_PYTHON, "requirements.txt": "# ours\ngreeting==1.0\n"}, "hello from a wheel"),
    ({"index.js": USES_NODE, "package.json": '{"dependencies": {"greeting": "^1.0.0"}}'}, "hello from a tarball"),
], ids=["pip", "npm"])
def test_what_the_code_asks_for_is_installed_once(packages, files, text):
    done = put(packages, "f", files)
    assert done.status == 201 and done.json["source"]["packages"].startswith("sha256:"), done
    assert packages.call("/function/f").text == text
    assert "greeting" in build_lines(packages, "f") or "added 1 package" in build_lines(packages, "f")
    assert put(packages, "f", files).json["version"] == 1, "the same again changes nothing"
    changed = {path: content + ("\n" if path.endswith(("py", "js")) else "") for path, content in files.items()}
    assert put(packages, "g", changed).status == 201
    assert packages.call("/function/g").text == text
    assert installs(packages) == 1, "other code that asks for the same has the same"
    packages.stop()
    packages.start()
    assert packages.call("/function/f").text == text


def test_composer_installs_what_php_asks_for(packages):
    files = {"index.php": "<?php require __DIR__ . '/vendor/autoload.php'; echo Our\\Greeting::TEXT;",
             "composer.json": '{"repositories": [{"packagist.org": false}, {"type": "path", "url": "./lib"}], "require": {"our/greeting": "*"}}',
             "lib/composer.json": '{"name": "our/greeting", "version": "1.0.0", "autoload": {"psr-4": {"Our\\\\": "src/"}}}',
             "lib/src/Greeting.php": "<?php namespace Our; class Greeting { const TEXT = 'hello from composer'; }"}
    done = put(packages, "f", files)
    assert done.status == 201 and "packages" in done.json["source"], (done, build_lines(packages, "f"))
    assert packages.call("/function/f").text == "hello from composer"


GEM = """
mkdir -p /tmp/gem/lib /tmp/code/gems/gems && cd /tmp/gem
echo "GREETING = 'hello from a gem'" > lib/greeting.rb
echo "Gem::Specification.new { |s| s.name = 'greeting'; s.version = '1.0.0'; s.summary = 'x'; s.authors = ['us']; s.files = ['lib/greeting.rb'] }" > greeting.gemspec
gem build greeting.gemspec -q -o /tmp/code/gems/gems/greeting-1.0.0.gem && cd /tmp/code/gems && gem generate_index -q
cd /tmp/code && printf "source 'file:///code/gems'\\ngem 'greeting'\\n" > Gemfile
printf "require 'greeting'\\ndef handler(event) = GREETING\\n" > main.rb
exec tar c . 1>&3
"""


def test_bundler_installs_what_ruby_asks_for(packages):
    subprocess.run([ROOT / "tools/build-runtimes", "ruby-packages"], check=True, timeout=INSTALL_SECONDS)
    made = subprocess.run(["docker", "run", "--rm", "-i", "--network", "none", "--user", "0", "shallop-runtime-ruby-packages", "sh", "-euc",
                           "exec 3>&1 >&2\n" + GEM], stdout=subprocess.PIPE, check=True, timeout=120).stdout
    done = packages.api("POST", "/v1/functions/f/source", made, {"Content-Type": "application/x-tar"}, timeout=INSTALL_SECONDS)
    assert done.status == 201 and "packages" in done.json["source"], (done, build_lines(packages, "f"))
    assert packages.call("/function/f").text == "hello from a gem"


def test_a_package_that_is_not_there_is_named_and_the_version_before_serves(packages):
    assert put(packages, "f", {"main.py": "def handler(event): return 'old'\n"}).status == 201
    refused = put(packages, "f", {"main.py": USES_PYTHON, "requirements.txt": "nosuchthing==7\n"})
    assert refused.status == 400 and refused.json["pointer"] == "/source" and "nosuchthing" in refused.json["detail"], refused
    assert "requirements.txt" in refused.json["detail"]
    refused = put(packages, "g", {"index.js": USES_NODE, "package.json": '{"dependencies": {"nosuchthing": "1"}}'})
    assert refused.status == 400 and "404" in refused.json["detail"] and "nosuchthing" in build_lines(packages, "g"), refused
    assert packages.api("GET", "/v1/functions/g").status == 404
    assert packages.call("/function/f").text == "old"
    assert installs(packages) == 2


def test_without_a_network_the_refusal_says_so(start_daemon, runtime_images):
    daemon = start_daemon("--build-network", "none", "--build-env", "PIP_RETRIES=1")
    refused = put(daemon, "f", {"main.py": USES_PYTHON, "requirements.txt": "greeting\n"})
    assert refused.status == 400 and "--build-network" in refused.json["detail"], refused


def test_a_deploy_that_takes_long_tells_what_is_done(start_daemon, runtime_images, tmp_path):
    daemon = start_daemon("--build-network", "none", "--build-env", "PIP_RETRIES=4")  # each later than the one before: some seconds
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "main.py").write_text(USES_PYTHON)
    (folder / "requirements.txt").write_text("greeting\n")
    done = daemon.cli("deploy", str(folder), check=False)
    assert done.returncode == 1 and done.stdout == "", done
    said, refusal = done.stderr.split("error: ")
    assert "Retrying" in said and "--build-network" in refusal, done.stderr


def test_what_needs_no_packages_has_none(packages):
    for files in ({"index.js": "exports.handler = async () => 'x';\n", "package.json": '{"name": "plain", "dependencies": {}}'},
                  {"main.py": "def handler(event): return 'x'\n", "requirements.txt": "\n# nothing\n"},
                  {"index.js": USES_NODE, "package.json": '{"dependencies": {"greeting": "1"}}', "node_modules/greeting/index.js": "module.exports = 'brought';\n"}):
        done = put(packages, "f", files)
        assert done.status in (200, 201) and "packages" not in done.json["source"], done
    assert packages.call("/function/f").text == "brought"
    assert installs(packages) == 0


def test_the_build_is_seen_while_it_goes_on(packages):
    """By whoever follows the logs of a function that is not there yet."""
    putting = threading.Thread(target=put, args=(packages, "late", {"main.py": "def handler(event): return ''\n", "requirements.txt": f"http://{MIRROR}/nosuch.whl\n"}))
    putting.start()
    wait_until(lambda: packages.api("GET", "/v1/functions/late/logs").status == 200 and "nosuch.whl" in build_lines(packages, "late"), 60)
    putting.join()


def test_a_runtime_that_is_not_there_is_built(start_daemon, runtime_images):
    image, kept = "shallop-runtime-static:latest", f"shallop-test-kept-{os.getpid()}"
    docker("tag", image, kept)
    docker("rmi", image)
    try:
        daemon = start_daemon()
        assert {one["name"]: one["available"] for one in daemon.api("GET", "/v1/runtimes").json["runtimes"]}["static"] is False
        done = put(daemon, "f", {"main": "#!/bin/sh\necho built\n"}, runtime="static")
        assert done.status == 201, done
        assert "FROM debian:bookworm-slim" in build_lines(daemon, "f")
        assert daemon.call("/function/f").text == "built\n"
    finally:
        docker("tag", kept, image)
        docker("rmi", kept)
