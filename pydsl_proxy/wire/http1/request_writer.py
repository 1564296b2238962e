"""The head of a request as a peer of HTTP/1.1 is sent it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pydsl_proxy.wire.connection.forwarded import Identity
from pydsl_proxy.wire.fields import cdn_loop
from pydsl_proxy.wire.fields.bound_users import adds_binding
from pydsl_proxy.wire.http.field_rules import FieldRules, cut, spans_of
from pydsl_proxy.wire.http.framing import FRAMING
from pydsl_proxy.wire.http.head import RequestFields
from pydsl_proxy.wire.http.hop_by_hop import FORWARDING, REQUEST_DROPPED
from pydsl_proxy.wire.http.uri import visible


class Outgoing(Protocol):
    """What of an exchange goes into the head that a peer is sent."""

    method: bytes
    target: bytes
    peer_target: bytes
    fields: RequestFields
    identity: Identity

    @property
    def request(self) -> object:
        """What the functions of field rules are given."""


class RequestWriter:
    """Writes the heads of one location's requests to one upstream.

    Everything in a head but its first line and its end follows from the client's header section alone, and is kept
    with it.  *host* is sent where a client of HTTP/1.0 named none; *upgrade* is the protocol that peers are asked to
    switch to; *added* is the section that says that the request came through here, which rules may keep from peers.
    """

    __slots__ = ("_added", "_binds", "_computes_user", "_dropped", "_host", "_is_usual", "_rules", "_upgrade")

    def __init__(self, rules: FieldRules, host: bytes, upgrade: bytes = b"", added: bytes = b"") -> None:
        self._rules = rules
        self._host = host
        self._added = b"" if cdn_loop.NAME in rules.removed else added
        self._upgrade = b"\r\nConnection: Upgrade\r\nUpgrade: " + upgrade if upgrade else b""
        self._dropped = REQUEST_DROPPED | FORWARDING | FRAMING | rules.removed
        self._binds = adds_binding(rules.constant)
        self._computes_user = any(name.lower() == b"authorization" for name, _ in rules.computed)
        self._is_usual = not rules.computed and FORWARDING.isdisjoint(rules.removed)

    @property
    def write(self) -> Callable[[Outgoing], bytes]:
        """What writes a head; to be asked for once, when a location is compiled."""
        return self._write_usual if self._is_usual else self._write_any

    def _write_usual(self, exchange: Outgoing) -> bytes:
        fields = exchange.fields
        identity = exchange.identity
        section = fields.edited.get(self)
        if section is None or identity.believed:
            section = self._section(fields, identity)
        target = exchange.peer_target
        if target is not exchange.target:
            # Only the client's own was read as a target; this one may be any handler's.
            target = visible(target)
        return b"%b %b HTTP/1.1%b%b" % (exchange.method, target, section, identity.tail)

    def _write_any(self, exchange: Outgoing) -> bytes:
        rules = self._rules
        section = exchange.fields.edited.get(self)
        identity = exchange.identity
        if section is None or identity.believed:
            section = self._section(exchange.fields, identity)
        computed = rules.compute(exchange.request) if rules.computed else b""
        if self._computes_user and adds_binding(computed):
            exchange.fields.binds = True
        tail = identity.tail if FORWARDING.isdisjoint(rules.removed) else identity.without(rules.removed)
        target = exchange.peer_target
        if target is not exchange.target:
            target = visible(target)
        return b"%b %b HTTP/1.1%b%b%b" % (exchange.method, target, section, computed, tail)

    def _section(self, fields: RequestFields, identity: Identity) -> bytes:
        """The client's section, edited; with X-Forwarded-Host unless the identity brings it."""
        if self._binds:
            fields.binds = True
        base = fields.base
        if base is not None and not self._rules.removed and not fields.named:
            # What changes is at the end, and nothing of it is edited.
            section = base.edited.get(self)
            if section is None or identity.believed:
                section = self._section(base, identity)
            return section + fields.changing
        dropped, removed = self._dropped, self._rules.removed
        spans = [(start, end) for name, start, end in fields.spans if name in dropped]
        for name in (removed | fields.named) if fields.named else removed:
            spans += spans_of(fields.lower, name)
        section = cut(fields.raw, spans)
        if fields.host is None and b"host" not in removed:
            section += b"\r\nHost: " + self._host
        section += self._upgrade + _framing(fields) + self._rules.constant + self._added
        if identity.believed:
            return section
        if fields.host and b"x-forwarded-host" not in removed:
            section += b"\r\nX-Forwarded-Host: " + fields.host
        fields.edited[self] = section
        return section


def _framing(fields: RequestFields) -> bytes:
    """The framing as it was understood, whatever its spelling: a peer may not read a tab or ``0010`` as we did."""
    if fields.chunked:
        return b"\r\nTransfer-Encoding: chunked"
    return b"" if fields.content_length is None else b"\r\nContent-Length: %d" % fields.content_length
