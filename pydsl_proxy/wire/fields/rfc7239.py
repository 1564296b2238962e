"""The field Forwarded of RFC 7239: who called each proxy on the way, and how it was called."""

from __future__ import annotations

import re
from typing import NamedTuple

from pydsl_proxy.wire.http.grammar import TOKEN, Malformed, is_token

_QUOTED = rb'"((?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+)"'
_OWS = rb"[\t ]*+"
# One parameter, or none, and what ends it; RFC 7239 4 has no blanks around a semicolon, but senders do.
_match_pair = re.compile(
    _OWS + rb"(?:(" + TOKEN + rb"++)=(?:(" + TOKEN + rb"++)|" + _QUOTED + rb"))?+" + _OWS + rb"([;,]|\Z)"
).match
_escaped = re.compile(rb"\\(.)", re.DOTALL)

# RFC 7239 6: an IPv4 address or an IPv6 one in brackets, with a port or an identifier in its place.
_node = re.compile(rb"(?:([0-9.]++)|\[([0-9A-Fa-f:.]++)\])(?::(?:[0-9]{1,5}|_[0-9A-Za-z._-]+))?").fullmatch


#: More parameters and elements than the proxies of any chain write.
MAX_PAIRS = 256


class Hop(NamedTuple):
    """What one proxy tells: ``client`` is who called it, ``proto`` and ``host`` how it was called."""

    client: bytes = b""
    proto: bytes = b""
    host: bytes = b""


def read_forwarded(value: bytes) -> list[Hop]:
    """The elements of one field, the first proxy's first; raises :class:`~pydsl_proxy.wire.http.grammar.Malformed`.

    A parameter that stands twice in an element is malformed too (RFC 7239 4), and so is a field of more than
    :data:`MAX_PAIRS` parameters and elements.
    """
    if value.count(b",") + value.count(b";") >= MAX_PAIRS:
        raise Malformed("the field Forwarded is too long")
    hops: list[Hop] = []
    pairs: dict[bytes, bytes] = {}
    at, ended = 0, False
    while not ended:
        match = _match_pair(value, at)
        if match is None:
            raise Malformed("the field Forwarded is not understood")
        name, token, quoted, end = match.groups()
        if name is not None:
            name = name.lower()
            if name in pairs:
                raise Malformed("the field Forwarded has a parameter twice")
            pairs[name] = token if quoted is None else _escaped.sub(rb"\1", quoted)
        at, ended = match.end(), not end
        if end != b";" and pairs:
            hops.append(Hop(pairs.get(b"for", b""), pairs.get(b"proto", b""), pairs.get(b"host", b"")))
            pairs = {}
    return hops


def node_address(node: bytes) -> str:
    """The address in a node, without brackets and port; "" if it is ``unknown`` or otherwise hidden."""
    match = _node(node)
    return (match[1] or match[2]).decode() if match else ""


def write_forwarded(address: str, scheme: str, host: bytes) -> bytes:
    """The element of a proxy that *address* called; what is no IP address is ``unknown``."""
    node = b'"[%b]"' % address.partition("%")[0].encode() if ":" in address else address.encode()
    if not node_address(node.strip(b'"')):
        node = b"unknown"
    pairs = [b"for=" + node, b"proto=" + scheme.encode()]
    if host:
        pairs.append(b"host=" + _value(host))
    return b";".join(pairs)


def _value(text: bytes) -> bytes:
    return text if is_token(text) else b'"%b"' % re.sub(rb'(["\\])', rb"\\\1", text)
