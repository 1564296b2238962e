"""Event streams, as the HTML standard has them (9.2, server-sent events): what they are called, and their comments."""

from __future__ import annotations

from pydsl_proxy.wire.edits.encoded_head import DIGESTS
from pydsl_proxy.wire.http.head import Fields, ResponseHead

# 9.2.5: a stream begins where an event may begin.
BEGINNING = b"\n\n"
# 9.2.6: what has been decoded loses one byte order mark, at the beginning of the stream alone.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Lines end with LF, CR or CRLF.  What may end an empty line, with the end of the line before; after a CR, an LF that
# belongs to it may still come, and makes one more empty line, which means nothing.
_EVENT_ENDS = (b"\n\n", b"\r\r", b"\n\r", b"\n\r\n", b"\r\r\n")
# "identity" and "none" are no codings; applications write them so that nobody compresses their events.
_PLAIN = frozenset((b"identity", b"none"))
_OF_THESE_BYTES = (b"content-range", *DIGESTS)


def is_event_stream(response: Fields) -> bool:
    """Whether the body is ``text/event-stream``, whatever the parameters."""
    media_type = (response.get(b"content-type") or b"").partition(b";")[0]
    return media_type.strip().lower() == b"text/event-stream"


def takes_comments(response: ResponseHead) -> bool:
    """Whether comments may stand in the body: it is events, and nothing in the head speaks of its bytes.

    A comment has no meaning by definition (9.2.6), so ``no-transform`` is no obstacle.
    """
    return (
        response.length is None
        and is_event_stream(response)
        and all(coding.lower() in _PLAIN for coding in response.all(b"content-encoding"))
        and not any(response.get(name) is not None for name in _OF_THESE_BYTES)
    )


def tail_of(tail: bytes, data: bytes) -> bytes:
    """The last bytes of a stream that ended with *tail*, now that *data* was added: what :func:`comment` looks at."""
    return (tail + data[-3:])[-3:]


def comment(tail: bytes) -> bytes:
    r"""An empty comment for a stream that ends with *tail*; nothing where it would not be one.

    Between two events it has an empty line of its own, for clients that look for events between empty lines.  In an
    event a line without one may stand between two others, as the empty line would end the event.  After a CR in an
    event there is none: an LF that belongs to it would become an empty line.
    """
    if tail.endswith(_EVENT_ENDS):
        return b":\n\n"
    return b":\n" if tail.endswith(b"\n") else b""
