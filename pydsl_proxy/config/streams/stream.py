"""Streams: listeners whose connections are passed to peers as they are (layer 4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from attrs import frozen

from pydsl_proxy.balancing.value_hash import HashBy
from pydsl_proxy.config.listening import endpoint
from pydsl_proxy.config.loading.meant import not_an_upstream
from pydsl_proxy.config.loading.opened_locations import notice_closed, notice_opened
from pydsl_proxy.config.matching import Regex, ServerName, as_server_name
from pydsl_proxy.config.proxy_headers import trusted_senders
from pydsl_proxy.config.streams.features import StreamConnections, stream_retry, stream_timeouts
from pydsl_proxy.config.streams.values import check_stream_value
from pydsl_proxy.config.tls.server import Tls, as_tls
from pydsl_proxy.config.upstreams import Upstream, alone
from pydsl_proxy.config.verbs.addresses import Addresses
from pydsl_proxy.config.verbs.base import Featured
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.lists import listed
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.values.value import ValueSource, client_network


@frozen(kw_only=True, repr=False)
class _Listened(Featured):
    """Where a stream listens, and what it asks for."""

    listen: tuple[str, ...]
    names: tuple[ServerName, ...] = ()
    tls: tuple[Tls, ...] = ()
    proxy_protocol: tuple[str, ...] = ()

    def _code(self) -> str:
        """The call that opens it."""
        listen = [
            each.removeprefix("tcp:") if each.removeprefix("tcp:").isdecimal() else repr(each) for each in self.listen
        ]
        tls = [f"tls={self.tls[0]!r}"] if len(self.tls) == 1 else options(self, "tls")
        return call("stream", listen, options(self, "names"), tls, options(self, "proxy_protocol"))


@frozen(kw_only=True, repr=False)
class Stream(_Listened):
    """Connections at one or several listeners, and the upstream that they are passed to; made by :func:`stream`."""

    upstream: Upstream

    def __repr__(self) -> str:
        only = self.upstream.peers[0].address
        to = repr(only) if self.upstream == alone(only) else repr(self.upstream)
        return f"{self._code()}{self._verbs()}.proxy_to({to})"


@frozen(kw_only=True, repr=False)
class OpenStream(_Listened, Addresses):
    """A stream that wants an upstream: ``proxy_to`` gives a :class:`Stream`."""

    def timeouts(self, *, connect: float | None = None, idle: float | None = None) -> Self:
        """Wait *connect* seconds for a peer to be connected (5 by default); end a stream on which nothing came from
        either side for *idle* seconds (600).

        nginx's ``proxy_connect_timeout``, which is 60 s there, and ``proxy_timeout``.
        """
        return self._with(stream_timeouts(connect=connect, idle=idle))

    def retry(self, tries: int | None = None, *, timeout: float | None = None) -> Self:
        """Try a client's connection at so many peers in all, or each peer once, for *timeout* seconds at most.

        A peer that cannot be connected is passed over without this verb too: ``retry(1)`` is for no second try.  Once
        connected nothing is repeated.  nginx's ``proxy_next_upstream`` with ``_tries`` and ``_timeout``.
        """
        return self._with(stream_retry(tries, timeout=timeout))

    def limit_connections(self, most: int, *, key: ValueSource = client_network) -> Self:
        """Close a client's connection at once while *most* connections with its *key* are open.

        *key* is a value that does not need HTTP, the client's address by default, and for IPv6 its /64 network.
        nginx's ``limit_conn``.
        """
        return self._with(StreamConnections(most, key=key))

    def proxy_to(self, upstream: Upstream | str) -> Stream:
        """Pass connections to *upstream*, or to the one peer at an address, byte for byte, in both directions."""
        if isinstance(upstream, str):
            upstream = alone(upstream)
        elif not isinstance(upstream, Upstream):
            raise not_an_upstream("proxy_to", upstream, name="db", before="stream(80).")
        if upstream.via is not None:
            raise ConfigError(
                f"proxy_to(): upstream {upstream.name!r} is spoken to via={upstream.via!r}; a stream speaks nothing",
                hint="leave via=… out of the upstream of a stream",
            )
        if isinstance(upstream.strategy, HashBy):
            check_stream_value(f"proxy_to(): the strategy of upstream {upstream.name!r}", upstream.strategy.value)
        notice_closed(self.origin)
        return Stream(
            listen=self.listen,
            names=self.names,
            tls=self.tls,
            proxy_protocol=self.proxy_protocol,
            upstream=upstream,
            features=self.features,
            origin=self.origin,
        )

    def __repr__(self) -> str:
        return f"{self._code()}{self._verbs()}"


def stream(
    listen: int | str,
    *more: int | str,
    names: Iterable[str | Regex] = (),
    tls: Tls | Iterable[Tls] | None = None,
    proxy_protocol: Iterable[str] | None = None,
) -> OpenStream:
    """A stream: connections at a port, or any of Twisted's endpoint strings, are passed to peers as they are.

    End it with ``.proxy_to(…)``, and give it to ``http(…)`` beside servers; alone it stands for the whole.  It is
    nginx's ``stream { server { … } }``.

    With *tls*, which :func:`~pydsl_proxy.tls` makes, TLS ends here and what is in it is passed on.  Without, *names*
    choose among the streams of one listener by the name that a client's TLS asks for (SNI), and TLS is passed on
    unopened; names are those of servers, and the first stream of a listener takes what no name fits and clients that
    name none.  nginx's ``ssl_preread``.

    *proxy_protocol* lists the proxies in front that tell who the client is, as that of
    :func:`~pydsl_proxy.server` does.
    """
    places = [endpoint(each, of="stream") for each in (listen, *more)]
    for place in places:
        if places.count(place) > 1:
            raise ConfigError(f"stream(): {place!r} stands twice", hint="write it once")
    opened = OpenStream(
        listen=tuple(places),
        names=tuple(map(as_server_name, listed("stream", "names", names, '["example.com"]', as_server_name))),
        tls=_as_tls(tls),
        proxy_protocol=trusted_senders(proxy_protocol, of="stream"),
    )
    notice_opened(opened.origin, opened._code())
    return opened


def _as_tls(given: Tls | Iterable[Tls] | None) -> tuple[Tls, ...]:
    terms = as_tls(given, of="stream")
    if terms and terms[0].strict_host:
        raise ConfigError("stream(tls=tls(strict_host=True)): a stream has no Host", hint="leave strict_host out")
    return terms


def no_upstream(opened: OpenStream) -> ConfigError:
    """The error of a stream that stands where only one with an upstream may."""
    return ConfigError(
        f"{opened!r} has no upstream", origin=opened.origin, hint='end it with .proxy_to("127.0.0.1:5432")'
    )
