"""Locations: open ones, which still want a handler, and those that have one."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from attrs import frozen
from twisted.web.resource import IResource, Resource

from pydsl_proxy.config.matching import Match, Named, Prefix, Regex, as_match
from pydsl_proxy.config.noticing import notice_closed, notice_opened
from pydsl_proxy.config.scopes import Scope
from pydsl_proxy.config.upstreams import Upstream, alone
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.handlers.proxy import Proxy, no_prefix
from pydsl_proxy.handlers.redirect import Redirect
from pydsl_proxy.handlers.resource import Mount
from pydsl_proxy.handlers.respond import Respond
from pydsl_proxy.interfaces import Handler
from pydsl_proxy.wire.values import ValueSource

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Owner(Protocol[T_co]):
    """To whom a location goes once it has a handler."""

    def including(self, *locations: Location) -> T_co:
        """The owner with the locations."""


@frozen(kw_only=True, repr=False)
class Location(Scope):
    """A path match, the features in force there, and the handler that answers."""

    match: Match
    handler: Handler

    @property
    def prefix(self) -> bytes | None:
        """The prefix or the exact path that is matched; None for a regex or a name."""
        return None if isinstance(self.match, Regex | Named) else self.match.path.encode()

    def __repr__(self) -> str:
        verb = getattr(self.handler, "as_verb", None)
        last = verb() if callable(verb) else f"handle({self.handler!r})"
        return f"{code_of(self.match)}{self._verbs()}.{last}"


@frozen(kw_only=True, repr=False)
class OpenLocation(Scope, Generic[T]):
    """A location that wants a handler: one of the verbs from ``proxy_to`` to ``handle`` gives *T* back.

    *T* is the server on which ``.location()`` was called, or a :class:`Location` for the free function.
    """

    match: Match
    owner: Owner[T]

    def proxy_to(self, upstream: Upstream | str, *, path: str | None = None) -> T:
        """Send requests to *upstream*, or to the one peer at an address.

        The request target goes through byte for byte.  With *path* the matched prefix is replaced by it: at
        ``location("/api/")``, ``path="/v1/"`` makes ``/v1/users`` of ``/api/users``.
        """
        if path is not None and isinstance(self.match, Regex | Named):
            raise no_prefix(path)
        if isinstance(upstream, str):
            upstream = alone(upstream)
        elif not isinstance(upstream, Upstream):
            raise ConfigError(
                f"proxy_to(): {upstream!r} is not an upstream",
                hint='write upstream("app", …) or an address, "host:port"',
            )
        return self.handle(Proxy(upstream, path=path))

    def respond(
        self, status: int, body: bytes | ValueSource = b"", *, content_type: str = "text/plain; charset=utf-8"
    ) -> T:
        """Answer with *status* and *body*: a text, bytes, a value, or a function of the request."""
        return self.handle(Respond(status, body, content_type=content_type))

    def redirect_to(self, url: ValueSource, status: int = 302) -> T:
        """Send the client to *url*: a text, an f-string of values, or a function of the request.

        A URL without a path, as ``"https://example.com"``, keeps the request's path and query; one with a path, be it
        ``/``, is taken as it is.
        """
        return self.handle(Redirect(url, status))

    def mount(self, resource: IResource | Resource) -> T:
        """Give requests to a resource of twisted.web."""
        if not IResource.providedBy(resource):
            raise ConfigError(
                f"mount(): {resource!r} is not a resource of twisted.web",
                hint="write an instance of twisted.web.resource.Resource, WSGIResource(…), or Klein().resource()",
            )
        return self.handle(Mount(resource))

    def handle(self, handler: Handler) -> T:
        """Give requests to *handler*, an object with ``compile(place)`` (:class:`pydsl_proxy.interfaces.Handler`)."""
        if isinstance(handler, type) or not callable(getattr(handler, "compile", None)):
            raise ConfigError(f"handle(): {handler!r} has no compile(place)", hint="see pydsl_proxy.interfaces.Handler")
        notice_closed(self.origin)
        made = Location(match=self.match, handler=handler, features=self.features, origin=self.origin)
        return self.owner.including(made)

    def __repr__(self) -> str:
        before = "" if isinstance(self.owner, _Nobody) else f"{self.owner!r}."
        return f"{before}{code_of(self.match)}{self._verbs()}"


@frozen
class _Nobody:
    """The owner of a location that stands alone."""

    def including(self, *locations: Location) -> Location:
        return locations[0]


def location(match: str | Match) -> OpenLocation[Location]:
    """A location that stands alone, to be listed, shared, and taken up by ``.including(…)``.

    *match* is a prefix as in nginx, the longest wins; or ``exact()``, ``prefix()``, ``regex()``.
    """
    return open_location(match, _Nobody())


def open_location(match: str | Match, owner: Owner[T]) -> OpenLocation[T]:
    """A location that goes to *owner* once it has a handler."""
    opened = OpenLocation(match=as_match(match), owner=owner)
    notice_opened(opened.origin, code_of(opened.match))
    return opened


def code_of(match: Match) -> str:
    """The call that opens a location with *match*."""
    if isinstance(match, Prefix) and not match.stop:
        return f"location({match.path!r})"
    return f"location({match!r})"


def no_handler(opened: OpenLocation[T]) -> ConfigError:
    """The error of a location that stands where only one with a handler may."""
    return ConfigError(
        f"{code_of(opened.match)} has no handler",
        origin=opened.origin,
        hint="end it with .proxy_to(…), .respond(…) or .redirect_to(…)",
    )
