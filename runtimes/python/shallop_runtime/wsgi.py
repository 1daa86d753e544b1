# SPDX-License-Identifier: Apache-2.0
"""Runs WSGI applications (PEP 3333)."""
import os
import sys
import traceback
from urllib.parse import unquote_to_bytes

FAILED = "the function has failed; its log says why\n"
HERE = os.path.dirname(__file__) + os.sep


def environ_of(request, threads):
    """The environment of PEP 3333; RFC 3875 names. Also the base of the variables of scripts."""
    path = request.path
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1") if "%" in path else path,
        "QUERY_STRING": request.query,
        "REQUEST_URI": request.target,
        "RAW_URI": request.target,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "shallop",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "localhost",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": request.body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": threads > 1,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        key = name.upper().replace("-", "_")
        if key in ("CONTENT_LENGTH", "CONTENT_TYPE"):
            environ[key] = value
            continue
        if "_" in name:
            continue  # could be taken for another one
        key = "HTTP_" + key
        environ[key] = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}" if key in environ else value
    _apply_forwarded(environ)
    return environ


def _apply_forwarded(environ):
    """Who called, and how: the daemon has replaced whatever a client claims here, but for the first addresses."""
    get = environ.get
    scheme = get("HTTP_X_FORWARDED_PROTO", "http")
    environ["wsgi.url_scheme"] = scheme
    if scheme == "https":
        environ["HTTPS"] = "on"
    host = get("HTTP_HOST", "")
    if host:
        name, colon, port = host.rpartition(":")
        if not colon or not port.isdecimal():
            name, port = host, ""
        environ["SERVER_NAME"] = name
        environ["SERVER_PORT"] = port or ("443" if scheme == "https" else "80")
    else:
        environ["SERVER_PORT"] = "443" if scheme == "https" else "80"
    if forwarded := get("HTTP_X_FORWARDED_FOR"):
        environ["REMOTE_ADDR"] = forwarded.rpartition(",")[2].strip()
    if prefix := get("HTTP_X_FORWARDED_PREFIX"):
        environ["SCRIPT_NAME"] = prefix.rstrip("/")


class Application:
    """A WSGI application as what serves a function."""

    def __init__(self, application, settings):
        self.application, self.threads = application, settings.concurrency

    def __call__(self, request, reply):
        def start_response(status, headers, exc_info=None):
            if exc_info:
                if reply.started:
                    raise exc_info[1].with_traceback(exc_info[2])
            elif reply.head is not None:
                raise AssertionError("start_response was called twice")
            reply.start(status, headers)
            return reply.write

        result = self.application(environ_of(request, self.threads), start_response)
        try:
            self._send(result, reply)
        finally:
            if hasattr(result, "close"):
                result.close()

    def _send(self, result, reply):
        if isinstance(result, (list, tuple)):
            self._check(reply)
            reply.finish(b"".join(result))
            return
        for piece in result:
            if piece:
                self._check(reply)
                reply.write(piece)
        self._check(reply)
        reply.finish()

    @staticmethod
    def _check(reply):
        if reply.head is None:
            raise AssertionError("the application sent a body without start_response")


def trace_of(error):
    """The traceback from the function's own code on; all of it where that has no part in it."""
    own = error.__traceback__
    while own is not None and own.tb_frame.f_code.co_filename.startswith(HERE):
        own = own.tb_next
    return "".join(traceback.format_exception(type(error), error, own or error.__traceback__))


def failed(reply, error):
    """What a caller gets when the code raises: short words, and the traceback goes to the log."""
    print(trace_of(error), end="", file=sys.stderr, flush=True)
    if reply.started:
        reply.keep = False
    else:
        reply.text(500, FAILED)
