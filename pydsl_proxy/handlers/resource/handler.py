"""The handler that gives requests to a resource of twisted.web."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import unquote_to_bytes

from attrs import frozen
from twisted.web.resource import IResource, Resource

from pydsl_proxy.handlers.resource.channel import Channel
from pydsl_proxy.handlers.resource.request import MountedSite
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.wire.http.uri import normalise, split_target
from pydsl_proxy.wire.http1.request_writer import RequestWriter


@frozen
class Mount:
    """A resource of twisted.web, with all that is below it, at a location; be it Klein's or a ``WSGIResource``.

    The resource stands where the location does: at ``location("/app/")`` a request for ``/app/a/b`` reaches it with
    ``prepath`` ``[b"app"]`` and ``postpath`` ``[b"a", b"b"]``, as if it were the child ``app`` of a Site's root, and a
    WSGI application finds ``/app`` in SCRIPT_NAME.  A regex location is the root itself.  Both are made of the path
    that locations are matched with: decoded, without dot segments and repeated slashes.  A plain prefix without a slash
    at its end, as ``/app``, matches ``/apple`` too; that is no path below the resource, and answered with 404.

    The header fields are those that a peer would get.  The body is complete before the resource is asked; a large one
    waits in a temporary file, which ``.limit_body()`` bounds.
    """

    # A location "/app/" also answers "/app", with a redirect.
    has_paths_below: ClassVar[bool] = True

    resource: IResource | Resource

    def as_verb(self) -> str:
        """The call that makes this."""
        return f"mount({self.resource!r})"

    def compile(self, place: CompileContext) -> Handle:
        """A handle that shows the resource each exchange as a request of a Site of its own."""
        site = MountedSite(self.resource, place.clock)
        head = RequestWriter(place.request_rules, b"").write
        above = [] if place.prefix is None else segments_above(place.prefix)

        def mount(exchange: Exchange) -> None:
            below = segments_below(exchange, above)
            if below is None:
                exchange.respond(404, b"404 Not Found\n", ((b"Content-Type", b"text/plain; charset=utf-8"),))
            else:
                prepath, postpath = below
                Channel(site, exchange, prepath, postpath).begin(head(exchange))

        return mount


def segments_above(prefix: bytes) -> list[bytes]:
    """The segments of a location's prefix, which are above the resource."""
    segments = prefix[1:].split(b"/")
    return segments if segments[-1] else segments[:-1]


def segments_below(exchange: Exchange, above: list[bytes]) -> tuple[list[bytes], list[bytes]] | None:
    """The segments above and below the resource; None if the path only begins like the location's.

    A step may have rewritten the target, and with it taken the prefix away: then the whole path is below.
    """
    path = exchange.path
    rewritten = exchange.peer_target != exchange.target
    target_path, _ = split_target(exchange.peer_target)
    if rewritten:
        path = normalise(target_path)
    segments = path[1:].split(b"/")
    # An escaped slash stays within its segment, as in a Site, unless the location was chosen by it.
    raw_segments = [unquote_to_bytes(segment) for segment in target_path[1:].split(b"/")]
    if path[1:] == b"/".join(raw_segments) and raw_segments[: len(above)] == above:
        segments = raw_segments
    if segments[: len(above)] == above:
        return list(above), segments[len(above) :]
    return ([], segments) if rewritten else None
