"""Heads of requests over HTTP/2: header blocks become what the reader of HTTP/1.1 takes, or are malformed."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeVar

from pydsl_proxy.wire.http.grammar import CRLF, VALUE, Malformed
from pydsl_proxy.wire.http1.reader import MAX_TRAILER_FIELDS, MAX_TRAILERS, read_trailers
from pydsl_proxy.wire.http2.frames import ErrorCode, ProtocolError, StreamError
from pydsl_proxy.wire.http2.hpack_reader import ENTRY_OVERHEAD, BadBlock, BlockReader, Field, Table

T = TypeVar("T")

# A head that is too long is read to its end, since its fields may change the table, up to so many times the limit: a
# few octets may refer to kilobytes (RFC 7541 7.3).  Without such references what is on the wire has no more than that.
MAX_TIMES_LIMIT: Final = 4
# The number of fields is bounded in the same way, but for at least so many cookies: clients send each in a field of its
# own (RFC 9113 8.2.3), and browsers have up to 180 of one site.
MIN_FIELDS_READ: Final = 400
# Blocks of one connection that are known again while its dynamic table stays as it is.
MAX_KEPT: Final = 32
LONGEST_KEPT: Final = 4096

# What trailers of MAX_TRAILERS may come to as RFC 9113 6.5.2 counts: 33 octets for the shortest field, which has 5.
_MAX_COUNTED: Final = 7 * MAX_TRAILERS

# RFC 9113 8.2.1: names are tokens in lower case, no value begins or ends with a blank.
_is_section = re.compile(
    rb"(?:\r\n[!#$%&'*+\-.^_`|~0-9a-z]++:(?: (?![ \t])" + VALUE + rb"*+(?<![ \t])| (?=\r|\Z)))*+"
).fullmatch
# RFC 9113 8.2.2: what belongs to a connection of HTTP/1.1; TE may ask for trailers alone.
_find_forbidden = re.compile(
    rb"\r\n(?:(?:connection|proxy-connection|keep-alive|transfer-encoding|upgrade):|te: (?!trailers(?:\r|\Z)))"
).search
_is_method = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Z]++").fullmatch
# As in the request line of HTTP/1.1, and without a fragment.
_is_target = re.compile(rb"/[!\"$-~]*+|\*").fullmatch
_PSEUDO: Final = frozenset((b":method", b":scheme", b":authority", b":path", b":protocol"))


class H2Head(NamedTuple):
    """A request's head; *section* has a Host made of ``:authority``, *protocol* is that of RFC 8441."""

    method: bytes
    target: bytes
    section: bytes
    #: Whether it declares a Content-Length.
    sized: bool
    protocol: bytes | None


class _Section(NamedTuple):
    """All fields but the pseudo-header fields."""

    raw: bytes
    host: bytes | None
    size: int


class HeadReader:
    """Reads the header blocks of one connection, in their order.

    Raises :class:`~pydsl_proxy.wire.http2.frames.StreamError` for a malformed request (RFC 9113 8.1.1) and
    :class:`~pydsl_proxy.wire.http.grammar.Malformed` for one that is to be answered with an error, both after the
    block was read.  Raises :class:`~pydsl_proxy.wire.http2.frames.ProtocolError` for a block that cannot be read.
    """

    __slots__ = ("_heads", "_max_fields", "_most", "_sections", "_table")

    def __init__(self) -> None:
        self._table = Table()
        self._heads: dict[bytes, H2Head] = {}
        # The limits that what is kept has met.
        self._most = self._max_fields = 0
        self._sections: dict[bytes, _Section] = {}

    def request(self, block: bytes, most: int, max_fields: int = 100) -> H2Head:
        """The head of a request; *most* bounds it in octets, as RFC 9113 6.5.2 counts them (431).

        *max_fields* bounds the number of its fields, all cookies being one of them (431).
        """
        if most != self._most or max_fields != self._max_fields:
            self._most, self._max_fields = most, max_fields
            self._heads.clear()
            self._sections.clear()
        known = self._heads.get(block)
        if known is not None:
            return known
        before = self._table.changes
        fields, rest, section, size = self._fields(block, most, max_fields)
        if size > most:
            raise Malformed("the request head is too long", 431)
        if len(fields) > max_fields and _number(fields) > max_fields:
            raise Malformed("too many header fields", 431)
        pseudo = dict(fields if section is not None else fields[: _first_regular(fields)])
        if section is None:
            section = _section(fields[len(pseudo) :], size)
            if rest and self._table.changes == before and max(len(rest), size) <= LONGEST_KEPT:
                _keep(self._sections, rest, section)
        elif len(pseudo) < len(fields):
            raise StreamError(ErrorCode.PROTOCOL_ERROR, "a pseudo-header field is repeated")
        head = _head(pseudo, section)
        if self._table.changes == before and max(len(block), size) <= LONGEST_KEPT:
            _keep(self._heads, block, head)
        return head

    def _fields(self, block: bytes, most: int, max_fields: int) -> tuple[list[Field], bytes, _Section | None, int]:
        """What the block has: all fields, or those before a section that is known; its bytes, and the size of all.

        A block that is too long is read to its end, since its fields may change the table, but nothing of it is kept;
        one that is much too long, or has far too many fields, is an error of the connection.
        """
        table = self._table
        before = table.changes
        fields: list[Field] = []
        size, rest = 0, b""
        left = max(MAX_TIMES_LIMIT * max_fields, MIN_FIELDS_READ)
        try:
            reader = BlockReader(table, block)
            while not reader.ended:
                at = reader.at
                field = name, value = reader.field()
                if not rest and name[:1] != b":" and table.changes == before:
                    rest = block[at:]
                    known = self._sections.get(rest)
                    if known is not None:
                        return fields, rest, known, size + known.size
                size += len(name) + len(value) + ENTRY_OVERHEAD
                left -= 1
                if left < 0:
                    raise ProtocolError(ErrorCode.ENHANCE_YOUR_CALM, "a header block has far too many fields")
                if size <= most:
                    fields.append(field)
                elif size > MAX_TIMES_LIMIT * most:
                    raise ProtocolError(
                        ErrorCode.ENHANCE_YOUR_CALM, "a header block is much too long when it is decoded"
                    )
        except BadBlock as error:
            raise ProtocolError(ErrorCode.COMPRESSION_ERROR, str(error)) from None
        if table.changes != before:
            self._heads.clear()
            self._sections.clear()
        return fields, rest, None, size

    def trailers(self, block: bytes) -> tuple[Field, ...]:
        """The fields after a body."""
        fields, _, section, size = self._fields(block, _MAX_COUNTED, MAX_TRAILER_FIELDS)
        if section is None and size <= _MAX_COUNTED and len(fields) <= MAX_TRAILER_FIELDS:
            section = _section(fields, size)
        elif fields and section is not None:
            raise StreamError(ErrorCode.PROTOCOL_ERROR, "a pseudo-header field in trailers")
        if section is None or len(section.raw) > MAX_TRAILERS or section.raw.count(CRLF) > MAX_TRAILER_FIELDS:
            raise StreamError(ErrorCode.ENHANCE_YOUR_CALM, "the trailers are too long")
        return read_trailers(section.raw)

    def skip(self, block: bytes, most: int, max_fields: int = 100) -> None:
        """Read a block that nobody wants."""
        self._fields(block, most, max_fields)


def _keep(memo: dict[bytes, T], key: bytes, value: T) -> None:
    if len(memo) >= MAX_KEPT:
        memo.clear()
    memo[key] = value


def _number(fields: list[Field]) -> int:
    """The number of fields as HTTP/1.1 has them: without those of the request line, and with one Cookie."""
    cookies = [name for name, _ in fields].count(b"cookie")
    return len(fields) - _first_regular(fields) - max(cookies - 1, 0)


def _first_regular(fields: list[Field]) -> int:
    for place, (name, _) in enumerate(fields):
        if name[:1] != b":":
            return place
    return len(fields)


def _section(fields: list[Field], size: int) -> _Section:
    """The regular fields, checked; cookies are one field again (RFC 9113 8.2.3)."""
    cookies = [value for name, value in fields if name == b"cookie"]
    if len(cookies) > 1:
        fields = _with_one_cookie(fields, b"; ".join(cookies))
    raw = b"".join([b"\r\n%b: %b" % field for field in fields])
    if _is_section(raw) is None or raw.count(b"\n") != len(fields):
        raise StreamError(ErrorCode.PROTOCOL_ERROR, "a field's name or value is not allowed")
    if _find_forbidden(raw) is not None:
        raise StreamError(ErrorCode.PROTOCOL_ERROR, "a field belongs to a connection of HTTP/1.1")
    hosts = [value for name, value in fields if name == b"host"]
    if len(hosts) > 1:
        raise StreamError(ErrorCode.PROTOCOL_ERROR, "Host is repeated")
    if hosts:
        raw = raw.replace(b"\r\nhost: " + hosts[0], b"", 1)
    return _Section(raw, hosts[0] if hosts else None, size)


def _with_one_cookie(fields: list[Field], value: bytes) -> list[Field]:
    joined: list[Field] = []
    first = True
    for field in fields:
        if field[0] != b"cookie":
            joined.append(field)
        elif first:
            first = False
            joined.append((b"cookie", value))
    return joined


def _head(pseudo: dict[bytes, bytes], section: _Section) -> H2Head:
    """RFC 9113 8.3.1"""
    if not _PSEUDO.issuperset(pseudo):
        raise StreamError(ErrorCode.PROTOCOL_ERROR, "a pseudo-header field is not known")
    method, protocol = pseudo.get(b":method"), pseudo.get(b":protocol")
    if method is None:
        raise StreamError(ErrorCode.PROTOCOL_ERROR, ":method is missing")
    if method == b"CONNECT" and protocol is None:
        # RFC 9113 8.5: a tunnel to anywhere; nobody's location.
        raise Malformed("the method CONNECT is not allowed", 405)
    scheme, target = pseudo.get(b":scheme"), pseudo.get(b":path")
    if not scheme or not target:
        raise StreamError(ErrorCode.PROTOCOL_ERROR, ":scheme or :path is missing or empty")
    if protocol is not None and method != b"CONNECT":
        raise StreamError(ErrorCode.PROTOCOL_ERROR, ":protocol is for CONNECT alone")
    _check_line(method, scheme, target)
    host, sized = _host(pseudo.get(b":authority"), section.host), b"\r\ncontent-length:" in section.raw
    raw = section.raw if host is None else b"\r\nhost: %b%b" % (host, section.raw)
    return H2Head(method, target, raw, sized, protocol)


def _check_line(method: bytes, scheme: bytes, target: bytes) -> None:
    if _is_method(method) is None:
        raise Malformed("the method is not understood, or not in upper case")
    if method == b"TRACE":
        raise Malformed("the method TRACE is not allowed", 405)
    if scheme.lower() not in (b"http", b"https"):
        raise Malformed("the scheme is neither http nor https")
    if _is_target(target) is None:
        raise Malformed("the request target is no path")
    if target == b"*" and method != b"OPTIONS":
        raise Malformed("the request target * is for OPTIONS alone")


def _host(authority: bytes | None, host: bytes | None) -> bytes | None:
    """RFC 9113 8.3.1: an authority replaces Host; two that differ are one too many."""
    if authority is None:
        return host
    if host is not None and host.lower() != authority.lower():
        raise StreamError(ErrorCode.PROTOCOL_ERROR, "Host is not what :authority says")
    if _is_section(b"\r\nhost: " + authority) is None or b"\n" in authority:
        raise StreamError(ErrorCode.PROTOCOL_ERROR, ":authority has a character that is not allowed")
    return authority
