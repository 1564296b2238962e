"""How long a message's body is: RFC 9112 section 6.3, with every ambiguity refused."""

from __future__ import annotations

from enum import Enum

from pydsl_proxy.wire.http.grammar import Malformed, is_digits
from pydsl_proxy.wire.http.statuses import has_no_body

FRAMING = frozenset((b"content-length", b"transfer-encoding"))


class Framing(Enum):
    """How the end of a body is found."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


def content_length(values: list[bytes]) -> int | None:
    """The declared length.

    RFC 9112 6.3 step 5 lets a recipient accept a repeated equal value; nobody sends one but an attacker, and nginx
    refuses it too.  Zeros at its start say nothing (RFC 9110 8.6 has no bound of them).  Eighteen further digits are
    enough for anyone and never overflow a signed 64-bit integer elsewhere.
    """
    if not values:
        return None
    if len(values) > 1:
        raise Malformed("Content-Length is repeated")
    value = values[0]
    if value[:1] == b"0":
        value = value.lstrip(b"0") or b"0"
    if not is_digits(value):
        raise Malformed("Content-Length is not a number")
    return int(value)


def is_chunked(codings: list[bytes], length: int | None) -> bool:
    """Whether Transfer-Encoding says chunked; any other coding is refused with 501 (RFC 9112 6.1)."""
    if not codings:
        return False
    # RFC 9112 6.3 step 3 permits dropping Content-Length; it is the oldest way to smuggle a request.
    if length is not None:
        raise Malformed("both Content-Length and Transfer-Encoding")
    if len(codings) > 1:
        raise Malformed("Transfer-Encoding is repeated")
    if codings[0].lower() != b"chunked":
        raise Malformed("Transfer-Encoding is not understood: only 'chunked' is", 501)
    return True


def response_framing(method: bytes, status: int, length: int | None, chunked: bool) -> Framing:
    """The framing of a response to *method* (RFC 9112 6.3)."""
    # Steps 1 and 2: no body whatever the fields say.
    if method == b"HEAD" or has_no_body(status):
        return Framing.NONE
    # Steps 3 to 5: contradictions were refused when the head was read.
    if chunked:
        return Framing.CHUNKED
    # Step 6.
    if length is not None:
        return Framing.LENGTH
    # Step 8.
    return Framing.CLOSE
