"""FastCGI: records, as an application of the Responder role speaks them, and the name-value pairs within."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

from pydsl_proxy.wire.http.grammar import Malformed

# Facts, of the FastCGI Specification 1.0 (section 8):
#
# - A record is a header of eight octets, its content of at most 65535, and padding of at most 255.
# - A stream is a series of records of one type, ended by one without content.  PHP ends its stdout by
#   END_REQUEST alone.
# - One connection may carry several requests at a time.  No application that is in use does, and neither do we: every
#   request has the number 1.
BEGIN_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7
# What END_REQUEST says of the protocol.
REQUEST_COMPLETE, CANT_MPX_CONN, OVERLOADED, UNKNOWN_ROLE = range(4)

_HEADER = Struct(">BBHHBx")
_END = Struct(">IB3x")
_VERSION = 1
_REQUEST = 1
_RESPONDER = 1
_KEEP_CONN = 1

# Records that are read at once: about half a millisecond.
MAX_RECORDS = 256
# No padding is needed to a multiple of eight; libfcgi and PHP read no longer ones.
MAX_CONTENT = 0xFFF8


def record(kind: int, content: bytes) -> bytes:
    """One record; no content is the end of a stream."""
    return _HEADER.pack(_VERSION, kind, _REQUEST, len(content), 0) + content


def begin_request(*, keep: bool) -> bytes:
    """The record that begins a request; *keep* asks the application not to close after it."""
    return record(BEGIN_REQUEST, bytes((0, _RESPONDER, _KEEP_CONN if keep else 0, 0, 0, 0, 0, 0)))


def pair(name: bytes, value: bytes) -> bytes:
    """A name and its value: a length below 128 is one octet, another one four."""
    size, length = len(name), len(value)
    if size < 128 and length < 128:
        return bytes((size, length)) + name + value
    return _length(size) + _length(length) + name + value


def _length(size: int) -> bytes:
    return bytes((size,)) if size < 128 else (size | 0x80000000).to_bytes(4, "big")


def params(parts: Iterable[bytes]) -> bytes:
    """The whole stream of params, of which each part is some pairs; Malformed says that one is too long.

    PHP reads the pairs of each record by themselves, so no pair may go on in the next one.
    """
    whole = b"".join(parts)
    if len(whole) <= MAX_CONTENT:
        return record(PARAMS, whole) + record(PARAMS, b"")
    if any(len(part) > MAX_CONTENT for part in parts):
        raise Malformed("the params are too long", 431)
    return b"".join([record(PARAMS, part) for part in parts if part]) + record(PARAMS, b"")


def stdin(data: bytes) -> bytes:
    """Some of the request's body, which is not empty, as records."""
    if len(data) <= MAX_CONTENT:
        return record(STDIN, data)
    return b"".join([record(STDIN, data[at : at + MAX_CONTENT]) for at in range(0, len(data), MAX_CONTENT)])


#: The end of the request's body.
STDIN_END = record(STDIN, b"")


class RecordReader:
    """What an application sends for one request after the other, as its stdout, its stderr, and its end.

    ``ended`` says that the request at hand is over, with ``status`` for the protocol; then ``surplus`` whether more
    came, which nobody asked for.  ``more`` says that there are records beyond :data:`MAX_RECORDS`, for the next time.
    """

    __slots__ = ("_held", "_kind", "_left", "_padding", "ended", "more", "status", "stderr", "surplus")

    def __init__(self) -> None:
        self._held = b""
        self._kind = 0
        self._left = 0
        self._padding = 0
        self.ended = False
        self.status = REQUEST_COMPLETE
        self.surplus = False
        self.more = False
        #: Whole records that were not taken yet.
        self.stderr: list[bytes] = []

    def restart(self) -> None:
        """Another request begins."""
        self.ended = False

    def feed(self, data: bytes) -> bytes:
        """What *data* has of the stdout, in as many records as one turn of the loop has time for; raises Malformed."""
        if self._held:
            data = self._held + data
            self._held = b""
        pieces = []
        at, end, records = 0, len(data), 0
        self.more = False
        while at < end:
            if self._left and self._kind == STDOUT:
                # Not held until the record is complete: that may be a while.
                piece = data[at : at + self._left]
                pieces.append(piece)
                self._left -= len(piece)
                at += len(piece)
            elif self._left:
                if end - at < self._left:
                    break
                self._take(data[at : at + self._left])
                at += self._left
                self._left = 0
            elif self._padding:
                step = min(self._padding, end - at)
                self._padding -= step
                at += step
            elif self.ended:
                self.surplus = True
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)
            elif end - at < _HEADER.size:
                self._check(data[at:])
                break
            elif records == MAX_RECORDS:
                self.more = True
                break
            else:
                self._begin(data, at)
                records += 1
                at += _HEADER.size
        self._held = data[at:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _check(self, beginning: bytes) -> None:
        """What is no header yet must be able to become one: the rest may never come."""
        if beginning[0] != _VERSION:
            raise Malformed(f"a record of version {beginning[0]}")
        if len(beginning) > 1 and beginning[1] not in (STDOUT, STDERR, END_REQUEST):
            raise Malformed(f"a record of type {beginning[1]}")

    def _begin(self, data: bytes, at: int) -> None:
        version, kind, request, self._left, self._padding = _HEADER.unpack_from(data, at)
        if version != _VERSION:
            raise Malformed(f"a record of version {version}")
        if request != _REQUEST:
            raise Malformed(f"a record for the request {request}, which was not made")
        if kind not in (STDOUT, STDERR, END_REQUEST):
            raise Malformed(f"a record of type {kind}")
        if kind == END_REQUEST and self._left != _END.size:
            raise Malformed(f"an END_REQUEST of {self._left} octets")
        self._kind = kind

    def _take(self, content: bytes) -> None:
        if self._kind == STDERR:
            self.stderr.append(content)
        else:
            _, self.status = _END.unpack(content)
            self.ended = True
