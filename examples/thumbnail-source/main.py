# SPDX-License-Identifier: Apache-2.0
"""Answers a picture with a small one of it. ImageMagick reads only what the first bytes say, within the limits of policy.xml."""
import base64
import subprocess

KINDS = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png", b"GIF8": "gif", b"RIFF": "webp"}
LARGEST, SECONDS = 1024, 20


def handler(event):
    if event["method"] not in ("POST", "PUT"):
        return refuse(405, "send a picture with POST or PUT", Allow="POST, PUT")
    picture = base64.b64decode(event["body"]) if event["base64"] else str(event["body"]).encode()
    kind = next((kind for start, kind in KINDS.items() if picture.startswith(start)), None)
    if kind is None or (kind == "webp" and picture[8:12] != b"WEBP"):
        return refuse(415, "this is no GIF, JPEG, PNG or WebP")
    size = event["query"].get("size", "200")
    if not (size.isascii() and size.isdigit() and len(size) < 5 and 1 <= int(size) <= LARGEST):
        return refuse(400, f"size is a number of pixels from 1 to {LARGEST}")

    made = "jpeg" if kind == "jpeg" else "png"
    # jpeg:size: how much of a photograph is worth reading. [0]: of an animation the first picture. >: a small picture stays as it is.
    double = 2 * int(size)
    command = ["convert", "-define", f"jpeg:size={double}x{double}", f"{kind}:-[0]", "-auto-orient", "-thumbnail", f"{size}x{size}>", "-strip", f"{made}:-"]
    try:
        done = subprocess.run(command, input=picture, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return refuse(422, "this picture takes too long")
    if done.returncode != 0 or not done.stdout:
        print(done.stderr.decode(errors="replace"))
        return refuse(422, "this picture is broken or too large")
    return {"status": 200, "headers": {"Content-Type": f"image/{made}"}, "body": done.stdout}


def refuse(status, words, **headers):
    return {"status": status, "headers": headers, "body": f"{words}\n"}
