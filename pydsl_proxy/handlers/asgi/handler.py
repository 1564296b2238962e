"""The handler that answers with an ASGI application."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.errors.numbers import count, size
from pydsl_proxy.handlers.applications.fields import Shown, not_below
from pydsl_proxy.handlers.asgi.answer import Answer, Terms
from pydsl_proxy.handlers.asgi.running import ALL, Applications, Used
from pydsl_proxy.handlers.asgi.scope import http_scope, websocket_scope
from pydsl_proxy.handlers.asgi.types import Application
from pydsl_proxy.handlers.websocket.tunnel import tunnelling
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.origin.spelling import call, options

# Of a message of a WebSocket, in bytes: as much as the websockets library takes; uvicorn takes 16 MiB.
MAX_MESSAGE = 1024 * 1024


@frozen
class Asgi:
    """An ASGI application (version 3) at a location, in the reactor's own loop of asyncio or in one of its own.

    The location is its ``root_path``, and it gets the header fields that a peer would get.  Bodies stream both ways.
    ``spelled`` is the name that it was imported by.
    """

    # A location "/app/" also answers "/app", with a redirect.
    has_paths_below: ClassVar[bool] = True

    # By identity: an application may say that it equals others, or that it cannot be hashed.
    application: Application = field(eq=id)
    spelled: str | None = field(default=None, kw_only=True, eq=False, repr=False)

    max_message: int = field(default=MAX_MESSAGE, kw_only=True)

    def __attrs_post_init__(self) -> None:
        count("asgi(max_message=…)", size("asgi(max_message=…)", self.max_message), least=1)

    def as_verb(self) -> str:
        """The call that makes this."""
        return call("asgi", repr(self.spelled or self.application), options(self, "max_message"))

    def compile(self, place: CompileContext) -> Handle:
        """A handle that has the application called in its loop for each exchange."""
        # Autobahn is slow to import, and most configurations have no use for it.
        from pydsl_proxy.handlers.asgi.socket import Socket, socket_terms

        shown = Shown(place)
        applications = place.kept(ALL, lambda: Applications(place.clock))
        running = place.kept(self, lambda: Used(applications.of(self.application))).running
        answer = partial(Answer, Terms(place.clock, place.later, place.timeouts.read))
        socket = partial(Socket, socket_terms(place, self.max_message))

        def http(exchange: Exchange) -> None:
            paths = shown.paths(exchange)
            if paths is None:
                not_below(exchange)
            else:
                running.ask(http_scope(exchange, shown, paths), answer, exchange)

        def websocket(exchange: Exchange) -> None:
            paths = shown.paths(exchange)
            if paths is None:
                not_below(exchange)
            else:
                running.ask(websocket_scope(exchange, shown, paths), socket, exchange)

        return tunnelling(websocket, http)
