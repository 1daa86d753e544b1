# SPDX-License-Identifier: Apache-2.0
"""The same CGI scripts under Apache's mod_cgi and as functions: status, fields and body agree, but where a row says why not."""
import http.client
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from conftest import docker, free_port, wait_until

IMAGE = f"shallop-test-oracle-{os.getpid()}"
PLAIN = "Content-Type: text/plain\\n"
ENTITY = "printf 'Content-Type: text/plain\\n\\n'; "

# What each server says of itself or of the connection; and how the body is framed, of which the client library takes care.
OURS_AND_THEIRS = {"date", "server", "connection", "keep-alive", "transfer-encoding", "content-length", "accept-ranges", "server-timing",
                   "x-shallop-invocation-id"}


class Row:
    def __init__(self, name, script, method="GET", path="", body=None, headers=(), strict=False, differs=None, why=None):
        self.name, self.script, self.method, self.path = name, script, method, path
        self.body, self.headers, self.strict = body, list(headers), strict
        self.differs, self.why = differs or {}, why
        assert bool(self.differs) == bool(why), "a difference has a reason"

    @property
    def function(self):
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower())

    @property
    def file(self):
        return ("nph-" if self.name.startswith("nph") else "") + self.function


def printed(text):
    return f"printf '{text}'"


BROKEN = "Apache answers 500: here it is the gateway that says that the function's answer is none"

ROWS = [
    Row("document", printed(PLAIN + "\\nhello\\n")),
    Row("document with CRLF", printed("Content-Type: text/html\\r\\nX-A: b\\r\\n\\r\\nhello\\r\\n")),
    Row("status and reason", printed("Status: 418 Teapot Here\\n" + PLAIN + "\\nshort and stout")),
    Row("status alone", printed("Status: 202 Fine\\n\\n")),
    Row("not found", printed("Status: 404 Not Found\\n" + PLAIN + "\\nno such thing\\n")),
    Row("no content with a body", printed("Status: 204 No Content\\n\\nbody")),
    Row("not modified", printed("Status: 304 Not Modified\\nETag: \"x\"\\n\\n")),
    Row("set cookie twice", printed(PLAIN + "Set-Cookie: a=1\\nSet-Cookie: b=2\\n\\n")),
    Row("redirect with a document", printed("Status: 303 See Other\\nLocation: http://example.org/x\\n" + PLAIN + "\\nthere\\n")),
    Row("exit 7 after good output", ENTITY + "echo fine; exit 7"),
    Row("error output", ENTITY + "echo noise >&2; echo fine"),
    Row("HEAD", ENTITY + "echo body", method="HEAD"),
    Row("a method of its own", ENTITY + "echo $REQUEST_METHOD", method="BREW"),
    Row("POST", ENTITY + "echo $CONTENT_LENGTH $CONTENT_TYPE; cat", method="POST", body=b"a=1&b=2",
        headers=[("Content-Type", "application/x-www-form-urlencoded")]),
    Row("echo of any bytes", ENTITY + "cat", method="POST", body=bytes(range(256)) * 200),
    Row("large input", ENTITY + "sha256sum", method="POST", body=bytes(range(256)) * 20_000),
    Row("unread input", ENTITY + "echo fine", method="POST", body=b"x" * 200_000),
    Row("empty POST", ENTITY + "echo \"<$CONTENT_LENGTH>\"; cat", method="POST", body=b"", headers=[("Content-Length", "0")]),
    Row("path and query", ENTITY + "echo \"$PATH_INFO|$QUERY_STRING|$REQUEST_URI|$SCRIPT_NAME\"", path="/a%20b/%C3%A9;v=1?x=%41+1&y"),
    Row("empty query", ENTITY + "echo \"${QUERY_STRING-unset}|${PATH_INFO-unset}\"", path=""),
    Row("nph", printed("HTTP/1.1 299 Odd One\\r\\nContent-Type: text/plain\\r\\nX-A: b\\r\\n\\r\\nwhole\\n")),
    Row("client redirect", printed("Location: http://example.org/x?a=1\\n\\n"),
        differs={"body": lambda ours, theirs: b"http://example.org/x?a=1" in ours and b"http://example.org/x?a=1" in theirs,
                 "content-type": lambda ours, theirs: ours.startswith("text/html") and theirs.startswith("text/html")},
        why="each server writes a page of its own"),
    Row("local redirect", printed("Location: /s/document\\n\\n")),
    # Where the table of contracts differs from Apache on purpose
    Row("text first", printed("hello\\nworld\\n"), strict=True, differs={"status": (502, 500)}, why=BROKEN),
    Row("empty output", "exit 0", strict=True, differs={"status": (502, 500)}, why=BROKEN),
    Row("empty output and exit 3", "exit 3", differs={"status": (502, 500)}, why=BROKEN),
    Row("no end of the header", printed(PLAIN), differs={"status": (502, 500)}, why=BROKEN),
    Row("no colon", printed(PLAIN + "nocolon\\n\\nx"), differs={"status": (502, 500)}, why=BROKEN),
    Row("folded", printed(PLAIN + " folded\\n\\nx"), differs={"status": (502, 500)}, why=BROKEN),
    Row("status in words", printed("Status: abc\\n" + PLAIN + "\\nx"), differs={"status": (502, 500)}, why=BROKEN),
    Row("a message from a script that is not nph", printed("HTTP/1.1 299 Odd\\r\\nContent-Type: text/plain\\r\\n\\nx"),
        differs={"status": (299, 500)}, why="a whole message is recognized, whatever the program's name"),
    Row("plain text", printed("hello\\nworld\\n"), differs={"status": (200, 500)}, why="any command is a function"),
    Row("no type", printed("Status: 200 OK\\n\\nbody"), differs={"content-type": ("application/octet-stream", None)},
        why="a browser does not guess what it is"),
    Row("fields of the connection", printed(PLAIN + "Upgrade: h2c\\nTE: x\\nTrailer: X\\nX-A: b\\n\\nbody"),
        differs={"upgrade": (None, "h2c"), "te": (None, "x"), "trailer": (None, "X")}, why="they are not the script's to set"),
    Row("other repeats", printed(PLAIN + "X-R: 1\\nX-R: 2\\n\\n"), differs={"x-r": ("1, 2", "1, 2")}, why="kept apart here, joined there"),
    Row("length too small", printed(PLAIN + "Content-Length: 2\\n\\nhello"),
        differs={"body": lambda ours, theirs: ours in (b"hello", b"he") and theirs == b"hello"},
        why="dropped only while the head is not yet sent, else enforced"),
    Row("command line from the query", ENTITY + "echo \"$#\"", path="?foo+bar", differs={"body": (b"0\n", b"2\n")},
        why="the way into php-cgi's argument injection"),
]


APACHE = """
ServerName oracle
ServerRoot {home}
Listen 127.0.0.1:{port}
PidFile {home}/pid
ErrorLog {home}/error.log
LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule cgi_module /usr/lib/apache2/modules/mod_cgi.so
User www-data
Group www-data
StartServers 2
ScriptAlias /s/ {home}/cgi/
{aliases}
<Directory {home}/cgi>
  Require all granted
</Directory>
"""


@pytest.fixture(scope="module")
def scripts():
    home = Path(tempfile.mkdtemp(prefix="shallop-oracle-", dir="/tmp"))
    home.chmod(0o755)
    folder = home / "cgi"
    folder.mkdir(mode=0o755)
    for row in ROWS + [ENVIRONMENT, CHUNKED]:
        (folder / row.file).write_text(f"#!/bin/sh\n{row.script}\n")
        (folder / row.file).chmod(0o755)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def apache(scripts):
    port = free_port()
    # A script that is nph by its name has the same path in both servers.
    aliases = "".join(f"ScriptAlias /s/{row.function} {scripts}/cgi/{row.file}\n" for row in ROWS if row.file != row.function)
    config = scripts / "apache.conf"
    lines = APACHE.format(home=scripts, port=port, aliases="").splitlines()
    lines.insert(lines.index(f"ScriptAlias /s/ {scripts}/cgi/"), aliases)
    config.write_text("\n".join(lines) + "\n")
    server = subprocess.Popen(["apache2", "-f", config, "-D", "FOREGROUND"], stderr=subprocess.PIPE,
                              start_new_session=True)  # it ends by killing its whole process group

    def up():
        assert server.poll() is None, server.stderr.read().decode()
        try:
            return call(port, "GET", "/s/document").status == 200
        except OSError:
            return False

    try:
        wait_until(up, 20)
        yield port
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def functions(scripts, shared_daemon):
    (scripts / "Dockerfile").write_text("FROM debian:bookworm-slim\nCOPY cgi /cgi\n")
    docker("build", "-q", "-t", IMAGE, str(scripts))
    for row in ROWS + [ENVIRONMENT, CHUNKED]:
        contract = {"kind": "cgi", "output": "cgi" if row.strict else "auto"}
        shared_daemon.put(row.function, image=IMAGE, command=[f"/cgi/{row.file}"], contract=contract,
                          routes=[{"path": f"/s/{row.function}/*"}])
    yield shared_daemon.port
    for row in ROWS + [ENVIRONMENT, CHUNKED]:
        shared_daemon.api("DELETE", f"/v1/functions/{row.function}")
    docker("rmi", "-f", IMAGE, check=False)


class Reply:
    def __init__(self, reply):
        self.status, self.reason, self.fields, self.body = reply.status, reply.reason, reply.headers, reply.read()

    def field(self, name):
        values = self.fields.get_all(name)
        return None if values is None else ", ".join(values)


def call(port, method, path, body=None, headers=(), chunked=False):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", "oracle.example:8080")
        for name, value in headers:
            connection.putheader(name, value)
        if body and not chunked:
            connection.putheader("Content-Length", str(len(body)))
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        try:
            connection.endheaders(body or None, encode_chunked=chunked)
        except (BrokenPipeError, ConnectionResetError):
            pass  # answered before the body was read
        return Reply(connection.getresponse())
    finally:
        connection.close()


def agree(row, what, ours, theirs):
    if what not in row.differs:
        assert ours == theirs, f"{row.name}: {what}"
    elif callable(row.differs[what]):
        assert row.differs[what](ours, theirs), f"{row.name}: {what}: {ours!r}, Apache {theirs!r}"
    else:
        assert (ours, theirs) == row.differs[what], f"{row.name}: {what}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.function)
def test_a_script_answers_as_under_apache(row, apache, functions):
    path = f"/s/{row.function}{row.path}"
    ours = call(functions, row.method, path, row.body, row.headers)
    theirs = call(apache, row.method, path, row.body, row.headers)
    agree(row, "status", ours.status, theirs.status)
    if theirs.status == 500:  # their own page
        assert ours.status != 502 or ours.field("content-type") == "application/problem+json"
        return
    agree(row, "reason", ours.reason, theirs.reason)
    names = {name.lower() for reply in (ours, theirs) for name in reply.fields} - OURS_AND_THEIRS
    for name in names | set(row.differs) - {"status", "reason", "body"}:
        agree(row, name, ours.field(name), theirs.field(name))
    agree(row, "body", ours.body, theirs.body)


ENVIRONMENT = Row("environment", ENTITY + "env | sort", path="/extra%20path?q=%41")

# Variables that only one of the two has, or that tell of itself.
THEIRS_ALONE = {"DOCUMENT_ROOT", "CONTEXT_DOCUMENT_ROOT", "CONTEXT_PREFIX", "SERVER_ADDR", "SERVER_ADMIN", "SERVER_SIGNATURE", "SCRIPT_FILENAME",
                "PATH_TRANSLATED"}
OURS_ALONE = {"REDIRECT_STATUS", "REMOTE_HOST", "HOME", "HOSTNAME", "SHALLOP_INVOCATION_ID", "SHALLOP_FUNCTION", "SHALLOP_DEADLINE_MS"}
NOT_ALIKE = {"PATH", "PWD", "SERVER_SOFTWARE", "REMOTE_PORT", "SERVER_PORT", "_", "SHLVL", "OLDPWD"}


def variables(reply):
    return dict(line.split("=", 1) for line in reply.body.decode("latin-1").splitlines())


def test_the_environment_is_that_of_apache(apache, functions):
    headers = [("X-Dup", "1"), ("X-Dup", "2"), ("Cookie", "a=1"), ("X_Under", "x"), ("Proxy", "http://evil.example/"),
               ("Authorization", "Basic eDp5"), ("Accept", "text/plain"), ("X-Bytes", "caf\u00e9"), ("X.Dot", "x"), ("Content-Type", "text/css"),
               ("X-Shallop-Invocation-Id", "forged")]
    ours = variables(call(functions, "GET", "/s/environment" + ENVIRONMENT.path, headers=headers))
    theirs = variables(call(apache, "GET", "/s/environment" + ENVIRONMENT.path, headers=headers))
    # Apache passes on what claims to be the platform's; it has no such platform.
    assert theirs.pop("HTTP_X_SHALLOP_INVOCATION_ID") == "forged"
    for name in NOT_ALIKE | OURS_ALONE:
        ours.pop(name, None)
    for name in NOT_ALIKE | THEIRS_ALONE:
        theirs.pop(name, None)
    assert ours == theirs


CHUNKED = Row("chunked", ENTITY + "echo \"${CONTENT_LENGTH-unset}|${HTTP_TRANSFER_ENCODING-unset}\"; head -c \"${CONTENT_LENGTH:-0}\"")


def test_a_chunked_body_has_a_length_here_and_none_under_apache(apache, functions):
    body = b"0123456789" * 20_000
    assert call(functions, "POST", "/s/chunked", body, chunked=True).body == b"200000|unset\n" + body
    assert call(apache, "POST", "/s/chunked", body, chunked=True).body == b"unset|chunked\n"


def test_a_length_that_is_too_large_cuts_the_reply(shared, functions):
    shared.put("liar", image=IMAGE, command=["printf", PLAIN + "Content-Length: 9\\n\\nhello"], contract="cgi")
    try:
        with pytest.raises(http.client.IncompleteRead) as cut:
            call(functions, "GET", "/function/liar")
        assert cut.value.partial == b"hello"
    finally:
        shared.api("DELETE", "/v1/functions/liar")
