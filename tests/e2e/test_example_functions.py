# SPDX-License-Identifier: Apache-2.0
"""What the examples do with what strangers send: beyond the calls of their READMEs, which test_examples.py makes."""
import base64
import hashlib
import hmac
import struct
import time
import zlib

import pytest

from conftest import ROOT, docker, request

EXAMPLES = ROOT / "examples"
SECRET = "keep-this-to-yourself"


@pytest.fixture
def example(shared, example_images, runtime_images):
    """`example(*words)` runs `shallop` with them, and returns what calls the function of that example."""
    made = []

    def make(name, *words):
        shared.cli(*words, cwd=ROOT)
        made.append(name)
        return lambda body=b"", query="", method="POST", **headers: request(
            shared.port, method, f"/function/{name}{query}", body, {"Content-Type": "application/octet-stream"} | headers)

    yield make
    for name in made:
        shared.cli("remove", name)


# ---- thumbnail-source

@pytest.fixture
def thumbnail(example):
    return example("thumbnail-source", "deploy", "thumbnail-source", "examples/thumbnail-source")


def png(width, height, rows=b""):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def size_of(answer):
    assert answer.status == 200 and answer.headers["Content-Type"] == "image/png", answer
    return struct.unpack(">II", answer.body[16:24])


BOAT = (EXAMPLES / "thumbnail-source/boat.png").read_bytes()


def converted(*words):
    """What the image's own ImageMagick makes of the boat."""
    made = docker("run", "--rm", "--network", "none", "-v", f"{EXAMPLES}/thumbnail-source:/in:ro", "shallop-example-thumbnail-source",
                  "sh", "-c", f"convert png:/in/boat.png {' '.join(words)} | base64")
    return base64.b64decode(made)


def test_a_thumbnail_fits_into_its_size_and_a_small_picture_stays(thumbnail):
    assert size_of(thumbnail(BOAT, "?size=64")) == (64, 48)
    assert size_of(thumbnail(BOAT, method="PUT")) == (200, 150)
    assert size_of(thumbnail(BOAT, "?size=1000")) == (320, 240)


def test_a_photograph_stays_one_and_of_an_animation_the_first_picture_is_taken(thumbnail):
    photo = thumbnail(converted("jpeg:-"), "?size=64")
    assert photo.headers["Content-Type"] == "image/jpeg" and photo.body[:3] == b"\xff\xd8\xff"
    assert size_of(thumbnail(converted("-duplicate", "5", "gif:-"), "?size=64")) == (64, 48)
    assert size_of(thumbnail(converted("webp:-"), "?size=64")) == (64, 48)


@pytest.mark.parametrize("picture", [
    b"", b"plain words", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>', b"push graphic-context\nimage over 0,0 0,0 'https://example.org/'",
    b"%PDF-1.4\n", b"%!PS\n", b"RIFF\x10\0\0\0AVI ", b'\xff\xd8 <?xml version="1.0"?><image><read filename="/etc/passwd"/></image>',
], ids=["nothing", "text", "svg", "mvg", "pdf", "ps", "avi", "msl"])
def test_what_is_no_picture_of_the_four_kinds_is_refused(thumbnail, picture):
    assert thumbnail(picture, **{"Content-Type": "image/png"}).status == 415


def test_broken_and_exploding_pictures_are_refused_and_the_next_is_served(thumbnail):
    assert thumbnail(BOAT[:200]).status == 422
    assert thumbnail(b"\xff\xd8\xff" + b"\0" * 1000).status == 422
    assert thumbnail(b"GIF89a" + b"\xff" * 100).status == 422
    assert thumbnail(png(30_000, 30_000)).status == 422, "wider than the policy allows"
    assert thumbnail(png(10_000, 10_000, b"\0" * 30_010_000)).status == 422, "larger in all than the policy allows"
    assert size_of(thumbnail(BOAT, "?size=10")) == (10, 8)


def test_a_size_is_a_number_within_bounds(thumbnail):
    for size in ("0", "1025", "-1", "1e2", "64x64", "%20", "%D9%A3", "99999999999", "64%3E%20-write%20/tmp/x"):
        assert thumbnail(BOAT, f"?size={size}").status == 400, size
    refused = thumbnail(method="GET")
    assert refused.status == 405 and "POST" in refused.headers["Allow"]
    assert thumbnail(b"\0" * (21 << 20)).status == 413


# ---- markdown-source

@pytest.fixture
def markdown(example):
    render = example("markdown-source", "deploy", "markdown-source", "examples/markdown-source")
    return lambda text: render(text if isinstance(text, bytes) else text.encode(), **{"Content-Type": "text/markdown"})


def test_markdown_becomes_html_and_html_becomes_text(markdown):
    assert markdown("| a | b |\n|---|---|\n| *ü* | `<b>` |\n").text.count("<td>") == 2
    for hostile in ("<script>alert(1)</script>", "a <img src=x onerror=alert(1)> b", "<!-- x --><iframe>", "`<script>`", "    <script>"):
        answer = markdown(hostile)
        assert answer.status == 200 and not any(tag in answer.text for tag in ("<script", "<img", "<iframe")), answer.text
    for address in ("javascript:alert(1)", "JaVaScRiPt:alert(1)", "&#106;avascript:alert(1)", "vbscript:x", "data:text/html,x", "file:///etc/passwd"):
        assert "href" not in markdown(f"[x]({address})").text and "href" not in markdown(f"<{address}>").text, address
    assert "sandbox" in markdown("x").headers["Content-Security-Policy"]


def test_what_is_no_text_is_refused_and_deep_nesting_is_bounded(markdown):
    assert markdown(b"\xff\xfe\0x").status == 415
    assert markdown("x" * ((1 << 20) + 1)).status == 413
    for deep in (">" * 20_000, "[" * 20_000, "- " * 2_000 + "x", "*a " * 5_000):
        assert markdown(deep).status == 200
    assert markdown("still *here*").text == "<p>still <em>here</em></p>\n"


# ---- webhook-source

@pytest.fixture
def webhook(example):
    return example("webhook-source", "deploy", "webhook-source", "examples/webhook-source", "--env", f"WEBHOOK_SECRET={SECRET}")


def signature(identity, moment, body, secret=SECRET):
    return "v1," + base64.b64encode(hmac.digest(secret.encode(), f"{identity}.{moment}.".encode() + body, hashlib.sha256)).decode()


def send(webhook, identity, body=b'{"type": "t"}', age=0, signed=None, **other):
    moment = int(time.time()) - age
    return webhook(body, **{"Content-Type": "application/json", "webhook-id": identity, "webhook-timestamp": str(moment),
                            "webhook-signature": signed or signature(identity, moment, body, **other)})


def test_a_genuine_message_is_taken_once(webhook):
    assert send(webhook, "m1").json == {"received": "m1", "type": "t"}
    assert send(webhook, "m1").json == {"received": "m1", "again": True}
    assert send(webhook, "m1", age=10).json["again"], "its id counts, not its time"
    assert send(webhook, "m2").json == {"received": "m2", "type": "t"}


def test_one_right_signature_among_several_is_enough(webhook):
    moment, body = int(time.time()), b"{}"
    signed = f"v2,abc {signature('m', moment, body, 'the-secret-before-this-one')} {signature('m', moment, body)}"
    assert webhook(body, **{"webhook-id": "m", "webhook-timestamp": str(moment), "webhook-signature": signed}).status == 200


def test_what_is_not_signed_right_or_not_fresh_is_refused(webhook):
    assert send(webhook, "w1", secret="another secret of theirs").status == 401
    assert send(webhook, "w2", signed="v1,").status == send(webhook, "w2", signed="v1,AAAA").status == 401
    assert send(webhook, "w3", signed=signature("w3", int(time.time()) - 7, b"{}")).status == 401, "of another time and body"
    assert send(webhook, "w4", signed=signature("w3", int(time.time()), b'{"type": "t"}')).status == 401, "of another id"
    assert send(webhook, "w5", age=900).status == send(webhook, "w5", age=-900).status == 401
    assert send(webhook, "w5").json == {"received": "w5", "type": "t"}, "a refused message leaves nothing"


def test_a_message_lacks_nothing_and_is_json(webhook):
    assert webhook(b"{}").status == 400 and webhook(method="GET").status == 405
    assert send(webhook, "../w 1").status == 400
    assert send(webhook, "j1", body=b"no json").status == 400


def test_without_a_secret_there_is_no_receiver(shared, runtime_images):
    refused = shared.cli("deploy", "webhook-bare", "examples/webhook-source", cwd=ROOT, check=False)
    assert refused.returncode == 1 and "main.js" in refused.stderr and "WEBHOOK_SECRET is missing" in refused.stderr
    assert shared.cli("show", "webhook-bare", check=False).returncode == 1


# ---- pdf-text

def test_a_text_that_looks_like_the_head_of_an_answer_is_text(example):
    pdf_text = example("pdf-text", "apply", "-f", "examples/pdf-text/shallop.yaml")
    document = (EXAMPLES / "pdf-text/lading.pdf").read_bytes()
    answer = pdf_text(document.replace(b"Bill of lading", b"Location: /xyz"))
    assert answer.status == 200 and answer.text.startswith("Location: /xyz\n"), answer
    assert pdf_text(document[:100]).status == 502 and pdf_text(document).status == 200
