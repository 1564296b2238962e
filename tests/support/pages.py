"""Resources of twisted.web that do what a test tells them to."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IPushProducer
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from pydsl_proxy import server
from pydsl_proxy.config.locations import OpenLocation
from pydsl_proxy.config.matching import Match
from pydsl_proxy.config.servers import Server
from pydsl_proxy.testing import Running, run

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

Rendering = Callable[[Request], bytes | int]


class Page(Resource):
    """A leaf that renders with a function, and keeps its requests."""

    isLeaf = True

    def __init__(self, rendering: Rendering) -> None:
        super().__init__()
        self.rendering = rendering
        self.requests: list[Request] = []

    def render(self, request: Request) -> bytes | int:
        """Whatever the method."""
        self.requests.append(request)
        return self.rendering(request)


def at(match: str | Match) -> OpenLocation[Server]:
    """A location of a server."""
    return server(8080).location(match)


def mounted(rendering: Rendering, match: str | Match = "/") -> tuple[Running, Page]:
    """A page at a location."""
    page = Page(rendering)
    return run(at(match).mount(page)), page


def later(request: Request) -> int:
    """Render nothing yet."""
    return NOT_DONE_YET


@implementer(IPushProducer)
class Source:
    """A push producer that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        """Keep it."""
        self.told.append("pause")

    def resumeProducing(self) -> None:
        """Keep it."""
        self.told.append("resume")

    def stopProducing(self) -> None:
        """Keep it."""
        self.told.append("stop")
