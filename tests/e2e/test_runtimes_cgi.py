# SPDX-License-Identifier: Apache-2.0
"""The runtimes that run a program for each event: bash and static."""
import shutil
import subprocess

import pytest

from runtime_worker import run_once

pytestmark = pytest.mark.usefixtures("runtime_images")


def test_a_bash_script_gets_the_event_and_answers():
    script = 'read -r word\nprintf "Content-Type: text/x-a\\n\\n%s %s %s" "$REQUEST_METHOD" "$word" "$PWD"\n'
    status, output, _ = run_once("bash", {"main.sh": script}, "main.sh", b"body\n", {"REQUEST_METHOD": "POST"})
    assert (status, output) == (0, b"Content-Type: text/x-a\n\nPOST body /code")


def test_without_an_entry_the_usual_name_or_the_only_script_is_run():
    assert run_once("bash", {"lib.txt": "", "hello.sh": "echo hello"}, "")[1] == b"hello\n"
    assert run_once("bash", {"a.sh": "echo a", "main.sh": "echo main"}, "")[1] == b"main\n"


def test_a_script_with_an_interpreter_of_its_own_is_run_by_it():
    assert run_once("bash", {"bin/main": "#!/usr/bin/perl\nprint 'perl'"}, "bin/main")[1] == b"perl"
    assert run_once("bash", {"main.sh": "jq -r .a"}, "", b'{"a": "x"}')[1] == b"x\n"


@pytest.mark.parametrize("runtime", ["bash", "static"])
def test_what_is_not_there_is_named(runtime):
    status, output, errors = run_once(runtime, {"other": "x", "more": "y"}, "nowhere")
    assert status == 127 and output == b"" and "nowhere: there is no such file" in errors
    status, _, errors = run_once(runtime, {"other": "x", "more": "y"}, "")
    assert status == 127 and "entry" in errors


def test_a_script_with_the_line_ends_of_windows_is_told_so():
    status, output, errors = run_once("bash", {"main.sh": b"#!/bin/bash\r\necho hello\r\n"}, "")
    assert status == 127 and output == b"" and "main.sh: its lines end as on Windows" in errors


def test_a_failing_script_fails():
    assert run_once("bash", {"main.sh": "exit 7"}, "")[0] == 7


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    (folder / "main.c").write_text('#include <stdio.h>\n#include <stdlib.h>\nint main(void) {\n'
                                   '  char body[64]; size_t n = fread(body, 1, sizeof body, stdin);\n'
                                   '  printf("%s %.*s", getenv("REQUEST_METHOD"), (int)n, body);\n  return 0;\n}\n')
    subprocess.run([shutil.which("musl-gcc") or "cc", "-static", "-o", folder / "main", folder / "main.c"], check=True)
    return (folder / "main").read_bytes()


@pytest.mark.parametrize("mode", [0o755, 0o644], ids=["executable", "without the bit"])
@pytest.mark.parametrize("entry", ["main", ""], ids=["named", "guessed"])
def test_a_compiled_program_is_run(program, mode, entry):
    status, output, errors = run_once("static", {"main": program}, entry, b"in", {"REQUEST_METHOD": "PUT"}, mode)
    assert (status, output, errors) == (0, b"PUT in", "")
