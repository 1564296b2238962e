"""The cases of h2spec 2.6 (generic, http2 and hpack) as frames and what must come back; RFC 9113 and RFC 7541.

Each has the number of h2spec's section and of the case in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from struct import pack

from attrs import frozen

from pydsl_proxy.wire.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    ErrorCode,
    frame,
    rst_stream,
    window_update,
)
from pydsl_proxy.wire.http2.hpack_literals import literals

#: Type, flags, stream and payload.
Frame = tuple[int, int, int, bytes]
#: Says of all frames that have come, and of whether the connection was closed, that this is what is wanted.
Verdict = Callable[[Sequence[Frame], bool], bool]
#: What is sent, or what is awaited before more is.
Step = bytes | Verdict

Field = tuple[bytes, bytes]
LINE: tuple[Field, ...] = ((b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"x.test"))
POST: tuple[Field, ...] = ((b":method", b"POST"), *LINE[1:])
GET_BLOCK, POST_BLOCK = literals(LINE), literals(POST)
WHOLE = END_STREAM | END_HEADERS
GREETING = PREFACE + frame(SETTINGS, 0, 0)


@frozen
class Case:
    """One of them: without *greets* the preface is the case's own."""

    name: str
    steps: tuple[Step, ...]
    verdict: Verdict
    greets: bool = True


def connection_error(*codes: ErrorCode) -> Verdict:
    """GOAWAY with one of *codes*, or a close."""

    def verdict(frames: Sequence[Frame], closed: bool) -> bool:
        found = [int.from_bytes(payload[4:8]) for kind, _, _, payload in frames if kind == GOAWAY]
        return any(code in codes for code in found) or (closed and not found)

    return verdict


def stream_error(*codes: ErrorCode) -> Verdict:
    """The same, or RST_STREAM with one of *codes*."""

    def verdict(frames: Sequence[Frame], closed: bool) -> bool:
        found = [int.from_bytes(payload) for kind, _, _, payload in frames if kind == RST_STREAM]
        return any(code in codes for code in found) or connection_error(*codes)(frames, closed)

    return verdict


def came(kind: int, *, flags: int = 0, stream: int | None = None, size: int | None = None) -> Verdict:
    """A frame of that type, with these flags and, if it is said, of that stream and size."""

    def verdict(frames: Sequence[Frame], closed: bool) -> bool:
        return any(
            each == kind and has & flags == flags and stream in (None, of) and size in (None, len(payload))
            for each, has, of, payload in frames
        )

    return verdict


def first(verdict: Verdict) -> Verdict:
    """It holds for the first frame."""
    return lambda frames, closed: bool(frames) and verdict(frames[:1], closed)


def sent_all(size: int) -> Verdict:
    """DATA of that many octets have come, in frames of as many as the window allows."""
    return lambda frames, _: sum(len(payload) for kind, _, _, payload in frames if kind == DATA) == size


def closed(frames: Sequence[Frame], is_closed: bool) -> bool:
    """The connection was closed."""
    return is_closed


def times(verdict: Callable[[Frame], bool], count: int) -> Verdict:
    """So many frames are such."""
    return lambda frames, _: sum(map(verdict, frames)) >= count


def is_ack(each: Frame) -> bool:
    """SETTINGS with ACK."""
    return each[0] == SETTINGS and bool(each[1] & ACK)


ANSWERED = came(HEADERS, stream=1)
# RFC 9113 8.1: the response is complete.
ENDED: Verdict = lambda frames, _: any(  # noqa: E731  # as those above
    kind in (HEADERS, DATA) and flags & END_STREAM for kind, flags, _, _ in frames
)
ALIVE = came(PING, flags=ACK)
PINGED = frame(PING, 0, 0, b"h2spec\0\0")
ALIVE_OR_CLOSED: Verdict = lambda frames, is_closed: is_closed or ALIVE(frames, is_closed)  # noqa: E731
PROTOCOL = connection_error(ErrorCode.PROTOCOL_ERROR)
STREAM_PROTOCOL = stream_error(ErrorCode.PROTOCOL_ERROR)
STREAM_CLOSED = stream_error(ErrorCode.STREAM_CLOSED)
FRAME_SIZE = connection_error(ErrorCode.FRAME_SIZE_ERROR)
COMPRESSION = connection_error(ErrorCode.COMPRESSION_ERROR)
FLOW = connection_error(ErrorCode.FLOW_CONTROL_ERROR)


def get(block: bytes = GET_BLOCK, flags: int = WHOLE, stream: int = 1) -> bytes:
    """HEADERS."""
    return frame(HEADERS, flags, stream, block)


def post(flags: int = END_HEADERS, *more: Field) -> bytes:
    """HEADERS of a request with a body."""
    return frame(HEADERS, flags, 1, literals([*POST, *more]))


def setting(*values: tuple[int, int]) -> bytes:
    """SETTINGS."""
    return frame(SETTINGS, 0, 0, b"".join([pack(">HL", *each) for each in values]))


def asked(*fields: Field) -> bytes:
    """HEADERS with exactly these fields."""
    return get(literals(fields))


def priority(depends_on: int = 0, weight: int = 255) -> bytes:
    """What PRIORITY carries."""
    return pack(">LB", depends_on, weight)


BODY = frame(DATA, END_STREAM, 1, b"test")
_GENERIC: tuple[tuple[str, tuple[Step, ...], Verdict], ...] = (
    ("generic/2/1", (frame(PRIORITY, 0, 1, priority()), PINGED), ALIVE),
    ("generic/2/2", (setting((4, 0)), get(), window_update(1, 1)), came(DATA, size=1)),
    ("generic/2/3", (setting((4, 0)), get(), frame(PRIORITY, 0, 1, priority()), window_update(1, 1)), came(DATA)),
    ("generic/2/4", (get(), rst_stream(1, ErrorCode.CANCEL), PINGED), ALIVE_OR_CLOSED),
    ("generic/2/5", (get(), ENDED, frame(PRIORITY, 0, 1, priority()), PINGED), ALIVE),
    ("generic/3.1/1", (post(), BODY), ANSWERED),
    ("generic/3.1/2", (post(), frame(DATA, 0, 1, b"test"), BODY), ANSWERED),
    ("generic/3.1/3", (post(), frame(DATA, END_STREAM | PADDED, 1, b"\x06test" + bytes(6))), ANSWERED),
    ("generic/3.2/1", (get(),), ANSWERED),
    ("generic/3.2/2", (get(b"\x06" + GET_BLOCK + bytes(6), WHOLE | PADDED),), ANSWERED),
    ("generic/3.2/3", (get(priority() + GET_BLOCK, WHOLE | WITH_PRIORITY),), ANSWERED),
    ("generic/3.3/1", (frame(PRIORITY, 0, 1, priority(weight=0)), get()), ANSWERED),
    ("generic/3.3/2", (frame(PRIORITY, 0, 1, priority()), get()), ANSWERED),
    ("generic/3.3/3", (frame(PRIORITY, 0, 1, priority(3)), get()), ANSWERED),
    ("generic/3.3/4", (frame(PRIORITY, 0, 1, priority(2**31 + 3)), get()), ANSWERED),
    ("generic/3.3/5", (frame(PRIORITY, 0, 5, priority()), get()), ANSWERED),
    ("generic/3.4/1", (post(), rst_stream(1, ErrorCode.CANCEL), PINGED), ALIVE),
    ("generic/3.5/1", (setting((3, 100)),), times(is_ack, 2)),
    ("generic/3.7/1", (PINGED,), ALIVE),
    ("generic/3.8/1", (frame(GOAWAY, 0, 0, bytes(8)), PINGED), ALIVE_OR_CLOSED),
    ("generic/3.9/1", (window_update(0, 1), get()), ANSWERED),
    ("generic/3.9/2", (setting((4, 0)), get(), window_update(1, 1)), came(DATA, size=1)),
    ("generic/3.10/1", (get(GET_BLOCK[:9], END_STREAM), frame(CONTINUATION, END_HEADERS, 1, GET_BLOCK[9:])), ANSWERED),
    (
        "generic/3.10/2",
        (
            get(GET_BLOCK[:9], END_STREAM),
            frame(CONTINUATION, 0, 1, GET_BLOCK[9:20]),
            frame(CONTINUATION, END_HEADERS, 1, GET_BLOCK[20:]),
        ),
        ANSWERED,
    ),
    ("generic/4/1", (get(),), ANSWERED),
    ("generic/4/2", (asked((b":method", b"HEAD"), *LINE[1:]),), ANSWERED),
    ("generic/4/3", (post(), BODY), ANSWERED),
    ("generic/4/4", (post(), frame(DATA, 0, 1, b"test"), get(literals([(b"x-test", b"ok")]))), ANSWERED),
)

_USER_AGENT, _CODED_USER_AGENT = b"\x0auser-agent\x06h2spec", b"\x87\xb5\x05\xb1\x61\xcc\x5a\x93\x84\x9c\x48\xac\xa4"
_X_TEST, _CODED_X_TEST = b"\x06x-test\x06h2spec", b"\x85\xf2\xb2\x4a\x84\xff\x84\x9c\x48\xac\xa4"
_FIELDS = (_USER_AGENT, _CODED_USER_AGENT, _X_TEST, _CODED_X_TEST)
_HPACK: tuple[tuple[str, tuple[Step, ...], Verdict], ...] = (
    ("generic/5/1", (get(GET_BLOCK + b"\xba"),), ANSWERED),
    *(
        (f"generic/5/{2 + 4 * row + column}", (get(GET_BLOCK + start + each),), ANSWERED)
        for row, start in enumerate((b"\x40", b"\x00", b"\x10"))
        for column, each in enumerate(_FIELDS)
    ),
    ("generic/5/14", (get(b"\x20" + GET_BLOCK),), ANSWERED),
    ("generic/5/15", (get(b"\x20\x3f\xe1\x1f" + GET_BLOCK),), ANSWERED),
    ("hpack/2.3.3/1", (get(GET_BLOCK + b"\xc6"),), COMPRESSION),
    ("hpack/2.3.3/2", (get(GET_BLOCK + b"\x7f\x07\x05empty"),), COMPRESSION),
    ("hpack/4.2/1", (get(GET_BLOCK + b"\x21"),), COMPRESSION),
    ("hpack/5.2/1", (get(GET_BLOCK + b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"),), COMPRESSION),
    ("hpack/5.2/2", (get(GET_BLOCK + b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90"),), COMPRESSION),
    ("hpack/5.2/3", (get(GET_BLOCK + b"\x00\x85\xf2\xb2\x4a\x87\xff\xff\xff\xfd\x25\x42\x7f"),), COMPRESSION),
    ("hpack/6.1/1", (get(GET_BLOCK + b"\x80"),), COMPRESSION),
    ("hpack/6.3/1", (get(b"\x3f\xe1\xff\x03" + GET_BLOCK),), COMPRESSION),
)

_FRAMES: tuple[tuple[str, tuple[Step, ...], Verdict], ...] = (
    ("http2/4.1/1", (frame(22, 0, 0, bytes(8)), PINGED), ALIVE),
    ("http2/4.1/2", (frame(PING, 0x16, 0, bytes(8)),), ALIVE),
    ("http2/4.1/3", (frame(PING, 0, 2**31, bytes(8)),), ALIVE),
    ("http2/4.2/1", (post(), frame(DATA, END_STREAM, 1, bytes(2**14))), ANSWERED),
    ("http2/4.2/2", (post(), frame(DATA, END_STREAM, 1, bytes(2**14 + 1))), stream_error(ErrorCode.FRAME_SIZE_ERROR)),
    ("http2/4.2/3", (get(GET_BLOCK + bytes(2**14)),), FRAME_SIZE),
    ("http2/4.3/1", (get(b"\x40"),), COMPRESSION),
    ("http2/4.3/2", (get(flags=END_STREAM), frame(PRIORITY, 0, 1, priority())), PROTOCOL),
    ("http2/4.3/3", (get(flags=END_STREAM), get(stream=3)), PROTOCOL),
    ("http2/5.4.1/1", (frame(PING, 0, 0, bytes(6)),), closed),
    ("http2/5.4.1/2", (frame(PING, 0, 0, bytes(6)),), FRAME_SIZE),
    ("http2/5.5/1", (frame(22, 0, 0, bytes(8)), PINGED), ALIVE),
    ("http2/5.5/2", (get(flags=END_STREAM), frame(22, 0, 0, bytes(8))), PROTOCOL),
    ("http2/6.1/1", (frame(DATA, END_STREAM, 0, b"test"),), PROTOCOL),
    ("http2/6.1/2", (get(), BODY), STREAM_CLOSED),
    ("http2/6.1/3", (post(), frame(DATA, PADDED, 1, b"\x06test")), PROTOCOL),
    ("http2/6.2/1", (get(flags=END_STREAM), frame(PRIORITY, 0, 1, priority())), PROTOCOL),
    ("http2/6.2/2", (get(flags=END_STREAM), get(stream=3)), PROTOCOL),
    ("http2/6.2/3", (get(stream=0),), PROTOCOL),
    ("http2/6.2/4", (get(b"\xff" + GET_BLOCK, WHOLE | PADDED),), PROTOCOL),
    ("http2/6.3/1", (frame(PRIORITY, 0, 0, priority()),), PROTOCOL),
    ("http2/6.3/2", (get(), frame(PRIORITY, 0, 1, bytes(4))), stream_error(ErrorCode.FRAME_SIZE_ERROR)),
    ("http2/6.4/1", (rst_stream(0, ErrorCode.CANCEL),), PROTOCOL),
    ("http2/6.4/2", (rst_stream(1, ErrorCode.CANCEL),), PROTOCOL),
    ("http2/6.4/3", (post(), frame(RST_STREAM, 0, 1, bytes(3))), FRAME_SIZE),
    ("http2/6.5/1", (frame(SETTINGS, ACK, 0, bytes(1)),), FRAME_SIZE),
    ("http2/6.5/2", (frame(SETTINGS, 0, 1, pack(">HL", 3, 100)),), PROTOCOL),
    ("http2/6.5/3", (frame(SETTINGS, 0, 0, bytes(3)),), FRAME_SIZE),
    ("http2/6.5.2/1", (setting((2, 2)),), PROTOCOL),
    ("http2/6.5.2/2", (setting((4, 2**31)),), FLOW),
    ("http2/6.5.2/3", (setting((5, 2**14 - 1)),), PROTOCOL),
    ("http2/6.5.2/4", (setting((5, 2**24)),), PROTOCOL),
    ("http2/6.5.2/5", (setting((0xFF, 1)), PINGED), ALIVE),
    ("http2/6.5.3/1", (setting((4, 100), (4, 1)), times(is_ack, 2), get()), came(DATA, size=1)),
    ("http2/6.5.3/2", (setting((2, 0)),), times(is_ack, 2)),
    ("http2/6.7/1", (PINGED,), ALIVE),
    (
        "http2/6.7/2",
        (frame(PING, ACK, 0, b"invalid\0"), PINGED),
        lambda frames, _: [each[3] for each in frames if each[0] == PING] == [b"h2spec\0\0"],
    ),
    ("http2/6.7/3", (frame(PING, 0, 1, bytes(8)),), PROTOCOL),
    ("http2/6.7/4", (frame(PING, 0, 0, bytes(6)),), FRAME_SIZE),
    ("http2/6.8/1", (frame(GOAWAY, 0, 1, bytes(8)),), PROTOCOL),
    ("http2/6.9/1", (window_update(0, 0),), PROTOCOL),
    ("http2/6.9/2", (post(), window_update(1, 0)), STREAM_PROTOCOL),
    ("http2/6.9/3", (frame(WINDOW_UPDATE, 0, 0, bytes(3)),), FRAME_SIZE),
    ("http2/6.9.1/1", (setting((4, 1)), times(is_ack, 2), get()), came(DATA, size=1)),
    ("http2/6.9.1/2", (window_update(0, 2**31 - 1) * 2,), FLOW),
    ("http2/6.9.1/3", (post(), window_update(1, 2**31 - 1) * 2), stream_error(ErrorCode.FLOW_CONTROL_ERROR)),
    (
        "http2/6.9.2/1",
        (setting((4, 0)), times(is_ack, 2), get(), setting((4, 1)), times(is_ack, 3)),
        came(DATA, size=1),
    ),
    (
        "http2/6.9.2/2",
        (
            setting((4, 3)),
            times(is_ack, 2),
            get(),
            came(DATA, size=3),
            setting((4, 2)),
            times(is_ack, 3),
            window_update(1, 2),
        ),
        came(DATA, size=1),
    ),
    ("http2/6.9.2/3", (setting((4, 2**31)),), FLOW),
    (
        "http2/6.10/1",
        (
            get(GET_BLOCK[:9], END_STREAM),
            *(
                frame(CONTINUATION, flags, 1, some)
                for flags, some in ((0, GET_BLOCK[9:12]), (END_HEADERS, GET_BLOCK[12:]))
            ),
        ),
        ANSWERED,
    ),
    ("http2/6.10/2", (get(flags=END_STREAM), frame(CONTINUATION, 0, 1), frame(DATA, 0, 1, b"test")), PROTOCOL),
    ("http2/6.10/3", (get(flags=END_STREAM), frame(CONTINUATION, END_HEADERS, 0)), PROTOCOL),
    ("http2/6.10/4", (post(), frame(CONTINUATION, END_HEADERS, 1)), PROTOCOL),
    ("http2/6.10/5", (post(0), frame(CONTINUATION, END_HEADERS, 1) * 2), PROTOCOL),
    ("http2/6.10/6", (post(), frame(DATA, END_STREAM, 1, b"test"), frame(CONTINUATION, END_HEADERS, 1)), PROTOCOL),
    ("http2/7/1", (frame(GOAWAY, 0, 0, pack(">LL", 0, 0xFF)), PINGED), ALIVE_OR_CLOSED),
    ("http2/7/2", (post(), rst_stream(1, 0xFF), PINGED), ALIVE_OR_CLOSED),
)

_RESET = rst_stream(1, ErrorCode.CANCEL)
_CLOSED = connection_error(ErrorCode.STREAM_CLOSED)
_CLOSED_OR_PROTOCOL = stream_error(ErrorCode.STREAM_CLOSED, ErrorCode.PROTOCOL_ERROR)
_CONTINUED = frame(CONTINUATION, END_HEADERS, 1, literals([(b"x-dummy0", b"x")]))
_STATES: tuple[tuple[str, tuple[Step, ...], Verdict], ...] = (
    ("http2/5.1/1", (BODY,), PROTOCOL),
    ("http2/5.1/2", (_RESET,), PROTOCOL),
    ("http2/5.1/3", (window_update(1, 100),), PROTOCOL),
    ("http2/5.1/4", (frame(CONTINUATION, END_HEADERS, 1, GET_BLOCK),), PROTOCOL),
    ("http2/5.1/5", (get(), BODY), STREAM_CLOSED),
    ("http2/5.1/6", (get(), get()), STREAM_CLOSED),
    ("http2/5.1/7", (get(), frame(CONTINUATION, END_HEADERS, 1, GET_BLOCK)), _CLOSED_OR_PROTOCOL),
    ("http2/5.1/8", (post(), _RESET, BODY), STREAM_CLOSED),
    ("http2/5.1/9", (post(), _RESET, get()), STREAM_CLOSED),
    ("http2/5.1/10", (post(), _RESET, _CONTINUED), _CLOSED_OR_PROTOCOL),
    ("http2/5.1/11", (get(), ENDED, BODY), _CLOSED),
    ("http2/5.1/12", (get(), ENDED, get()), _CLOSED),
    ("http2/5.1/13", (get(), ENDED, _CONTINUED), connection_error(ErrorCode.STREAM_CLOSED, ErrorCode.PROTOCOL_ERROR)),
    ("http2/5.1.1/1", (get(stream=2),), PROTOCOL),
    ("http2/5.1.1/2", (get(stream=5), get(stream=3)), PROTOCOL),
    ("http2/5.1.1/3", (get(stream=5), get(stream=5)), STREAM_CLOSED),
    (
        "http2/5.1.2/1",
        (setting((4, 0)), b"".join([get(stream=2 * number + 1) for number in range(129)])),
        stream_error(ErrorCode.PROTOCOL_ERROR, ErrorCode.REFUSED_STREAM),
    ),
    ("http2/5.3.1/1", (get(priority(1) + GET_BLOCK, WHOLE | WITH_PRIORITY),), STREAM_PROTOCOL),
    ("http2/5.3.1/2", (frame(PRIORITY, 0, 1, priority(1)),), STREAM_PROTOCOL),
)

_MESSAGES: tuple[tuple[str, tuple[Step, ...], Verdict], ...] = (
    ("http2/8.1/1", (post(), get(literals([(b"x-dummy", b"x")]), END_HEADERS)), STREAM_PROTOCOL),
    ("http2/8.1.2/1", (get(GET_BLOCK + b"\0\x06X-TEST\x02ok"),), STREAM_PROTOCOL),
    ("http2/8.1.2.1/1", (asked(*LINE, (b":test", b"ok")),), STREAM_PROTOCOL),
    ("http2/8.1.2.1/2", (asked(*LINE, (b":status", b"200")),), STREAM_PROTOCOL),
    ("http2/8.1.2.1/3", (post(), get(literals([(b":method", b"GET")]))), STREAM_PROTOCOL),
    ("http2/8.1.2.1/4", (asked(*LINE[:3], (b"x-test", b"ok"), LINE[3]),), STREAM_PROTOCOL),
    ("http2/8.1.2.2/1", (asked(*LINE, (b"connection", b"keep-alive")),), STREAM_PROTOCOL),
    ("http2/8.1.2.2/2", (asked(*LINE, (b"te", b"trailers, deflate")),), STREAM_PROTOCOL),
    ("http2/8.1.2.3/1", (asked(*LINE[:2], (b":path", b""), LINE[3]),), STREAM_PROTOCOL),
    ("http2/8.1.2.3/2", (asked(*LINE[1:]),), STREAM_PROTOCOL),
    ("http2/8.1.2.3/3", (asked(LINE[0], *LINE[2:]),), STREAM_PROTOCOL),
    ("http2/8.1.2.3/4", (asked(*LINE[:2], LINE[3]),), STREAM_PROTOCOL),
    ("http2/8.1.2.3/5", (asked(*LINE, LINE[0]),), STREAM_PROTOCOL),
    ("http2/8.1.2.3/6", (asked(*LINE, LINE[1]),), STREAM_PROTOCOL),
    ("http2/8.1.2.3/7", (asked(*LINE, LINE[2]),), STREAM_PROTOCOL),
    ("http2/8.1.2.6/1", (post(END_HEADERS, (b"content-length", b"1")), BODY), STREAM_PROTOCOL),
    (
        "http2/8.1.2.6/2",
        (post(END_HEADERS, (b"content-length", b"1")), frame(DATA, 0, 1, b"test"), BODY),
        STREAM_PROTOCOL,
    ),
    ("http2/8.2/1", (frame(PUSH_PROMISE, END_HEADERS, 1, pack(">L", 2) + GET_BLOCK),), PROTOCOL),
)

CASES: tuple[Case, ...] = (
    Case("generic/1/1", (GREETING,), first(came(SETTINGS)), greets=False),
    Case("http2/3.5/1", (GREETING,), first(came(SETTINGS)), greets=False),
    Case("http2/3.5/2", (b"INVALID CONNECTION PREFACE\r\n\r\n",), closed, greets=False),
    *(Case(*each) for each in (*_GENERIC, *_HPACK, *_FRAMES, *_STATES, *_MESSAGES)),
)


def taken_apart(received: bytes) -> Iterator[Frame]:
    """The frames that are complete."""
    at = 0
    while len(received) - at >= 9 and len(received) - at >= (size := 9 + int.from_bytes(received[at : at + 3])):
        kind, flags, stream = received[at + 3], received[at + 4], int.from_bytes(received[at + 5 : at + 9])
        yield kind, flags, stream, received[at + 9 : at + size]
        at += size
