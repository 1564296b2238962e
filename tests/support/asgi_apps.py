"""ASGI applications that do what a test tells them to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping

from pydsl_proxy import server
from pydsl_proxy.handlers.asgi.types import Application, Receive, Send
from pydsl_proxy.testing import Running, run

Message = MutableMapping[str, object]
TEXT: list[tuple[bytes, bytes]] = [(b"content-type", b"text/plain")]

Answering = Callable[[dict[str, object], Receive, Send], Awaitable[None]]


def http_only(answer: Answering) -> Application:
    """An application without a lifespan, as Django's."""

    async def application(scope: dict[str, object], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"only http, not {scope['type']}")
        await answer(scope, receive, send)

    return application


def sending(*messages: Message) -> Application:
    """One that sends these messages, whatever it is asked."""

    async def answer(scope: dict[str, object], receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return http_only(answer)


def start(status: int = 200, headers: object = TEXT, **more: object) -> Message:
    """The head of a response."""
    return {"type": "http.response.start", "status": status, "headers": headers, **more}


def body(data: object = b"", *, more: bool = False) -> Message:
    """Some of its body."""
    return {"type": "http.response.body", "body": data, "more_body": more}


async def whole_body(receive: Receive) -> bytes:
    """The request's body; what it came in is not told."""
    pieces = []
    while True:
        message = await receive()
        assert message["type"] == "http.request", message
        assert isinstance(message["body"], bytes)
        pieces.append(message["body"])
        if not message["more_body"]:
            return b"".join(pieces)


class Kept:
    """An application that keeps the scopes it was called with, and answers at once."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, object]] = []

    async def __call__(self, scope: dict[str, object], receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        self.scopes.append(scope)
        await send(start())
        await send(body())


class Living:
    """An application with a lifespan, of which the test is told."""

    def __init__(self, name: str = "app") -> None:
        self.told: list[str] = []
        self.name = name
        self.states: list[object] = []
        self.refuses = ""

    async def __call__(self, scope: dict[str, object], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        self.states.append(scope["state"])
        await whole_body(receive)
        await send(start())
        await send(body(self.name.encode()))

    async def _live(self, scope: dict[str, object], receive: Receive, send: Send) -> None:
        self.told.append(str((await receive())["type"]))
        if self.refuses:
            await send({"type": "lifespan.startup.failed", "message": self.refuses})
            return
        state = scope["state"]
        assert isinstance(state, dict)
        state["lives"] = self.told
        await send({"type": "lifespan.startup.complete"})
        self.told.append(str((await receive())["type"]))
        await send({"type": "lifespan.shutdown.complete"})


def at_root(application: Application) -> Running:
    """*application* at a server's root."""
    return run(server(8080).location("/").asgi(application))
