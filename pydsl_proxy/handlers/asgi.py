"""The handler that answers with an ASGI application."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.handlers.applications import Shown, not_below
from pydsl_proxy.handlers.asgi_running import ALL, Applications, Used
from pydsl_proxy.handlers.asgi_scope import http_scope
from pydsl_proxy.handlers.asgi_types import Application
from pydsl_proxy.interfaces import Exchange, Handle, Place
from pydsl_proxy.origin.spelling import call


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

    def as_verb(self) -> str:
        """The call that makes this."""
        return call("asgi", repr(self.spelled or self.application))

    def compile(self, place: Place) -> Handle:
        """A handle that has the application called in its loop for each exchange."""
        shown = Shown(place)
        applications = place.kept(ALL, lambda: Applications(place.clock))
        running = place.kept(self, lambda: Used(applications.of(self.application))).running

        def answer(exchange: Exchange) -> None:
            paths = shown.paths(exchange)
            if paths is None:
                not_below(exchange)
            else:
                running.ask(exchange, http_scope(exchange, shown, paths))

        return answer
