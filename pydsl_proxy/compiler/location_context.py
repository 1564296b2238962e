"""The surroundings that a location's handler and steps are compiled for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from random import Random
from typing import TypeVar, cast

from twisted.internet.interfaces import IReactorTime

from pydsl_proxy.compiler.location_settings import TermsTable
from pydsl_proxy.compiler.shared_state import StateRegistry
from pydsl_proxy.compiler.upstreams import Upstreams
from pydsl_proxy.config.features import Feature, filters_of, steps_of
from pydsl_proxy.config.locations import Location
from pydsl_proxy.config.upstreams import Upstream as UpstreamConfig
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.features.buffering.requests import measured
from pydsl_proxy.features.rewriting.rewrite import Rewrite
from pydsl_proxy.interfaces import Ask, Call, Exchange, Handle, Timeouts
from pydsl_proxy.net.reactors import DataReactor
from pydsl_proxy.net.turns import turns_of
from pydsl_proxy.origin import Origin
from pydsl_proxy.runtime.filter_chain import filtered
from pydsl_proxy.runtime.inner_exchange import caller
from pydsl_proxy.runtime.site import CompiledLocation, Rewritten
from pydsl_proxy.runtime.upstream.accel import AccelHeaders
from pydsl_proxy.runtime.upstream.relay import Relay
from pydsl_proxy.runtime.upstream.subrequest import asker
from pydsl_proxy.wire.edits.relocation import relocated
from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http1.request_writer import RequestWriter
from pydsl_proxy.wire.websocket import TOKEN as WEBSOCKET

T = TypeVar("T")


class LocationContext:
    """One location with all that it inherits; see :class:`~pydsl_proxy.interfaces.CompileContext`."""

    def __init__(
        self,
        location: Location,
        features: tuple[Feature, ...],
        upstreams: Upstreams,
        reactor: DataReactor,
        kept: StateRegistry,
        terms: TermsTable,
    ) -> None:
        self._location = location
        self._features = features
        self._upstreams = upstreams
        self._reactor = reactor
        self._kept = kept
        self.proxies = False
        self._table = terms
        self._terms = terms.of(features)
        self.request_rules = self._terms.request_rules
        # Its own, though equal to others': by them an exchange knows its location; see Exchange.is_here.
        self.response_rules = self._terms.response_rules.of_location()

    @property
    def origin(self) -> Origin:
        """The line of the user's file that made the location."""
        return self._location.origin

    @property
    def clock(self) -> IReactorTime:
        """The clock of the whole proxy."""
        return cast(IReactorTime, self._reactor)

    def later(self, call: Callable[[], None], failed: Callable[[], object] | None) -> None:
        """See :class:`~pydsl_proxy.interfaces.CompileContext`."""
        turns_of(self._reactor).later(call, failed)

    @property
    def random(self) -> Random:
        """The source of random numbers."""
        return self._upstreams.random

    @property
    def prefix(self) -> bytes | None:
        """The matched prefix or exact path; None for a regex."""
        return self._location.prefix

    @property
    def timeouts(self) -> Timeouts:
        """Seconds."""
        return self._terms.timeouts

    def room(self) -> CompiledLocation:
        """The location, compiled: its steps run from the outermost to the innermost, then its handler.

        What a step answers itself goes through the filters as well.
        """
        handle = self._location.handler.compile(self)
        steps = steps_of(self._features)
        rewritten = None
        if any(isinstance(step, Rewrite) for step in steps):
            handle = rewritten = Rewritten(handle)
        for step in reversed(steps):
            handle = step.compile(handle, self)
        attached = [each.attach(self) for each in filters_of(self._features)]
        filters = [each for each in attached if each is not None]
        if filters:
            handle = filtered(filters, handle)
        return CompiledLocation(handle, self.response_rules, rewritten)

    def relay(self, upstream: object, replaced: bytes | None = None, *, websocket: bool = False) -> Handle:
        """The handle that sends exchanges to *upstream*; see :meth:`~pydsl_proxy.interfaces.CompileContext.relay`."""
        self.proxies = True
        silence = self.timeouts.idle if websocket else None
        handle = self._relay(upstream, replaced, steering=self._terms.steering, silence=silence)
        via = upstream.via if isinstance(upstream, UpstreamConfig) else None
        return measured(handle, self) if getattr(via, "needs_length", False) else handle

    def _relay(
        self,
        upstream: object,
        replaced: bytes | None = None,
        *,
        rules: FieldRules | None = None,
        steering: AccelHeaders | None = None,
        silence: float | None = None,
    ) -> Handle:
        assert isinstance(upstream, UpstreamConfig)
        if silence is not None and not getattr(upstream.via, "switches", upstream.via is None):
            raise ConfigError(
                f"upstream {upstream.name!r} is spoken to via {upstream.via!r}, which knows no WebSockets",
                origin=self.origin,
                hint="make another upstream of the same peers, without via=…",
            )
        known, terms = self._upstreams.known(upstream), self._terms
        upgrade = b"" if silence is None else WEBSOCKET
        writer = (
            self._table.writer(terms, known.host, upgrade, known.added)
            if rules is None
            else RequestWriter(rules, known.host, upgrade, known.added)
        )
        rules = self.request_rules if rules is None else rules
        if replaced is None and terms.stripped is not None:
            move = partial(_relocate, known.scheme, known.names, b"/", terms.stripped.prefix.encode() + b"/")
        elif replaced is None or self.prefix is None:
            move = partial(_relocate, known.scheme, known.names, b"/", b"/")
        else:
            move = partial(_relocate, known.scheme, known.names, replaced, self.prefix)
        relay = Relay(
            known.upstream,
            terms.timeouts,
            terms.retry,
            writer.write,
            move,
            self._reactor.seconds,
            rules.removed,
            steering,
            silence,
            passes_interim=terms.passes_interim,
        )
        # It asks more of an exchange than handlers in general do; there is only one kind.
        return cast(Handle, relay)

    def asker(self, upstream: object, *, edited: bool = True) -> Ask:
        """The function that sends requests of our own to *upstream*."""
        rules = self.request_rules if edited else FieldRules()
        return asker(self._relay(upstream, rules=rules), self._reactor.seconds)

    def caller(self, upstream: object, replaced: bytes | None = None, *, websocket: bool = False) -> Call:
        """The function that sends an exchange's request to *upstream*, for a handler between client and peer."""
        self.proxies = True
        # Who stands between knows better what silence means.
        silence, steering = (inf, self._terms.steering) if websocket else (None, None)
        return caller(self._relay(upstream, replaced, steering=steering, silence=silence), self._reactor.seconds)

    def kept(self, feature: object, make: Callable[[], T]) -> T:
        """The living state of *feature*; see :meth:`~pydsl_proxy.interfaces.CompileContext.kept`."""
        return self._kept.of(feature, make)


def _relocate(
    scheme: bytes,
    names: tuple[bytes, ...],
    replaced: bytes,
    prefix: bytes,
    exchange: Exchange,
    response: ResponseHead,
) -> ResponseHead:
    """The URL that the client asked for is told by its Host, and by its connection or a trusted proxy."""
    host = exchange.fields.host
    if not host:
        return response
    here = exchange.identity.scheme.encode() + b"://" + host
    return relocated(response, names, replaced, prefix, here, scheme)
