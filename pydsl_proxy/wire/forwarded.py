"""Who the client is, and how the next hop is told.

A client's own forwarding fields are believed only if it is a trusted proxy, and then from the right: each proxy appends
the address it was called from, so the first address from the right that is no trusted proxy is the client's
(nginx's realip module with ``real_ip_recursive on``).
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from pydsl_proxy.wire.grammar import HEAD_END, is_value
from pydsl_proxy.wire.head import RequestFields
from pydsl_proxy.wire.uri import BadHost, host_and_port

# More hops than any chain of proxies has; what is left of them is not read.
MOST_HOPS = 32


class Identity:
    """Whose request it is: one for each connection of a client, or one for each request of a trusted proxy.

    ``tail`` ends the head that a peer is sent.  ``believed`` says that the forwarding fields were the request's own:
    then ``tail`` has X-Forwarded-Host too, otherwise that follows from the Host field.
    """

    __slots__ = ("address", "believed", "pairs", "port", "scheme", "server_port", "tail")

    def __init__(
        self,
        address: str,
        port: int,
        scheme: str,
        server_port: int,
        forwarded_for: bytes = b"",
        host: bytes | None = None,
    ) -> None:
        self.address = address
        self.port = port
        self.scheme = scheme
        self.server_port = server_port
        self.believed = host is not None
        raw = address.encode()
        pairs = [
            (b"X-Real-IP", raw),
            (b"X-Forwarded-For", forwarded_for or raw),
            (b"X-Forwarded-Proto", scheme.encode()),
        ]
        if host:
            pairs.append((b"X-Forwarded-Host", host))
        self.pairs = pairs
        self.tail = b"".join([b"\r\n%b: %b" % pair for pair in pairs]) + HEAD_END

    def without(self, names: frozenset[bytes]) -> bytes:
        """The tail without the fields (lower-case names) that a location sets or removes itself."""
        return b"".join([b"\r\n%b: %b" % pair for pair in self.pairs if pair[0].lower() not in names]) + HEAD_END


class TrustedProxies:
    """The networks whose forwarding fields are believed; *unix* says that UNIX sockets are."""

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network], unix: bool = False) -> None:
        self._networks = tuple(networks)
        self._unix = unix

    def trusts(self, address: str) -> bool:
        """Whether *address*, as a transport tells it, is a trusted proxy's."""
        if not address or address == "unix:":
            return self._unix
        parsed = _address(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    def believe(self, hop: Identity, fields: RequestFields) -> Identity:
        """The client behind the trusted proxy *hop*, by what its request says."""
        chain = [part.strip() for value in fields.all(b"x-forwarded-for") for part in value.split(b",") if part.strip()]
        address = self._client(chain, fields, hop.address)
        proto = _last(fields.all(b"x-forwarded-proto")).lower()
        scheme = proto.decode() if proto in (b"http", b"https") else hop.scheme
        host = _host(_last(fields.all(b"x-forwarded-host"))) or fields.host or b""
        raw_hop = hop.address.encode()
        forwarded_for = b", ".join([*(part for part in chain if is_value(part)), raw_hop])
        return Identity(address, hop.port, scheme, hop.server_port, forwarded_for, host)

    def _client(self, chain: list[bytes], fields: RequestFields, hop: str) -> str:
        if not chain:
            real = _address(_last(fields.all(b"x-real-ip")).decode("latin-1"))
            return hop if real is None else str(real)
        client = hop
        for part in reversed(chain[-MOST_HOPS:]):
            parsed = _address(part.decode("latin-1"))
            # What is no address ends what can be believed.
            if parsed is None:
                break
            client = str(parsed)
            if not any(parsed in network for network in self._networks):
                break
        return client


def _address(text: str) -> IPv4Address | IPv6Address | None:
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


def _last(values: list[bytes]) -> bytes:
    """What the hop nearest to us wrote: what stands to the left of it may be the client's own."""
    return values[-1].rpartition(b",")[2].strip() if values else b""


def _host(value: bytes) -> bytes:
    try:
        return value if host_and_port(value)[0] else b""
    except BadHost:
        return b""
