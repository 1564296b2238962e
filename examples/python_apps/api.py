"""An API as a FastAPI application would be one, in plain ASGI so that nothing needs to be installed."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping

Message = MutableMapping[str, object]


async def app(
    scope: dict[str, object],
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """The application: with FastAPI, ``app = FastAPI()``."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    body = json.dumps({"path": scope["path"], "root_path": scope["root_path"]}).encode() + b"\n"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
    """What is to be opened before the first request, and closed after the last, has its place here."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
