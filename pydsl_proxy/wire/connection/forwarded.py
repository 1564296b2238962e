"""Who the client is, and how the next hop is told.

A client's own forwarding fields are believed only if it is a trusted proxy, and of them only those of one family: what
others say may be the client's own words, which the proxy handed on.  Lists are read from the right: each proxy appends
the address it was called from, so the first address from the right that is no trusted proxy is the client's
(nginx's realip module with ``real_ip_recursive on``).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from copy import copy
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Protocol

from pydsl_proxy.wire.connection.tls_info import TlsInfo
from pydsl_proxy.wire.fields.rfc7239 import Hop, node_address, read_forwarded
from pydsl_proxy.wire.http.grammar import HEAD_END, is_value
from pydsl_proxy.wire.http.head import RequestFields
from pydsl_proxy.wire.http.uri import BadHost, host_and_port

_PREFIX = b"X-Forwarded-Prefix"

# More hops than any chain of proxies has; what is left of them is not read.
MAX_HOPS = 32


class Identity:
    """Whose request it is: one for each connection of a client, or one for each request of a trusted proxy.

    ``tail`` ends the head that a peer is sent.  ``believed`` says that the forwarding fields were the request's own:
    then ``tail`` has X-Forwarded-Host too, otherwise that follows from the Host field.
    """

    __slots__ = (
        "_last_under",
        "address",
        "base",
        "believed",
        "pairs",
        "pins",
        "port",
        "scheme",
        "server_address",
        "server_port",
        "tail",
        "tls",
    )

    def __init__(
        self,
        address: str,
        port: int,
        scheme: str,
        server_port: int,
        forwarded_for: bytes = b"",
        host: bytes | None = None,
        server_address: str = "",
    ) -> None:
        if ":" in address:
            address, server_address = unmapped(address), unmapped(server_address)
        self.address = address
        self.port = port
        self.scheme = scheme
        self.server_port = server_port
        self.server_address = server_address
        self.believed = host is not None
        #: The same before :meth:`under`, if that made it.
        self.base: Identity | None = None
        #: What belongs to the client's connection, if anything does.
        self.pins: ClosedWith | None = None
        #: The connection's TLS; None if it has none.
        self.tls: TlsInfo | None = None
        raw = address.encode()
        pairs = [
            (b"X-Real-IP", raw),
            (b"X-Forwarded-For", forwarded_for or raw),
            (b"X-Forwarded-Proto", scheme.encode()),
        ]
        if host:
            pairs.append((b"X-Forwarded-Host", host))
        self.pairs = pairs
        self.tail = _tail(pairs)

    def under(self, prefix: bytes) -> Identity:
        """The same for a target of which *prefix* was cut off: the next hop is told, as Traefik does."""
        # Not set before it is asked for: connections of locations that strip nothing do not pay for it.
        last: tuple[bytes, Identity] | None = getattr(self, "_last_under", None)
        if last is not None and last[0] == prefix:
            return last[1]
        made = copy(self)
        made.pairs = [pair for pair in self.pairs if pair[0] != _PREFIX] + [(_PREFIX, prefix)]
        made.tail = _tail(made.pairs)
        made.base = self.base or self
        made._last_under = None
        self._last_under: tuple[bytes, Identity] | None = (prefix, made)
        return made

    def without(self, names: frozenset[bytes]) -> bytes:
        """The tail without the fields (lower-case names) that a location sets or removes itself."""
        return _tail([pair for pair in self.pairs if pair[0].lower() not in names])


def _tail(pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"\r\n%b: %b" % pair for pair in pairs]) + HEAD_END


class ClosedWith(Protocol):
    """What ends with a client's connection."""

    def close(self) -> None:
        """The connection is gone."""


class Source(enum.Enum):
    """The field that tells a client's address; the value is its name in lower case."""

    X_FORWARDED_FOR = "x-forwarded-for"
    X_REAL_IP = "x-real-ip"
    FORWARDED = "forwarded"


class TrustedProxies:
    """The networks whose forwarding fields are believed; *unix* says that UNIX sockets are."""

    def __init__(
        self,
        networks: Sequence[IPv4Network | IPv6Network],
        unix: bool = False,
        source: Source = Source.X_FORWARDED_FOR,
    ) -> None:
        self._networks = tuple(networks)
        self._unix = unix
        self._source = source

    def trusts(self, address: str) -> bool:
        """Whether *address*, as a transport tells it, is a trusted proxy's."""
        if not address or address == "unix:":
            return self._unix
        parsed = parse_address(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    def believe(self, hop: Identity, fields: RequestFields) -> Identity:
        """The client behind the trusted proxy *hop*, by what its request says.

        Raises :class:`~pydsl_proxy.wire.http.grammar.Malformed` if that cannot be read.
        """
        if self._source is Source.FORWARDED:
            return self._by_forwarded(hop, fields)
        proto, host = _last(fields.all(b"x-forwarded-proto")), _last(fields.all(b"x-forwarded-host"))
        if self._source is Source.X_REAL_IP:
            told = self._walk([_last(fields.all(b"x-real-ip"))])
            return _behind(hop, told, fields, proto, host)
        # A field of 30 KB may have as many commas: no Python is run for one of them.
        values = fields.all(b"x-forwarded-for")
        chain = [part for value in values for part in filter(None, map(bytes.strip, value.split(b",")))]
        return _behind(hop, self._walk(chain), fields, proto, host, chain)

    def _by_forwarded(self, hop: Identity, fields: RequestFields) -> Identity:
        """What the proxies say that are believed; of scheme and host, who is nearest to the client."""
        hops = [each for value in fields.all(b"forwarded") for each in read_forwarded(value)]
        told = self._walk([node_address(each.client).encode() for each in hops])
        # Where nobody is named, the proxy next to us still says how it was called.
        believed = hops[-max(len(told), 1) :] if hops else [Hop()]
        proto = next((each.proto for each in believed if each.proto), b"")
        host = next((each.host for each in believed if each.host), b"")
        return _behind(hop, told, fields, proto, host)

    def _walk(self, chain: Sequence[bytes]) -> list[str]:
        """The addresses from the client's to that of the proxy before *hop*; empty if nobody is named."""
        told: list[str] = []
        for part in reversed(chain[-MAX_HOPS:]):
            parsed = parse_address(part.decode("latin-1"))
            # What is no address ends what can be believed.
            if parsed is None:
                break
            told.insert(0, str(parsed))
            if not any(parsed in network for network in self._networks):
                break
        return told


def _behind(
    hop: Identity, told: list[str], fields: RequestFields, proto: bytes, host: bytes, chain: Sequence[bytes] = ()
) -> Identity:
    """The client of *hop*; *chain*, or else *told*, is what the next hop is told of those between."""
    proto = proto.lower()
    scheme = proto.decode() if proto in (b"http", b"https") else hop.scheme
    forwarded_for = b", ".join([*(chain or [each.encode() for each in told]), hop.address.encode()])
    if not is_value(forwarded_for):
        forwarded_for = b", ".join([*filter(is_value, chain), hop.address.encode()])
    address = told[0] if told else hop.address
    known = _host(host) or fields.host or b""
    identity = Identity(address, hop.port, scheme, hop.server_port, forwarded_for, known, hop.server_address)
    identity.tls = hop.tls
    prefixes = fields.all(b"x-forwarded-prefix")
    return identity.under(b", ".join(prefixes)) if prefixes else identity


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """An address, with or without a port as some proxies write it; IPv4 inside IPv6 as IPv4."""
    if text.startswith("[") and "]" in text:
        text = text[1 : text.index("]")]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def unmapped(address: str) -> str:
    """IPv4 inside IPv6 (RFC 4291 2.5.5.2) as IPv4: so sockets of both families tell of it, and some proxies."""
    if not address.startswith("::ffff:"):
        return address
    return str(parse_address(address) or address)


def _last(values: list[bytes]) -> bytes:
    """What the hop nearest to us wrote: what stands to the left of it may be the client's own."""
    return values[-1].rpartition(b",")[2].strip() if values else b""


def _host(value: bytes) -> bytes:
    try:
        return value if host_and_port(value)[0] else b""
    except BadHost:
        return b""
