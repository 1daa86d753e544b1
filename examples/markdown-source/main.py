# SPDX-License-Identifier: Apache-2.0
"""Answers Markdown with HTML. HTML in it is shown as text, and links lead nowhere but to http, https and mailto."""
from markdown_it import MarkdownIt

markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    # Should something have been overlooked: no script of this page is run.
    "Content-Security-Policy": "default-src 'none'; img-src https: data:; sandbox",
    "X-Content-Type-Options": "nosniff",
}


def handler(event):
    if event["method"] not in ("POST", "PUT"):
        return {"status": 405, "headers": {"Allow": "POST, PUT"}, "body": "send Markdown with POST or PUT\n"}
    if event["base64"] or not isinstance(event["body"], str):
        return {"status": 415, "body": "Markdown is text in UTF-8: send it as text/markdown\n"}
    return {"status": 200, "headers": HEADERS, "body": markdown.render(event["body"])}
