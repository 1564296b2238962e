"""Servers, and the whole of a configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Literal, Protocol, TypeAlias, TypeGuard

import attrs
from attrs import frozen

from pydsl_proxy.config.checks.http2 import Http2, as_http2
from pydsl_proxy.config.client_limits import DEFAULT_CLIENTS, Clients
from pydsl_proxy.config.listening import endpoint
from pydsl_proxy.config.loading.meant import without_list
from pydsl_proxy.config.locations import Location, OpenLocation, no_handler, open_location
from pydsl_proxy.config.matching import Match, Regex, ServerName, as_server_name
from pydsl_proxy.config.proxy_headers import trusted_senders
from pydsl_proxy.config.scopes import Scope
from pydsl_proxy.config.streams.stream import OpenStream, Stream, no_upstream
from pydsl_proxy.config.tls.server import Tls, as_tls
from pydsl_proxy.config.trusted_proxies import DEFAULT_SOURCE, address_source, trusted_proxy
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.lists import listed
from pydsl_proxy.errors.log_words import check_log_word
from pydsl_proxy.errors.numbers import seconds
from pydsl_proxy.origin.paths import from_file
from pydsl_proxy.origin.spelling import call, options


class AccessLog(Protocol):
    """A config value that says what is logged of each exchange, and where."""

    @property
    def compile(self) -> Callable[..., object]:
        """Called once, when the configuration is compiled."""


Paths: TypeAlias = Literal["checked", "normalized", "as-sent"]

#: Access log on the standard output, in nginx's combined format.
STANDARD_OUTPUT = "-"

#: Seconds.  A client notices a quarter of a second.
DEFAULT_LOOP_LAG = 0.25


@frozen(kw_only=True, repr=False)
class Server(Scope):
    """Names and locations, at one or several listeners; made by :func:`server`.

    *listen* are endpoint strings.  The first server of a listener also takes the hosts
    that no server there claims, as in nginx.
    """

    listen: tuple[str, ...]
    names: tuple[ServerName, ...] = ()
    tls: tuple[Tls, ...] = ()
    http2: Http2 = None
    proxy_protocol: tuple[str, ...] = ()
    paths: Paths = "checked"
    locations: tuple[Location, ...] = ()

    def location(self, match: str | Match) -> OpenLocation[Server]:
        """A location of this server; give it features, then a handler, which gives the server back.

        *match* is a prefix as in nginx, the longest wins; or ``exact()``, ``prefix()``, ``regex()``.
        """
        return open_location(match, self)

    def including(self, *locations: Location) -> Server:
        """This server with locations that were made by the free function ``location(…)``."""
        for at, each in enumerate(locations):
            if not isinstance(each, Location):
                raise _not_a_location(each, at)
        return attrs.evolve(self, locations=(*self.locations, *locations))

    def _tls(self) -> list[str]:
        if len(self.tls) == 1:
            return [f"tls={self.tls[0]!r}"]
        return options(self, "tls")

    def __repr__(self) -> str:
        listen = [
            each.removeprefix("tcp:") if each.removeprefix("tcp:").isdecimal() else repr(each) for each in self.listen
        ]
        locations = "".join(f".{each!r}" for each in self.locations)
        rest = (options(self, "names"), self._tls(), options(self, "http2", "proxy_protocol", "paths"))
        return call("server", listen, *rest) + self._verbs() + locations


@frozen(kw_only=True, repr=False)
class Http(Scope):
    """The whole of a configuration; made by :func:`http`.

    *access_log* is ``"-"``, a path, an access log, or None for no log.
    """

    servers: tuple[Server, ...]
    streams: tuple[Stream, ...] = ()
    access_log: str | AccessLog | None = STANDARD_OUTPUT
    trusted_proxies: tuple[str, ...] = ()
    client_address_from: str = DEFAULT_SOURCE
    shutdown_grace: float = 30
    clients: Clients = DEFAULT_CLIENTS
    loop_lag: float | None = DEFAULT_LOOP_LAG

    def __repr__(self) -> str:
        rest = options(
            self, "access_log", "trusted_proxies", "client_address_from", "shutdown_grace", "clients", "loop_lag"
        )
        return call("http", map(repr, self.servers), map(repr, self.streams), rest) + self._verbs()


def server(
    listen: int | str,
    *more: int | str,
    names: Iterable[str | Regex] = (),
    tls: Tls | Iterable[Tls] | None = None,
    http2: Http2 = None,
    proxy_protocol: Iterable[str] | None = None,
    paths: Paths = "checked",
) -> Server:
    """A server that listens at a port, or any of Twisted's endpoint strings, for hosts called *names*.

    A name is ``"example.com"``, ``"*.example.com"``, ``"mail.*"`` or ``regex(…)``, chosen among as nginx
    does; the first server of a listener takes what no name fits.

    *tls* is what :func:`~pydsl_proxy.tls` makes, or a list of several certificates: a client is shown the one that
    stands for the name that it asks for, of an RSA and an ECDSA one for the same name the one that it prefers.  The
    server whose certificates are shown is chosen by that name (SNI) as others are by Host.

    Over TLS clients may speak HTTP/2 (ALPN); ``http2=False`` offers HTTP/1.1 alone, and ``http2=True`` is the default
    with TLS.  With ``http2="prior-knowledge"`` a client may also begin with
    it, without TLS too, as other proxies and gRPC do.  nginx: ``http2 on``.

    *proxy_protocol* lists the proxies in front, addresses or networks as ``"10.0.0.0/8"``, or ``"unix:"``, that begin
    each connection with a header of the PROXY protocol, version 1 or 2, before TLS if there is any (nginx's
    ``listen … proxy_protocol``).  The client whom it tells is the client in all else.  A connection without a header,
    or from anywhere else, is closed.

    *paths* says what peers may get.  With ``"checked"`` it is the path as sent, but one that a peer may take for a
    location with guards that the client has not met, as ``/admin/..%2f`` or ``/admin;x/``, is answered with 400.  With
    ``"normalized"`` an ambiguous path is sent as locations see it, without dots and encoded slashes.  With
    ``"as-sent"`` nothing is looked at.
    """
    if paths not in ("checked", "normalized", "as-sent"):
        raise ConfigError(
            f"server(paths={paths!r}) is not known", hint='write paths="normalized", "checked" or "as-sent"'
        )
    places = [endpoint(each) for each in (listen, *more)]
    for place in places:
        if places.count(place) > 1:
            raise ConfigError(f"server(): {place!r} stands twice", hint="write it once")
    return Server(
        listen=tuple(places),
        names=tuple(map(as_server_name, listed("server", "names", names, '["example.com"]', as_server_name))),
        tls=(given := as_tls(tls)),
        http2=as_http2(http2, secure=bool(given)),
        proxy_protocol=trusted_senders(proxy_protocol),
        paths=paths,
    )


def http(
    *servers: Server | Stream,
    access_log: str | os.PathLike[str] | AccessLog | bool | None = STANDARD_OUTPUT,
    trusted_proxies: Iterable[str] = (),
    client_address_from: str = DEFAULT_SOURCE,
    shutdown_grace: float = 30,
    clients: Clients | None = None,
    loop_lag: float | None = DEFAULT_LOOP_LAG,
) -> Http:
    """The whole: every server and stream, and what holds for all of them.

    *access_log* is a path, ``"-"`` for the standard output, or None for no log.  The forwarding fields of clients in
    *trusted_proxies*, addresses or networks as ``"10.0.0.0/8"``, or ``"unix:"``, are believed; *client_address_from*
    is the one that tells the client's address, ``"x-forwarded-for"``, ``"x-real-ip"`` or ``"forwarded"``.  When the
    proxy is told to stop, exchanges have *shutdown_grace* seconds to end.  *clients* are the limits of
    :func:`~pydsl_proxy.clients`.  If the event loop does not run for *loop_lag* seconds, because one function takes
    that long, the log names the function; None turns that off.
    """
    if not servers:
        raise ConfigError("http() without a server", hint="write http(server(8080).location(…)…)")
    for at, each in enumerate(servers):
        if not isinstance(each, Server | Stream):
            raise _not_a_server(each, at)
    proxies = tuple(
        map(trusted_proxy, listed("http", "trusted_proxies", trusted_proxies, '["10.0.0.0/8"]', trusted_proxy))
    )
    return Http(
        servers=tuple(each for each in servers if isinstance(each, Server)),
        streams=tuple(each for each in servers if isinstance(each, Stream)),
        access_log=_access_log(access_log),
        trusted_proxies=proxies,
        client_address_from=address_source(client_address_from, proxies),
        shutdown_grace=seconds("http(shutdown_grace=…)", shutdown_grace, zero=True),
        clients=_clients(clients),
        loop_lag=None if loop_lag is None else seconds("http(loop_lag=…)", loop_lag),
    )


def as_http(config: Http | Server | Stream) -> Http:
    """*config* as a whole: a server or a stream stands for ``http(server)``."""
    return config if isinstance(config, Http) else http(config)


def _clients(given: object) -> Clients:
    if given is None:
        return DEFAULT_CLIENTS
    if isinstance(given, Clients):
        return given
    raise ConfigError(f"http(clients=…): {given!r} are no limits", hint="write clients=clients(head_timeout=30)")


def _access_log(given: object) -> str | AccessLog | None:
    if given is None or given is False:
        return None
    if given is True:
        return STANDARD_OUTPUT
    if isinstance(given, str | os.PathLike):
        path = os.fspath(given)
        if isinstance(path, str) and path and "\0" not in path:
            check_log_word("http(access_log=…)", path)
            return path if path == STANDARD_OUTPUT else from_file(path)
    elif _is_access_log(given):
        return given
    raise ConfigError(
        f"http(access_log=…): {given!r} is not a path", hint='write "/var/log/access.log", or None for no log'
    )


def _is_access_log(given: object) -> TypeGuard[AccessLog]:
    return callable(getattr(given, "compile", None)) and not isinstance(given, type)


def _not_a_server(given: object, at: int) -> ConfigError:
    if isinstance(given, OpenStream):
        return no_upstream(given)
    if isinstance(given, OpenLocation):
        return no_handler(given)
    if isinstance(given, Location):
        return ConfigError(
            f"http(): {given!r} is a location, not a server", hint="write http(server(8080).including(…))"
        )
    if isinstance(given, list | tuple):
        return ConfigError(
            f"http(): the servers are in a {type(given).__name__}",
            hint=f"write {without_list('http', at, 'http(*servers)')}",
        )
    return ConfigError(f"http(): {given!r} is not a server", hint="write http(server(8080).location(…)…)")


def _not_a_location(given: object, at: int) -> ConfigError:
    if isinstance(given, OpenLocation):
        return no_handler(given)
    if isinstance(given, list | tuple):
        text = f"including(): the locations are in a {type(given).__name__}"
        code = without_list("including", at, "including(*locations)", before="server(80).")
        return ConfigError(text, hint=f"write .{code}")
    return ConfigError(f"including(): {given!r} is not a location", hint='write .including(location("/").proxy_to(…))')
