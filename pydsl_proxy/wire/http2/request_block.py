"""The head of a request as a peer of HTTP/2 is sent it (RFC 9113 8.3.1)."""

from __future__ import annotations

import re

from pydsl_proxy.wire.http.grammar import CRLF
from pydsl_proxy.wire.http.hop_by_hop import HOP_BY_HOP
from pydsl_proxy.wire.http.memo import Memo
from pydsl_proxy.wire.http2.hpack_literals import literal

# RFC 9113 8.2.2; TE may say that trailers are taken.
_DROPPED = HOP_BY_HOP | {b"transfer-encoding"}
_VERSION = len(b" HTTP/1.1")

_has_trailers = re.compile(rb"(?:\A|,)[ \t]*+trailers[ \t]*+(?:,|\Z)", re.IGNORECASE).search

_TE_TRAILERS = literal(b"te", b"trailers")
_SCHEMES = {False: literal(b":scheme", b"http"), True: literal(b":scheme", b"https")}


class RequestBlocks:
    """Turns the heads of requests of HTTP/1.1, which locations write, into field blocks.

    All but the first line is kept by its bytes, as far as it comes again.
    """

    __slots__ = ("_memo",)

    def __init__(self) -> None:
        self._memo: Memo[bytes] = Memo()

    def block(self, head: bytes, *, secure: bool, trailers: bool = False) -> bytes:
        """The block of *head*; *secure* says that the connection has TLS, *trailers* that the client takes some.

        ``:scheme`` is that of the connection, as nginx's grpc module has it: servers take it for what they see.
        """
        line_end = head.find(CRLF)
        method, _, target = head[: line_end - _VERSION].partition(b" ")
        section = head[line_end:-4]
        memo = self._memo
        rest = memo.young.get(section) or memo.recall(section)
        if rest is None:
            rest = _fields(section)
            memo.keep(section, rest)
        if trailers and _TE_TRAILERS not in rest:
            rest += _TE_TRAILERS
        line = literal(b":method", method) + _SCHEMES[secure] + literal(b":path", _path(target))
        return line + rest


def _path(target: bytes) -> bytes:
    """The path and query of a target, which may be a whole URL (RFC 9112 3.2.2)."""
    if target.startswith(b"/") or target == b"*":
        return target
    rest = target.partition(b"://")[2]
    at = min([place for place in (rest.find(b"/"), rest.find(b"?")) if place != -1], default=len(rest))
    path = rest[at:]
    return path if path.startswith(b"/") else b"/" + path


def _fields(section: bytes) -> bytes:
    """``:authority``, and the fields that do not end at this hop."""
    authority, pieces = b"", []
    for line in section.split(CRLF)[1:]:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if name == b"host":
            # RFC 9113 8.3.1: none is better than an empty one.
            authority = literal(b":authority", value) if value else b""
        elif name == b"te" and value.lower() == b"trailers":
            pieces.append(_TE_TRAILERS)
        elif name not in _DROPPED:
            pieces.append(literal(name, value))
    return authority + b"".join(pieces)


def asks_for_trailers(te: bytes | None) -> bool:
    """Whether a client's TE says that it takes trailers, which a peer is told too (RFC 9110 10.1.4)."""
    return te is not None and _has_trailers(te) is not None
