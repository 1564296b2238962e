"""The head of a response as a client of HTTP/1.1 or 1.0 is sent it."""

from __future__ import annotations

from collections.abc import Sequence

from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.framing import Framing, response_framing
from pydsl_proxy.wire.http.grammar import HEAD_END
from pydsl_proxy.wire.http.head import OwnHead, ResponseHead, section
from pydsl_proxy.wire.http.statuses import UPGRADE_REQUIRED, has_no_body, reason
from pydsl_proxy.wire.websocket import TOKEN as WEBSOCKET

#: Our name, in responses of our own.
SERVER = (b"Server", b"pydsl_proxy")

_NOT_IN_INTERIM = frozenset((b"content-length", b"set-cookie"))

# What was made of one head: one for each location that hands it on.
MAX_EDITED = 64


def usual_head(response: ResponseHead, rules: FieldRules) -> bytes:
    """Status line and section of a usual response, without the end of the head; kept with the response."""
    kept = response.edited.get(rules)
    if kept is None:
        # The rules of sites that a reload has replaced are asked for no more.
        if len(response.edited) >= MAX_EDITED:
            response.edited.clear()
        kept = response.edited[rules] = _line(response) + rules.edit(response, response.named)
    return kept


def response_head(
    response: ResponseHead, rules: FieldRules, method: bytes, minor: int, last: bool, added: bytes
) -> tuple[bytes, Framing]:
    """A whole head, and how the end of its body is told to a client of HTTP/1.*minor*.

    *last* says that the connection closes after it; *added* is a section of further fields.
    """
    framing = response_framing(method, response.status, response.length, response.chunked)
    named = response.named
    if has_no_body(response.status) and response.status != 304:
        named = named | {b"content-length"}
    pieces = [_line(response), rules.edit(response, named), added]
    if framing is Framing.CHUNKED or framing is Framing.CLOSE:
        # RFC 9112 6.1: no Transfer-Encoding to a client of HTTP/1.0, for which the close ends the body.
        framing = Framing.CHUNKED if minor else Framing.CLOSE
    if framing is Framing.CHUNKED:
        pieces.append(b"\r\nTransfer-Encoding: chunked")
    if last or framing is Framing.CLOSE:
        pieces.append(b"\r\nConnection: close")
    elif not minor:
        pieces.append(b"\r\nConnection: keep-alive")
    if response.status == UPGRADE_REQUIRED and response.get(b"upgrade") == WEBSOCKET:
        # RFC 9110 15.5.22: it says what to upgrade to; that is for this hop, like all of the field.
        pieces.append(b"\r\nConnection: Upgrade\r\nUpgrade: " + WEBSOCKET)
    pieces.append(HEAD_END)
    return b"".join(pieces), framing


def interim_head(response: ResponseHead, rules: FieldRules) -> bytes:
    """A whole head of an interim response (RFC 9110 15.2)."""
    return b"%b%b\r\n\r\n" % (_line(response), interim_section(response, rules))


def interim_section(response: ResponseHead, rules: FieldRules) -> bytes:
    """The fields of an interim response: those of the peer that the location lets pass, and none that it sets.

    It has no length (RFC 9110 8.6).  Clients ignore its cookies (RFC 6265 3), and the filter that edits cookies does
    not see them.
    """
    return rules.without_removed(response, response.named | _NOT_IN_INTERIM)


def switching_head(response: ResponseHead, rules: FieldRules, added: bytes) -> bytes:
    """A whole head of 101, to the protocol that the response names (RFC 9110 15.2.2); it has no length (8.6)."""
    fields = rules.edit(response, (response.named | {b"content-length"}) - {b"upgrade"})
    upgrade = response.get(b"upgrade") or b""
    return b"%b%b%b\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % (_line(response), fields, added, upgrade)


def _line(response: ResponseHead) -> bytes:
    """Always of HTTP/1.1, which is what this hop speaks (RFC 9110 2.5)."""
    return b"HTTP/1.1 %d %b" % (response.status, response.reason or reason(response.status))


def own_response(status: int, body: bytes, fields: Sequence[tuple[bytes, bytes]] = ()) -> ResponseHead:
    """The head of a complete response of our own."""
    named = {name.lower() for name, _ in fields}
    pairs = list(fields)
    if b"server" not in named:
        pairs.append(SERVER)
    head = OwnHead(status, reason(status), b"")
    head.length = None if has_no_body(status) else len(body)
    if head.length is not None:
        pairs.append((b"Content-Length", b"%d" % len(body)))
    head.raw = section(tuple(pairs))
    head.dated = b"date" in named
    return head


def error_page(status: int) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    """Body and fields of an error's response: the status and nothing that helps an attacker."""
    body = b"%d %b\n" % (status, reason(status))
    return body, ((b"Content-Type", b"text/plain; charset=utf-8"),)
