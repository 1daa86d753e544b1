# SPDX-License-Identifier: Apache-2.0
"""What the tree says about itself: arrows between modules, the traps of this toolchain, sizes, documents that name what exists."""

import importlib.util
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tracked(*patterns):
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
                            capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in sorted(listed.split("\0")) if name and (ROOT / name).exists()]


SOURCES = tracked("src/*.h", "src/*.cpp", "include/*.h", "shim/*.h", "shim/*.cpp")
TESTS = tracked("tests/*.h", "tests/*.cpp", "tests/*.py", "bench/*.py")


def name(path):
    return str(path.relative_to(ROOT))


def arrows():
    text = (ROOT / "CMakeLists.txt").read_text()
    found = {}
    for module, rest in re.findall(r"^shallop_module\((\w+)((?:[^()])*)\)", text, re.M):
        uses = re.search(r"USES ([\w\s]*?)(?:LIBS|$)", rest.strip() + "\n", re.S)
        found[module] = set(uses.group(1).split()) if uses else set()
    return found


def module_of(path):
    parts = path.relative_to(ROOT).parts
    return parts[2] if parts[0] == "include" else parts[1]


def code(path):
    """The text without comments and string contents."""
    text = re.sub(r"//[^\n]*", "", path.read_text())
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)


def statements_with_co_await(path):
    for statement in re.split(r"[;{}]\s*\n", code(path)):
        if "co_await" in statement:
            yield " ".join(statement.split())


@pytest.mark.parametrize("path", [p for p in SOURCES if not name(p).startswith("shim/") and name(p) != "src/main.cpp"], ids=name)
def test_includes_follow_the_arrows(path):
    allowed = arrows()
    module = module_of(path)
    for used in re.findall(r'#include [<"](?:shallop/)?(\w+)/\w+\.h[>"]', path.read_text()):
        if used in allowed:
            assert used == module or used in allowed[module], f"{name(path)}: no arrow from {module} to {used}"


def test_arrows_have_no_cycle():
    left = arrows()
    while left:
        ready = [m for m, uses in left.items() if not uses & set(left)]
        assert ready, f"a cycle among {sorted(left)}"
        for module in ready:
            del left[module]


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=name)
def test_each_file_begins_with_its_licence_and_has_no_unfinished_mark(path):
    text = path.read_text()
    assert "SPDX-License-Identifier: Apache-2.0" in "\n".join(text.splitlines()[:2]), name(path)
    marks = "|".join(["TO" + "DO", "FIX" + "ME", "HA" + "CK"])
    assert not re.search(rf"\b({marks})\b", text), name(path)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_stay_short(path):
    assert len(path.read_text().splitlines()) <= 400, name(path)


@pytest.mark.parametrize("path", [p for p in SOURCES if not name(p).startswith("shim/")], ids=name)
def test_no_statement_with_co_await_meets_a_trap_of_gcc_12(path):
    for statement in statements_with_co_await(path):
        awaited = statement[statement.index("co_await"):]
        assert not re.search(r"auto\s*&?\s*\[", statement), f"structured binding of an awaited value: {statement}"
        assert not re.search(r"co_await[^;]*\)\s*(\|\||&&)\s*\w+[^;]*\(", awaited), f"awaitable operator: {statement}"
        assert not re.search(r"[(,]\s*\[[=&\w]", awaited), f"capturing lambda in an awaited call: {statement}"
        assert not re.search(r"[(,]\s*(?:\w+(?:::\w+)*)?\{[^}]", awaited), f"aggregate in an awaited call: {statement}"
        assert not re.search(r"\([^()]*\?[^()]*:", awaited), f"conditional operand in an awaited call: {statement}"


@pytest.mark.parametrize("path", [p for p in SOURCES if not name(p).startswith("shim/")], ids=name)
def test_nothing_is_detached(path):
    assert "asio::detached" not in code(path), name(path)


def test_a_runtime_is_little_to_write():
    for path in tracked("runtimes/*/Dockerfile"):
        assert len(path.read_text().splitlines()) < 60, name(path)
    assert len((ROOT / "runtimes/reference-c/runtime.c").read_text().splitlines()) <= 60


DOCUMENTS = tracked("*.md", "docs/*.md", "examples/*.md")


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_documents_link_to_what_exists(path):
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
        if not re.match(r"[a-z]+:", link):
            assert (path.parent / link).exists(), f"{name(path)} links to {link}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_documents_name_files_that_exist(path):
    top = {"src", "include", "shim", "docs", "tests", "examples", "bench", "cmake", "tools", "runtimes"}
    for quoted in re.findall(r"`([\w./-]+/[\w./-]+)`", path.read_text()):
        parts = quoted.split("/")
        if parts[0] in top and "NNNN" not in quoted and "NAME" not in quoted:
            assert (ROOT / quoted.rstrip("/")).exists(), f"{name(path)} names {quoted}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_documents_name_tests_that_exist(path):
    """As a whole, in backquotes: the name of a file or of a function."""
    there = {path.stem for path in TESTS} | {word for path in TESTS if path.suffix == ".py" for word in re.findall(r"^def (test_\w+)", path.read_text(), re.M)}
    for quoted in re.findall(r"`(test_\w+)`", path.read_text()):
        assert quoted in there, f"{name(path)} names {quoted}"


def test_the_operations_guide_names_the_metrics_that_there_are():
    code = "".join((ROOT / path).read_text() for path in ("src/observe/metrics.cpp", "src/daemon/gauges.cpp"))
    guide = (ROOT / "docs/operations.md").read_text()
    table = guide[guide.index("| metric |"):guide.index("Alerts to begin with")]
    there = set(re.findall(r'(?:Name|gauge|total)\("(shallop_\w+)"', code))
    assert there and set(re.findall(r"`(shallop_\w+)", table)) == there
    assert set(re.findall(r"\bshallop_\w+", guide)) <= there, "an alert names a metric that is not there"


def test_each_promise_has_tests_of_its_name():
    spec = importlib.util.spec_from_file_location("promises", ROOT / "tests/soak/promises.py")
    promises = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(promises)
    found = promises.tests()
    assert set(found) == set(promises.PROMISES), "a test is named after a promise that is none, or a promise has no test"


def test_every_setting_of_serve_is_in_the_operations_guide():
    table = (ROOT / "src/daemon/settings_table.cpp").read_text()
    guide = (ROOT / "docs/operations.md").read_text()
    for setting in re.findall(r'^\s+(?:text|file|choice|list|count|duration|size)\("([\w-]+)"', table, re.M):
        assert f"--{setting}" in guide, f"docs/operations.md does not name --{setting}"
