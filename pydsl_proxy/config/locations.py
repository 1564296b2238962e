"""Locations: open ones, which still want a handler, and those that have one."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Generic, Literal, Protocol, Self, TypeVar, cast

import attrs
from attrs import frozen
from twisted.web.resource import IResource, Resource

from pydsl_proxy.config.applications import check_asgi, check_wsgi, imported
from pydsl_proxy.config.loading.condition_mistakes import told_comparison
from pydsl_proxy.config.loading.meant import not_an_upstream
from pydsl_proxy.config.loading.opened_locations import notice_closed, notice_opened
from pydsl_proxy.config.matching import Match, Named, Prefix, Regex, as_match
from pydsl_proxy.config.scopes import Scope
from pydsl_proxy.config.upstreams import Upstream, alone
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.features.access.internal_only import InternalOnly
from pydsl_proxy.handlers.asgi.handler import MAX_MESSAGE, Asgi
from pydsl_proxy.handlers.files.handler import Files
from pydsl_proxy.handlers.proxy import Proxy, no_prefix
from pydsl_proxy.handlers.redirect import Redirect
from pydsl_proxy.handlers.redirect_to_https import ToHttps
from pydsl_proxy.handlers.resource.handler import Mount
from pydsl_proxy.handlers.respond import Respond
from pydsl_proxy.handlers.websocket.handler import PING, WebSockets
from pydsl_proxy.handlers.websocket.messages import OnMessage
from pydsl_proxy.handlers.websocket.origins import read_origins
from pydsl_proxy.handlers.wsgi.handler import QUEUE, THREADS, Wsgi
from pydsl_proxy.interfaces import Handler
from pydsl_proxy.values.conditions import Condition, ConditionSource, as_condition
from pydsl_proxy.values.value import ValueSource

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from pydsl_proxy.handlers.asgi.types import Application as AsgiApplication

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
    condition: Condition | None = None

    @property
    def prefix(self) -> bytes | None:
        """The prefix or the exact path that is matched; None for a regex or a name."""
        return None if isinstance(self.match, Regex | Named) else self.match.path.encode()

    def __repr__(self) -> str:
        verb = getattr(self.handler, "as_verb", None)
        last = verb() if callable(verb) else f"handle({self.handler!r})"
        return f"{code_of(self.match)}{_when(self.condition)}{self._verbs()}.{last}"


@frozen(kw_only=True, repr=False)
class OpenLocation(Scope, Generic[T]):
    """A location that wants a handler: one of the verbs from ``proxy_to`` to ``handle`` gives *T* back.

    *T* is the server on which ``.location()`` was called, or a :class:`Location` for the free function.
    """

    match: Match
    owner: Owner[T]
    condition: Condition | None = None

    def when(self, condition: ConditionSource) -> Self:
        """Answer only requests for which *condition* holds, as ``.when(method.equals("POST"))``.

        A condition is made by a method of a value, put together with ``&``, ``|`` and ``~``, or it is a function of the
        request that gives a bool.  Of several locations with one match the first answers whose condition holds, then
        the one without a condition; if there is none, the request goes on to the location that it would have without
        this match.  Several ``when`` must all hold.
        """
        made = as_condition("when()", told_comparison(condition))
        both = made if self.condition is None else self.condition & made
        return attrs.evolve(self, condition=both)

    def strip_prefix(self, prefix: str | None = None) -> Self:
        """As on other scopes; *prefix* is the location's own by default."""
        if prefix is None:
            if isinstance(self.match, Regex | Named):
                text = f"strip_prefix(): {code_of(self.match)} has no prefix of its own"
                raise ConfigError(text, hint='write strip_prefix("/api")')
            prefix = self.match.path
        return super().strip_prefix(prefix)

    def internal(self) -> Self:
        """Answer only requests that the proxy itself sent here, as an error page; 404 for clients.

        nginx's ``internal``.
        """
        return self._with(InternalOnly())

    def proxy_to(
        self, upstream: Upstream | str, *, path: str | None = None, websocket: Literal["tunnel"] | None = None
    ) -> T:
        """Send requests to *upstream*, or to the one peer at an address.

        The request target goes through byte for byte.  With *path* the matched prefix is replaced by it: at
        ``location("/api/")``, ``path="/v1/"`` makes ``/v1/users`` of ``/api/users``.

        With *websocket* as ``"tunnel"`` a request for a WebSocket is one for the peer too, and once it is granted the
        bytes of both sides are passed on as they are; see :meth:`websocket_to`, which ``tunnel=True`` makes do the
        same where nothing but WebSockets is spoken.  Without it peers never hear of ``Upgrade``.
        """
        if path is not None and isinstance(self.match, Regex | Named):
            raise no_prefix(path)
        return self.handle(Proxy(_upstream("proxy_to", upstream), path=path, websocket=websocket))

    def websocket_to(
        self,
        upstream: Upstream | str,
        *,
        path: str | None = None,
        tunnel: bool = False,
        origins: Iterable[str] | None = None,
        max_message: int | None = None,
        message_rate: str | None = None,
        burst: int = 10,
        ping: float | None = PING,
        deflate: bool = True,
        deflate_to_peer: bool = False,
        on_message: OnMessage | None = None,
    ) -> T:
        """Send WebSockets to *upstream*, or to the one peer at an address; all else is answered with 426.

        The client's WebSocket ends here, and another one begins at the peer: messages go from one to the other, long
        ones piece by piece, and so do subprotocols and close codes.  A peer that refuses is heard: its answer reaches
        the client as it is.  *path* is that of :meth:`proxy_to`.

        *origins* are the pages that may ask, as ``["https://example.com", "https://*.example.com"]``, or ``"same"``
        for those of the host that is asked; by default all of them may.  *max_message* bounds a message in bytes
        (1009).  A client may send messages at *message_rate*, as ``"100/s"``, and *burst* at once; one that sends
        more is closed (1008).  Pings and small fragments count as messages.  Both sides are sent a ping every *ping*
        seconds, and are dropped if nothing has come by the next one; None sends none.  After
        ``.timeouts(idle=3600)`` seconds without a message both are closed.
        *deflate* lets clients have their messages deflated (RFC 7692), *deflate_to_peer* offers that to the peer.

        *on_message* is asked for each message, a :class:`~pydsl_proxy.WebSocketMessage`: what it returns is sent on,
        its ``data`` or other data; None drops it, and ``close_websocket(1008)`` ends the WebSocket.  Messages are held
        as a whole for it, so *max_message* is 1 MiB then by default.

        With *tunnel* the bytes of both sides are passed on as they are once the peer has granted the WebSocket (a 101
        that proves it, RFC 6455 4.1): nothing is known of messages, and it costs little more than the copy.
        """
        if path is not None and isinstance(self.match, Regex | Named):
            raise no_prefix(path, "websocket_to")
        return self.handle(
            WebSockets(
                _upstream("websocket_to", upstream),
                path=path,
                tunnel=bool(tunnel),
                origins=read_origins(origins),
                max_message=max_message,
                message_rate=message_rate,
                burst=burst,
                ping=ping,
                deflate=bool(deflate),
                deflate_to_peer=bool(deflate_to_peer),
                on_message=on_message,
            )
        )

    def respond(
        self, status: int, body: bytes | ValueSource = b"", *, content_type: str = "text/plain; charset=utf-8"
    ) -> T:
        """Answer with *status* and *body*: a text, bytes, a value, or a function of the request.

        A text of one line with a value in the language of another proxy, as ``$host``, is refused; bytes are sent as
        they are.
        """
        return self.handle(Respond(status, body, content_type=content_type))

    def redirect_to(self, url: ValueSource, status: int = 302) -> T:
        """Send the client to *url*: a text, an f-string of values, or a function of the request.

        A URL without a path, as ``"https://example.com"``, keeps the request's path and query; one with a path, be it
        ``/``, is taken as it is.
        """
        return self.handle(Redirect(url, status))

    def redirect_to_https(self, status: int = 301, *, port: int | None = None) -> T:
        """Send the client to the same host, path and query by https, at *port* if it is not 443.

        *status* is 301, 302, 307 or 308; with 307 and 308 a POST stays one.  nginx's
        ``return 301 https://$host$request_uri``.
        """
        return self.handle(ToHttps(status, port=port))

    def serve_files(
        self,
        root: str | os.PathLike[str],
        *,
        index: Iterable[str] = ("index.html",),
        try_files: Iterable[ValueSource | Named | int] | None = None,
        cache_control: str | None = None,
        types: Mapping[str, str] | None = None,
        default_type: str = "application/octet-stream",
        browse: bool = False,
        precompressed: bool | Iterable[str] = False,
        keep_prefix: bool = False,
        hidden: bool = False,
        follow_symlinks: bool = True,
    ) -> T:
        """Answer GET and HEAD with the files below the folder *root*; at an exact path *root* may be one file.

        What follows the location's prefix is looked up, as with nginx's ``alias``; with *keep_prefix*, and where there
        is no prefix, as in a regex location, all of the path, as with its ``root``.  A relative *root* is below the
        folder of the configuration file.  Nothing outside of it is sent, whatever the request or a link in it says.

        *index* are the files that stand for a folder; without one it is forbidden (403), or with *browse* listed.
        *try_files* are paths to try in this order: texts, values such as ``path`` or ``f"{path}.html"``, and with a
        slash at the end folders; the last is a path to go on with, ``named("app")`` or a status.  *cache_control* is
        sent with every file.  *types* maps the ends of names to media types, beside some 150 that are known;
        *default_type* is that of all others.  With *precompressed*, or some of ``["br", "zstd", "gzip"]``,
        ``app.js.br``, ``.zst`` or ``.gz`` is sent in place of ``app.js`` to clients that accept it.  Names that begin
        with a dot are not there (404), but for ``/.well-known/``, unless *hidden*.  Links that stay below the root are
        followed unless *follow_symlinks* is false.
        """
        return self.handle(
            Files(
                root,
                index=index,
                try_files=try_files,
                cache_control=cache_control,
                types=types or (),
                default_type=default_type,
                browse=browse,
                precompressed=precompressed,
                keep_prefix=keep_prefix,
                hidden=hidden,
                follow_symlinks=follow_symlinks,
            )
        )

    def mount(self, resource: IResource | Resource) -> T:
        """Give requests to a resource of twisted.web."""
        if not IResource.providedBy(resource):
            raise ConfigError(
                f"mount(): {resource!r} is not a resource of twisted.web",
                hint="write an instance of twisted.web.resource.Resource, WSGIResource(…), or Klein().resource()",
            )
        return self.handle(Mount(resource))

    def wsgi(self, application: WSGIApplication | str, *, threads: int = THREADS, queue: int = QUEUE) -> T:
        """Answer with a WSGI application, as Flask's and Django's, in the proxy's own process.

        *application* is the object, or the name to import it by, ``"package.module:app"``.  It runs in at most
        *threads* threads at a time; *queue* is how many requests wait for one before others are answered 503.
        """
        given = imported("wsgi", application)
        check_wsgi(given)
        spelled = application if isinstance(application, str) else None
        return self.handle(Wsgi(cast("WSGIApplication", given), threads=threads, queue=queue, spelled=spelled))

    def asgi(self, application: Callable[..., Awaitable[object]] | str, *, max_message: int = MAX_MESSAGE) -> T:
        """Answer with an ASGI application, as FastAPI's and Starlette's, in the proxy's own process.

        *application* is the object, or the name to import it by, ``"package.module:app"``.  It runs in a loop of
        asyncio in a thread of its own, or in that of the reactor if the reactor is asyncio's.  It starts before the
        proxy listens, and stops with it (its "lifespan").  WebSockets are spoken too; a message of theirs has at most
        *max_message* bytes.
        """
        given = imported("asgi", application)
        check_asgi(given)
        spelled = application if isinstance(application, str) else None
        return self.handle(Asgi(cast("AsgiApplication", given), max_message=max_message, spelled=spelled))

    def handle(self, handler: Handler) -> T:
        """Give requests to *handler*, an object with ``compile(place)`` (:class:`pydsl_proxy.interfaces.Handler`)."""
        if isinstance(handler, type) or not callable(getattr(handler, "compile", None)):
            raise ConfigError(f"handle(): {handler!r} has no compile(place)", hint="see pydsl_proxy.interfaces.Handler")
        notice_closed(self.origin)
        made = Location(
            match=self.match,
            handler=handler,
            condition=self.condition,
            features=self.features,
            origin=self.origin,
        )
        return self.owner.including(made)

    def __repr__(self) -> str:
        before = "" if isinstance(self.owner, _Nobody) else f"{self.owner!r}."
        return f"{before}{code_of(self.match)}{_when(self.condition)}{self._verbs()}"


def _upstream(verb: str, given: object) -> Upstream:
    if isinstance(given, str):
        return alone(given)
    if isinstance(given, Upstream):
        return given
    raise not_an_upstream(verb, given)


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


def _when(condition: Condition | None) -> str:
    return "" if condition is None else f".when({condition!r})"


def no_handler(opened: OpenLocation[T]) -> ConfigError:
    """The error of a location that stands where only one with a handler may."""
    return ConfigError(
        f"{code_of(opened.match)} has no handler",
        origin=opened.origin,
        hint="end it with .proxy_to(…), .respond(…) or .redirect_to(…)",
    )
