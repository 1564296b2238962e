"""The head of a response as a client of HTTP/2 is sent it: a header block."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.grammar import CRLF
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http.statuses import has_no_body
from pydsl_proxy.wire.http1.response_writer import MAX_EDITED, interim_section
from pydsl_proxy.wire.http2.hpack_literals import literal

#: Beside the rules, what a block is kept by with its response.
KEY = b"h2"


def usual_block(response: ResponseHead, rules: FieldRules) -> bytes:
    """The block of a usual response, kept with it."""
    # The rules of sites that a reload has replaced are asked for no more.
    if len(response.edited) >= MAX_EDITED:
        response.edited.clear()
    section = rules.edit(response, _named(response))
    kept = response.edited[rules, KEY] = literal(b":status", b"%d" % response.status) + write_section(section)
    return kept


def response_block(response: ResponseHead, rules: FieldRules, added: bytes) -> bytes:
    """The block of any response; *added* is a section of further fields."""
    block = response.edited.get((rules, KEY)) or usual_block(response, rules)
    return block + _write_added(added) if added else block


def _named(response: ResponseHead) -> frozenset[bytes]:
    if has_no_body(response.status) and response.status != 304:
        return response.named | {b"content-length"}
    return response.named


def interim_block(response: ResponseHead, rules: FieldRules) -> bytes:
    """The block of an interim response (RFC 9110 15.2)."""
    return literal(b":status", b"%d" % response.status) + write_section(interim_section(response, rules))


def write_section(section: bytes) -> bytes:
    """A section's fields in a header block, their names in lower case (RFC 9113 8.2.1)."""
    written = []
    for line in section.split(CRLF)[1:]:
        name, _, value = line.partition(b":")
        written.append(literal(name.lower(), value.strip(b" \t")))
    return b"".join(written)


# A Date is the same for a second.
_write_added: Final = lru_cache(maxsize=16)(write_section)
