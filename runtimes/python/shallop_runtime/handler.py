# SPDX-License-Identifier: Apache-2.0
"""Runs handler functions: handler(event) or handler(event, context)."""
import asyncio
import base64
import inspect
import json
import threading
import types
from urllib.parse import parse_qsl, unquote

from .http import REASONS

ANSWER_KEYS = {"status", "statusCode", "headers", "multiValueHeaders", "body", "base64", "isBase64Encoded", "cookies"}
TEXT_TYPES = ("text/", "application/x-www-form-urlencoded", "application/xml", "application/javascript", "application/yaml")
FRAMING = ("content-length", "transfer-encoding")  # said by the runtime, whatever a handler says
PLAIN, JSON, BYTES = "text/plain; charset=utf-8", "application/json", "application/octet-stream"


class BadBody(ValueError):
    """The caller's body is not what its Content-Type says."""


def event_of(request):
    headers = {}
    for name, value in request.headers:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    data = request.body.read()
    body, encoded = _decoded(data, headers.get("content-type", "").lower())
    return {
        "method": request.method,
        "path": unquote(request.path) if "%" in request.path else request.path,
        "query": dict(parse_qsl(request.query, keep_blank_values=True)) if request.query else {},
        "headers": headers,
        "body": body,
        "base64": encoded,
        "id": headers.get("x-shallop-invocation-id", ""),
    }


def _decoded(data, content_type):
    kind = content_type.partition(";")[0].strip()
    if kind == JSON or kind.endswith("+json"):
        if not data:
            return None, False
        try:
            return json.loads(data), False
        except ValueError as problem:
            raise BadBody(f"the body is not JSON: {problem}") from None
    if not kind or kind.startswith(TEXT_TYPES):
        try:
            return data.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(data).decode(), True


def answer_of(result):
    """(status, fields, body) of what a handler returned; a body that is no bytes is an iterator of pieces."""
    if isinstance(result, tuple) and 2 <= len(result) <= 3 and isinstance(result[1], int):  # (body, status[, headers])
        result = dict(zip(("body", "status", "headers"), result))
    if isinstance(result, dict) and _says_how(result):
        return _as_said(result)
    if result is None:
        return 204, [], b""
    kind, body = _encoded(result)
    return 200, [("Content-Type", kind)], body


def _says_how(result):
    status = result.get("status", result.get("statusCode"))
    return isinstance(status, int) and not isinstance(status, bool) and 200 <= status <= 599 and result.keys() <= ANSWER_KEYS


def _as_said(result):
    fields = []
    for name, value in (result.get("headers") or {}).items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            fields.append((str(name), str(one)))
    for name, values in (result.get("multiValueHeaders") or {}).items():
        fields += [(str(name), str(value)) for value in values]
    cookies = result.get("cookies") or ()
    fields += [("Set-Cookie", str(cookie)) for cookie in ([cookies] if isinstance(cookies, str) else cookies)]
    fields = [(name, value) for name, value in fields if name.lower() not in FRAMING]
    body, kind = b"", None
    if result.get("body") is not None:
        kind, body = _encoded(result["body"])
        if result.get("base64") or result.get("isBase64Encoded"):
            body, kind = base64.b64decode(body), BYTES
    if kind and not any(name.lower() == "content-type" for name, _ in fields):
        fields.append(("Content-Type", kind))
    return result.get("status", result.get("statusCode")), fields, body


def _encoded(value):
    if isinstance(value, str):
        return PLAIN, value.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return BYTES, bytes(value)
    if isinstance(value, types.GeneratorType):
        return PLAIN, value
    return JSON, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Function:
    """A handler function as what serves a function."""

    def __init__(self, function, settings):
        self.function, self.name, self.version = function, settings.function, settings.version
        self.is_async = inspect.iscoroutinefunction(function)
        self.loops = threading.local()
        self.with_context = _takes_two(function)

    def __call__(self, request, reply):
        try:
            event = event_of(request)
        except BadBody as problem:
            reply.text(400, f"{problem}\n")
            return
        arguments = [event]
        if self.with_context:
            arguments.append(types.SimpleNamespace(function_name=self.name, function_version=str(self.version), aws_request_id=event["id"],
                                                   invocation_id=event["id"]))
        result = self.function(*arguments)
        if self.is_async:
            result = self._loop().run_until_complete(result)
        status, fields, body = answer_of(result)
        reply.start(f"{status} {REASONS.get(status, '')}", fields)
        if isinstance(body, bytes):
            reply.finish(body)
            return
        for piece in body:
            reply.write(piece if isinstance(piece, bytes) else str(piece).encode())
        reply.finish()

    def _loop(self):
        if not hasattr(self.loops, "loop"):
            self.loops.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self.loops.loop)
        return self.loops.loop


def _takes_two(function):
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    needed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
    return len(needed) == 2
