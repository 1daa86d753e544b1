# SPDX-License-Identifier: Apache-2.0
"""Loads what is slow to load, then listens: a container that answers has nothing left to warm up but the function itself."""
import gc
import os
import sys

import flask
import requests  # noqa: F401  what most functions import

from . import asgi, handler
from .http import Connection, Reply  # noqa: F401
from .server import Server


def warm():
    """Runs each path once, so that what is loaded or built lazily is there."""
    application = flask.Flask("warm")
    application.add_url_rule("/<name>", view_func=lambda name: {"hello": name})
    application.test_client().get("/warm")

    async def nothing(scope, receive, send):
        pass

    asgi.configuration(nothing)
    handler.answer_of({"status": 200, "headers": {"a": "b"}, "body": {"a": "é"}})


def main():
    sys.stdout.reconfigure(line_buffering=True)
    warm()
    server = Server(os.environ.get("SHALLOP_SOCKET", "/tmp/shallop.sock"))
    # What is here now stays: the collector need not look at it again, and forks share it.
    gc.collect()
    gc.freeze()
    server.run()


main()
