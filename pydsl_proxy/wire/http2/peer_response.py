"""The heads and trailers of responses as a peer of HTTP/2 sends them (RFC 9113 8)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydsl_proxy.wire.http.grammar import Malformed, is_value
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http.hop_by_hop import FORBIDDEN_IN_TRAILERS
from pydsl_proxy.wire.http.memo import Memo
from pydsl_proxy.wire.http1.reader import MAX_TRAILER_FIELDS, MAX_TRAILERS, read_framing
from pydsl_proxy.wire.http2.frames import ErrorCode, ProtocolError
from pydsl_proxy.wire.http2.hpack_reader import ENTRY_OVERHEAD, BadBlock, BlockReader, Table

# As of a peer of HTTP/1.1; with 32 bytes more for each field, as RFC 7541 4.1 counts.
MAX_HEAD = 64 * 1024
MAX_FIELDS = 1000

_is_name = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
_is_status = re.compile(rb"[1-9][0-9][0-9]").fullmatch
# RFC 9113 8.2.2: a message that has one is malformed.
_OF_CONNECTIONS = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"te")
)

Pair = tuple[bytes, bytes]


class ResponseBlocks:
    """Reads field blocks of peers that were told to use no dynamic table.

    The same bytes then mean the same on every connection, and what was made of them is kept.
    """

    __slots__ = ("_heads", "_table", "_trailers")

    def __init__(self) -> None:
        self._table = Table(allowed=0)
        self._heads: Memo[ResponseHead] = Memo()
        self._trailers: Memo[tuple[Pair, ...]] = Memo()

    def head(self, block: bytes, *, bodiless: bool = False) -> ResponseHead:
        """A response's head; raises Malformed, or ProtocolError if the block is no HPACK.

        *bodiless* says that no body follows, as in the answer to HEAD.
        """
        memo = self._heads
        response = memo.young.get(block) or memo.recall(block)
        if response is None:
            response = read_response(self._decode(block, MAX_FIELDS), bodiless=bodiless)
            # What is kept is for answers to other methods too.
            if not bodiless:
                memo.keep(block, response)
        return response

    def trailers(self, block: bytes) -> tuple[Pair, ...]:
        """A trailer section, without what must not be in one; raises as :meth:`head` does."""
        memo = self._trailers
        trailers = memo.young.get(block)
        if trailers is None:
            trailers = memo.recall(block)
        if trailers is None:
            trailers = read_trailer_fields(self._decode(block, MAX_TRAILER_FIELDS))
            memo.keep(block, trailers)
        return trailers

    def _decode(self, block: bytes, max_fields: int) -> list[Pair]:
        """The fields of *block*, of which nothing is read beyond the limits: no later block depends on it."""
        fields: list[Pair] = []
        size = 0
        try:
            reader = BlockReader(self._table, block)
            while not reader.ended:
                field = reader.field()
                fields.append(field)
                size += len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
                if size > MAX_HEAD:
                    raise Malformed(f"a field section of more than {MAX_HEAD} bytes")
                if len(fields) > max_fields:
                    raise Malformed(f"too many fields, more than {max_fields}")
        except BadBlock as error:
            raise ProtocolError(ErrorCode.COMPRESSION_ERROR, f"a field block that cannot be read: {error}") from None
        return fields


def read_response(fields: Sequence[Pair], *, bodiless: bool = False) -> ResponseHead:
    """A response's head of its decoded fields; *bodiless* says that no body follows, as in the answer to HEAD."""
    if not fields or fields[0][0] != b":status":
        raise Malformed("it does not begin with :status")
    if not _is_status(fields[0][1]):
        raise Malformed("its :status is not a status")
    if len(fields) > MAX_FIELDS:
        raise Malformed("too many header fields")
    for name, value in fields[1:]:
        _check(name, value)
    raw = b"".join([b"\r\n%b: %b" % pair for pair in fields[1:]])
    head = ResponseHead(int(fields[0][1]), b"", raw, raw.lower())
    read_framing(head, bodiless=bodiless)
    lower = head.lower
    head.marked = b"\r\nlocation:" in lower or b"\r\nrefresh:" in lower or b"\r\nx-accel-" in lower
    head.dated = b"\r\ndate:" in lower
    head.usual = head.length is not None and head.dated
    return head


def read_trailer_fields(fields: Sequence[Pair]) -> tuple[Pair, ...]:
    """Trailers of their decoded fields, without those that RFC 9110 6.5.1 forbids there."""
    if sum([len(name) + len(value) + 4 for name, value in fields]) > MAX_TRAILERS:
        raise Malformed(f"a trailer section of more than {MAX_TRAILERS} bytes")
    for name, value in fields:
        _check(name, value)
    # Names with an underscore stay, as in heads of responses: gRPC's metadata may have them.
    return tuple([field for field in fields if field[0] not in FORBIDDEN_IN_TRAILERS])


def _check(name: bytes, value: bytes) -> None:
    """RFC 9113 8.2.1 and 8.2.2, and RFC 9110 5.5."""
    if not _is_name(name):
        what = "a pseudo-header that it must not have" if name.startswith(b":") else "an invalid field name"
        raise Malformed(f"{what}: {name[:40]!r}")
    if not is_value(value) or value != value.strip(b" \t"):
        raise Malformed(f"an invalid value of the field {name.decode()}")
    if name in _OF_CONNECTIONS:
        raise Malformed(f"a field of HTTP/1.1's connections: {name.decode()}")
