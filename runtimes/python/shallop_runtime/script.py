# SPDX-License-Identifier: Apache-2.0
"""Runs a plain script for each request, as CGI does (RFC 3875): in a fork of this process, which has everything loaded already."""
import atexit
import os
import re
import shutil
import signal
import sys
import traceback
import types

from .http import REASONS
from .wsgi import FAILED, environ_of

HEAD_LIMIT = 64 * 1024
PIECE = 64 * 1024
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)")
FINAL_STATUS = re.compile(rb"[2-5][0-9][0-9](?!\S)")
CGI_FIELDS = (b"content-type", b"status", b"location")


class Script:
    """A script as what serves a function. Its code is compiled once."""

    def __init__(self, path, code, settings):
        self.path, self.code, self.threads = path, code, settings.concurrency

    def __call__(self, request, reply):
        with open(os.memfd_create("body"), "w+b", buffering=0) as body:
            shutil.copyfileobj(request.body, body, PIECE)
            length = body.tell()
            body.seek(0)
            variables = self._variables(request, length)
            sys.stdout.flush()
            sys.stderr.flush()
            output, end = os.pipe()
            child = os.fork()
            if child == 0:
                self._become(body.fileno(), end, variables)
            os.close(end)
        with open(output, "rb", buffering=0) as stream:
            whole = False
            try:
                self._relay(stream, reply, child)
                whole = True
            finally:
                if not whole:
                    _end(child)

    def _variables(self, request, length):
        variables = {k: v for k, v in environ_of(request, 1).items() if isinstance(v, str)}
        variables.pop("wsgi.url_scheme", None)
        variables.pop("HTTP_PROXY", None)
        variables |= {"SCRIPT_FILENAME": self.path, "DOCUMENT_ROOT": os.getcwd(), "REDIRECT_STATUS": "200"}
        if length:
            variables["CONTENT_LENGTH"] = str(length)
        return variables

    def _become(self, body, output, variables):
        """The child: never returns."""
        code = 1
        try:
            os.setpgid(0, 0)
            os.dup2(body, 0)
            os.dup2(output, 1)
            os.closerange(3, 1 << 16)
            os.environ.update({k: v.encode("latin-1").decode("utf-8", "surrogateescape") for k, v in variables.items()})
            sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)
            sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
            sys.argv = [self.path]
            main = types.ModuleType("__main__")
            main.__file__, sys.modules["__main__"] = self.path, main
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            exec(self.code, main.__dict__)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
            if code == 1 and not isinstance(end.code, int):
                print(end.code, file=sys.stderr)
        except BaseException:
            traceback.print_exc()
        finally:
            try:
                atexit._run_exitfuncs()
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code & 255)

    def _relay(self, stream, reply, child):
        """Holds the output until it is clear what it is: a CGI document from the end of its header on, else plain output to its end."""
        held, head, ended = b"", None, False
        while not ended and head is None and len(held) < HEAD_LIMIT:
            piece = stream.read(PIECE)
            ended, held = not piece, held + piece
            head = cgi_head(held)
        if head is None:
            if ended and _status_of(child) != 0:
                print("the script failed", file=sys.stderr)
                reply.text(500, FAILED)
                return
            kind = "text/html" if held.lstrip()[:1] == b"<" else "text/plain"
            head = "200 OK", [("Content-Type", f"{kind}; charset=utf-8")], held
            child = None if ended else child
        status, fields, rest = head
        reply.start(status, fields)
        if ended:
            reply.finish(rest)
        else:
            if rest:
                reply.write(rest)
            while piece := stream.read(PIECE):
                reply.write(piece)
            reply.finish()
        if child is not None and _status_of(child) != 0:
            print("the script failed after it had answered", file=sys.stderr)


def cgi_head(output):
    """(status, fields, rest) if the output begins with a whole header block that has one of CGI's own fields."""
    end = re.search(rb"\r?\n\r?\n", output)
    if not end:
        return None
    fields, status, kinds = [], None, set()
    for line in output[:end.start()].splitlines():
        field = FIELD.fullmatch(line)
        if not field:
            return None
        name, value = field[1], field[2].strip()
        kinds.add(name.lower())
        if name.lower() == b"status":
            if not FINAL_STATUS.match(value):
                raise ValueError(f"the script said a Status that is none: {value.decode('latin-1')}")
            status = value.decode("latin-1")
        else:
            fields.append((name.decode("latin-1"), value.decode("latin-1")))
    if not kinds.intersection(CGI_FIELDS):
        return None
    if status is None:
        status = "302 Found" if b"location" in kinds else "200 OK"
    elif status.isdecimal():
        status = f"{status} {REASONS.get(int(status), '')}"
    return status, fields, output[end.end():]


def _status_of(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _end(child):
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except ProcessLookupError:
            pass
    try:
        os.waitpid(child, 0)
    except ChildProcessError:
        pass
