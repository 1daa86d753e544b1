# SPDX-License-Identifier: Apache-2.0
"""Holds every answer of the admin listener against docs/openapi.json.

`validate(method, path, status, headers, body)` fails where the document does not know the call or the status, or where a
header or the body is not as it says. The end-to-end fixtures call it for each call they make.
"""
import json
import re
from datetime import datetime
from pathlib import Path

from jsonschema import Draft202012Validator, FormatChecker, RefResolver

DOCUMENT = json.loads((Path(__file__).resolve().parents[2] / "docs/openapi.json").read_text())
RESOLVER = RefResolver("", DOCUMENT)
FORMATS = FormatChecker()
PROBLEM = {"$ref": "#/components/schemas/Problem"}
METHODS = ("get", "put", "post", "patch", "delete", "options")


@FORMATS.checks("date-time", raises=ValueError)
def is_time(value):
    return not isinstance(value, str) or datetime.fromisoformat(value.replace("Z", "+00:00")).tzinfo is not None


def resolved(item):
    """What a $ref stands for, or the item itself."""
    return RESOLVER.resolve(item["$ref"])[1] if "$ref" in item else item


def check(schema, value, what):
    errors = Draft202012Validator(schema, resolver=RESOLVER, format_checker=FORMATS).iter_errors(value)
    said = [f"{error.json_path}: {error.message}" for error in errors]
    assert not said, f"{what} is not as docs/openapi.json says: {said[:5]}"


def pattern_of(template):
    parts = re.split(r"(\{\w+\})", template)
    return "".join(".*" if part == "{rest}" else "[^/]+" if part.startswith("{") else re.escape(part) for part in parts)


# The templates with the fewest parameters first: the most exact one is meant.
PATHS = sorted(((re.compile(pattern_of(path)), item) for path, item in DOCUMENT["paths"].items()),
               key=lambda entry: entry[0].pattern.count("["))


def find_item(path):
    return next((item for pattern, item in PATHS if pattern.fullmatch(path)), None)


def check_headers(response, headers, call):
    for name, header in response.get("headers", {}).items():
        value = headers.get(name)
        if value is None:
            assert not header.get("required"), f"{call}: the field {name} is missing"
        else:
            check(header["schema"], value, f"{call}: {name}")


def check_body(response, headers, body, call):
    content = response.get("content")
    if content is None:
        assert not body, f"{call}: a body where there should be none: {body[:200]!r}"
        return
    media = headers.get("Content-Type", "").split(";")[0].strip()
    assert media in content, f"{call}: Content-Type {media!r} is none of {list(content)}"
    schema = content[media]["schema"]
    if media.endswith("json") and media != "application/x-ndjson":
        check(schema, json.loads(body), call)
    elif media == "application/x-ndjson":
        for line in body.decode().splitlines():
            check(schema, json.loads(line), call)
    else:
        check(schema, body.decode(), call)


def check_refusal(status, headers, body, expected, call):
    """An answer to a call that the document does not know: nothing but a refusal will do."""
    assert status in expected, f"{call} is not in docs/openapi.json, and answered with {status}"
    assert headers.get("Content-Type") == "application/problem+json", call
    if body:
        check(PROBLEM, json.loads(body), call)


def validate(method, path, status, headers, body):
    """Fails unless the answer is one that the document describes. `headers`: anything with a case-blind get()."""
    path, call = path.split("?")[0], f"{method} {path} → {status}"
    item = find_item(path)
    if item is None:
        return check_refusal(status, headers, body, (400, 401, 403, 404), call)
    known = "get" if method == "HEAD" else method.lower()
    if known not in item:
        if status == 405:
            allowed = {name.upper() for name in METHODS if name in item} | ({"HEAD"} if "get" in item else set())
            assert set(re.split(r",\s*", headers.get("Allow", ""))) == allowed, f"{call}: Allow"
        return check_refusal(status, headers, body, (401, 403, 405), call)
    responses = item[known]["responses"]
    found = responses.get(str(status), responses.get("default"))
    assert found is not None, f"{call}: docs/openapi.json knows {sorted(responses)} for it"
    response = resolved(found)
    check_headers(response, headers, call)
    if "content" not in response and "default" in responses:
        return None  # a function's own reply
    if method != "HEAD" and status != 304:
        check_body(response, headers, body, call)
    return None
