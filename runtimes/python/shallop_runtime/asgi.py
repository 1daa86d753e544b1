# SPDX-License-Identifier: Apache-2.0
"""Runs ASGI applications with uvicorn, on the socket that this process listens on already."""
import asyncio
import traceback

from uvicorn.config import Config
from uvicorn.server import Server


class ForwardedPrefix:
    """Middleware: `root_path` and the scheme as the daemon tells them, and no lifespan answer twice."""

    def __init__(self, application):
        self.application = application

    async def __call__(self, scope, receive, send):
        if scope["type"] in ("http", "websocket"):
            for name, value in scope["headers"]:
                if name == b"x-forwarded-prefix":
                    scope["root_path"] = value.decode("latin-1").rstrip("/")
                elif name == b"x-forwarded-proto" and scope["type"] == "http":
                    scope["scheme"] = value.decode("latin-1")
                elif name == b"x-forwarded-for":
                    scope["client"] = (value.rpartition(b",")[2].strip().decode("latin-1"), 0)
        await self.application(scope, receive, send)


class StartFailed(Exception):
    """The application refused to start (ASGI's lifespan)."""


def configuration(application):
    config = Config(ForwardedPrefix(application), interface="asgi3", log_level="warning", access_log=False, proxy_headers=False,
                    server_header=False, date_header=False, timeout_keep_alive=120, lifespan="auto")
    config.load()
    return config


def serve(application, listener, started):
    """Starts the application, calls started(), and serves until the process ends. Raises StartFailed before started()."""
    asyncio.run(_serve(application, listener, started))


async def _serve(application, listener, started):
    config = configuration(application)
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    listener.setblocking(False)
    await server.startup(sockets=[listener])
    if server.should_exit:
        raise StartFailed("the application failed in its startup event; its log says why")
    started()
    server.install_signal_handlers()
    try:
        await server.main_loop()
    except Exception:
        traceback.print_exc()
    await server.shutdown(sockets=[listener])


