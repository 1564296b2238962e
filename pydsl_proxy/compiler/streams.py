"""Streams become sites of their own: who may pass, to which upstream, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf
from typing import cast

from twisted.internet.interfaces import IReactorTime

from pydsl_proxy.compiler.mistakes import Mistakes, Steps
from pydsl_proxy.compiler.routing import compile_server_names
from pydsl_proxy.compiler.shared_state import StateRegistry
from pydsl_proxy.compiler.upstreams import Upstreams
from pydsl_proxy.config.features import last_of, merged
from pydsl_proxy.config.servers import Http
from pydsl_proxy.config.streams.features import StreamConnections, StreamRetry, StreamTimeouts, idle_of
from pydsl_proxy.config.streams.stream import Stream
from pydsl_proxy.errors import ConfigError, ProxyError, Source
from pydsl_proxy.features.access.access_rules import AccessRules
from pydsl_proxy.features.limits.leaky_bucket import short_key
from pydsl_proxy.features.limits.limit_connections import UnderWay
from pydsl_proxy.features.timeouts import SetTimeouts, Timeouts
from pydsl_proxy.net.reactors import Clock
from pydsl_proxy.observe.logged_exchange import LoggedExchange
from pydsl_proxy.runtime.stream.connection import Gate, Passage, Passing
from pydsl_proxy.runtime.stream.site import StreamSite
from pydsl_proxy.values.request import Request
from pydsl_proxy.values.value import as_bytes, client_address, client_network, server_port
from pydsl_proxy.wire.connection.address_table import ALL, AddressTable
from pydsl_proxy.wire.connection.forwarded import TrustedProxies

# Keys that are known before TLS is.
_OF_ADDRESSES = (client_address, client_network, server_port)
# nginx's stream module logs it for limit_conn.
LIMITED = 503


def streams_by_listener(config: Http) -> dict[str, list[Stream]]:
    """The streams of each endpoint string, in the order of the file."""
    chosen: dict[str, list[Stream]] = {}
    for stream in config.streams:
        for listen in stream.listen:
            chosen.setdefault(listen, []).append(stream)
    return chosen


def compile_streams(
    config: Http,
    chosen: Mapping[str, Sequence[Stream]],
    upstreams: Upstreams,
    clock: Clock,
    kept: StateRegistry,
    errors: Mistakes,
    *,
    trusted: TrustedProxies | None,
    log: Callable[[LoggedExchange], None] | None,
    handshakes: bool,
) -> Steps[dict[str, StreamSite]]:
    """The site of each endpoint string; what is found to be wrong goes to *errors*."""
    made: dict[int, Passing] = {}
    for stream in config.streams:
        yield
        try:
            made[id(stream)] = _passing(config, stream, upstreams, clock, kept)
        except ConfigError as error:
            errors.add(error)
    if len(made) < len(config.streams):
        return {}
    return {
        listen: StreamSite(
            compile_server_names([(each.names, made[id(each)]) for each in streams], made[id(streams[0])]),
            [made[id(each)] for each in streams],
            config.clients,
            peeks=not streams[0].tls and any(each.names for each in streams),
            secured=handshakes and bool(streams[0].tls),
            trusted=trusted,
            log=log,
        )
        for listen, streams in chosen.items()
    }


def _passing(config: Http, stream: Stream, upstreams: Upstreams, clock: Clock, kept: StateRegistry) -> Passing:
    retry = last_of(StreamRetry, stream.features) or StreamRetry()
    early, late = _gates(stream, clock, kept)
    return Passing(
        upstreams.of(stream.upstream),
        _timeouts(config, stream),
        clock.seconds,
        idle=idle_of(stream.features),
        tries=inf if retry.tries is None else retry.tries,
        timeout=inf if retry.timeout is None else retry.timeout,
        by_address=_by_address(config, stream),
        early=early,
        gates=late,
    )


def _timeouts(config: Http, stream: Stream) -> Timeouts:
    """Of what the whole says about times, the one for connecting has a meaning here."""
    connect = Timeouts().connect
    for feature in merged(config, stream):
        if isinstance(feature, SetTimeouts | StreamTimeouts) and feature.connect is not None:
            connect = feature.connect
    return Timeouts(connect=connect)


def _by_address(config: Http, stream: Stream) -> Gate | None:
    # The rules of the inner scope are looked at first.
    rules = [
        rule
        for scope in (stream, config)
        for feature in scope.features
        if isinstance(feature, AccessRules)
        for rule in feature.rules
    ]
    if not rules:
        return None
    unknown = next((rule for rule in rules if not rule.allows or ALL in rule.networks), None)
    table = AddressTable([(network, rule) for rule in rules for network in rule.networks], unknown)

    def by_address(passage: Passage) -> ProxyError | None:
        address = passage.identity.address
        rule = table.find(address)
        if rule is None or rule.allows:
            return None
        return ProxyError(Source.CLIENT, 403, "access_denied", f"{address} is refused by {rule}")

    return by_address


def _gates(stream: Stream, clock: Clock, kept: StateRegistry) -> tuple[tuple[Gate, ...], tuple[Gate, ...]]:
    """Who may not pass, in the order of looking: by number of addresses; then by certificate, and by other numbers."""
    early: list[Gate] = []
    gates: list[Gate] = []
    if stream.tls and stream.tls[0].client_ca is not None and not stream.tls[0].optional:
        gates.append(partial(_by_certificate, stream.tls[0].client_ca))
    for feature in stream.features:
        if isinstance(feature, StreamConnections):
            (early if feature.key in _OF_ADDRESSES else gates).append(_by_number(feature, clock, kept))
    return tuple(early), tuple(gates)


def _by_certificate(authority: str, passage: Passage) -> ProxyError | None:
    """OpenSSL ends the handshake of a certificate that is not valid, but not of a client that sends none."""
    tls = passage.identity.tls
    if tls is not None and tls.is_verified_by(authority):
        return None
    return ProxyError(Source.CLIENT, 403, "no_client_certificate", "the client sent no certificate")


def _by_number(limit: StreamConnections, clock: Clock, kept: StateRegistry) -> Gate:
    read: Callable[[Request], bytes] = as_bytes(limit.key)
    state = kept.of(limit, partial(UnderWay, cast(IReactorTime, clock)))
    state.notices.limit = f"{limit.origin}: {limit.as_verb()}"

    def by_number(passage: Passage) -> ProxyError | None:
        key = short_key(read(passage.request))
        if not key:
            return None
        if state.of(key) >= limit.most:
            state.notices.note("a connection was closed at once", key)
            text = f"{limit.most} connections of its key are open"
            return ProxyError(Source.CLIENT, LIMITED, "limit_connections", text)
        state.enter(key)
        passage.when_over(partial(state.leave, key))
        return None

    return by_number
