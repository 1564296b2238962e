"""HTTP/1.1 heads from bytes.

One reading for each message, or :class:`~pydsl_proxy.wire.http.grammar.Malformed`.  A section is validated as a whole
by one anchored pattern, which works in C; only what fails it is looked at line by line, to say what is wrong.
"""

from __future__ import annotations

import re

from pydsl_proxy.wire.fields.bound_users import asks_for_binding, offers_binding
from pydsl_proxy.wire.http.field_rules import cut, spans_of
from pydsl_proxy.wire.http.framing import FRAMING, content_length, is_chunked
from pydsl_proxy.wire.http.grammar import (
    CRLF,
    Malformed,
    check_line_ends,
    find_control,
    is_padded_field,
    is_plain_section,
    is_request_start,
    is_response_start,
    is_token,
    read_any_line,
    read_field,
    read_status_line,
    read_usual_line,
)
from pydsl_proxy.wire.http.head import LOGGED, RequestFields, ResponseHead
from pydsl_proxy.wire.http.hop_by_hop import FORBIDDEN_IN_TRAILERS, FORWARDING, NEVER_NAMED, connection_options
from pydsl_proxy.wire.http.statuses import has_no_body
from pydsl_proxy.wire.http.uri import host_and_port

# Bytes of a trailer section, each field with its colon, a blank and CRLF, of any protocol, from clients and from peers.
# gRPC's clients take so much metadata.
MAX_TRAILERS = 16 * 1024
# Fields of a trailer section, in the same way: as many as fit take milliseconds.
MAX_TRAILER_FIELDS = 256

# What a proxy looks at in a request, and what its access log does; every other field is copied unseen.
SEEN = (
    b"host",
    b"connection",
    b"proxy-connection",
    b"proxy",
    b"keep-alive",
    b"te",
    b"upgrade",
    b"expect",
    b"content-length",
    b"transfer-encoding",
    *LOGGED,
    *sorted(FORWARDING),
)
_find_seen = re.compile(rb"\r\n(" + b"|".join(map(re.escape, SEEN)) + rb"):").finditer

# What a status line that is cut short is filled up with, to be looked at.
_STATUS_START = b"HTTP/1.1 200 "
_empty_lines = re.compile(rb"\A(?:\r\n)++")

# nginx answers 405 to TRACE and 400 to CONNECT; for us neither is a method that any location has (RFC 9110 15.5.6).
_REFUSED_METHODS = (b"CONNECT", b"TRACE")


def without_empty_lines(data: bytes) -> bytes:
    """*data* from its first line that is not empty (RFC 9112 2.2)."""
    return _empty_lines.sub(b"", data)


def read_request_line(line: bytes) -> tuple[bytes, bytes, int]:
    """Method, target as received, and minor version: 0 for HTTP/1.0, 1 for HTTP/1.1 and later (RFC 9110 2.5)."""
    match = read_any_line(line)
    if match is None:
        raise Malformed("the request line is not understood")
    method, target, major, minor = match.groups()
    if major != b"1":
        raise Malformed("the HTTP version is not supported", 505)
    if method in _REFUSED_METHODS:
        raise Malformed(f"the method {method.decode()} is not allowed", 405)
    # RFC 9110 9.1: methods are case-sensitive and all registered ones are upper case; nginx too refuses others.
    if method != method.upper():
        raise Malformed("the method is not in upper case")
    if not target.startswith(b"/") and target != b"*" and b"://" not in target:
        raise Malformed("the request target is neither a path nor a URL")
    if target == b"*" and method != b"OPTIONS":
        raise Malformed("the request target * is for OPTIONS alone")
    if b"#" in target:
        raise Malformed("the request target has a fragment")
    return method, target, 0 if minor == b"0" else 1


def read_request_fields(block: bytes, most: int) -> RequestFields:
    """A request's header section: every field as CRLF name ":" value; *most* bounds the number of fields (431)."""
    block = _checked(block)
    count = block.count(b"\n")
    if count > most:
        raise Malformed("too many header fields", 431)
    lower = block.lower()
    fields = RequestFields(block, lower)
    fields.count = count
    spans = fields.spans
    rare = False
    for match in _find_seen(lower):
        start, end = match.span()
        stop = lower.find(CRLF, end)
        if stop == -1:
            stop = len(lower)
        name = match[1]
        spans.append((name, start, stop))
        if name == b"host":
            _take_host(fields, block[end:stop].strip(b" \t"))
        elif name not in LOGGED:
            rare = True
        elif name == b"authorization" and asks_for_binding(block[end:stop]):
            fields.binds = True
    if rare:
        _understand(fields)
    return fields


def _take_host(fields: RequestFields, value: bytes) -> None:
    # RFC 9112 3.2: a server must refuse more than one Host, or one with an invalid value.
    if fields.host is not None:
        raise Malformed("Host is repeated")
    # RFC 9110 4.2.1: no http or https URI has an empty host.
    if not value:
        raise Malformed("Host is empty")
    fields.host = value
    fields.host_name = host_and_port(value)[0]


def _understand(fields: RequestFields) -> None:
    seen: dict[bytes, list[bytes]] = {}
    for name, start, stop in fields.spans:
        seen.setdefault(name, []).append(fields.raw[start + len(name) + 3 : stop].strip(b" \t"))
    if b"connection" in seen:
        options = connection_options(seen[b"connection"])
        fields.close = b"close" in options
        fields.keep_alive = b"keep-alive" in options
        fields.named = options - NEVER_NAMED
    fields.content_length = content_length(seen.get(b"content-length", []))
    fields.chunked = is_chunked(seen.get(b"transfer-encoding", []), fields.content_length)
    if b"upgrade" in seen:
        fields.upgrade = b", ".join(seen[b"upgrade"])
    for value in seen.get(b"expect", ()):
        # RFC 9110 10.1.1: any other expectation may be answered with 417.
        if value.lower() != b"100-continue":
            raise Malformed("the Expect field asks for something other than 100-continue", 417)
        fields.expect = True


def _checked(block: bytes) -> bytes:
    """The section without fields whose name has an underscore; Malformed if a line cannot be read.

    nginx drops such fields too: to an application of CGI's lineage X_Forwarded_For is X-Forwarded-For.
    """
    if is_plain_section(block):
        return block
    kept = []
    for line in block.split(CRLF)[1:]:
        match = read_field(line)
        if match is None:
            raise Malformed(_what_is_wrong(line))
        if b"_" not in match[1]:
            kept.append(CRLF + line)
    return b"".join(kept)


def _what_is_wrong(line: bytes) -> str:
    if line[:1] in (b" ", b"\t"):
        return "a header line is folded"
    name, colon, _ = line.partition(b":")
    if not colon:
        return "a header line has no colon"
    if not name:
        return "a header field has no name"
    if name[-1:] in (b" ", b"\t"):
        return "there is a blank between a header field's name and its colon"
    return "a header field's value has a control character" if is_token(name) else "a header field's name is invalid"


def read_response_head(data: bytes, most: int = 1000, *, bodiless: bool = False) -> ResponseHead:
    """A response's head, from its status line to the end of its last field's value.

    *bodiless* says that it ends the response, as the answer to HEAD.
    """
    line_end = data.find(CRLF)
    line = data if line_end == -1 else data[:line_end]
    match = read_status_line(line)
    if match is None:
        raise Malformed("the status line is not understood")
    block = _checked_response(data[len(line) :])
    if block.count(CRLF) > most:
        raise Malformed("too many header fields")
    minor = 0 if match[1] == b"0" else 1
    head = ResponseHead(int(match[2]), match[3] or b"", block, block.lower(), minor)
    options = connection_options(head.all(b"connection"))
    head.named = options - NEVER_NAMED
    head.persistent = b"close" not in options if head.minor else b"keep-alive" in options
    read_framing(head, bodiless=bodiless)
    head.binds = b"\r\nwww-authenticate:" in head.lower and offers_binding(head)
    head.marked = b"\r\nlocation:" in head.lower or b"\r\nrefresh:" in head.lower or b"\r\nx-accel-" in head.lower
    # One that ends at this hop is none.
    head.dated = b"\r\ndate:" in head.lower and b"date" not in head.named
    head.usual = head.length is not None and head.dated
    return head


def check_response_start(data: bytes, known: int) -> None:
    """Raise Malformed if *data*, of which the end of the head is to come, cannot be the start of a response.

    The first *known* octets were looked at before.
    """
    if known < len(_STATUS_START) and not is_response_start(data[:13] + _STATUS_START[len(data) :]):
        raise Malformed("the status line is not understood")
    if find_control(data, known):
        raise Malformed("there is a control character")
    check_line_ends(data[known - 1 if data[:known].endswith(b"\r") else known :])
    if data.find(b"\n", known) != -1:
        read_response_head(data[: data.rfind(CRLF)], bodiless=True)


def check_request_start(data: bytes, line_end: int) -> None:
    """Raise Malformed if *data*, of which the end of the head is to come, cannot be the start of a request."""
    check_line_ends(data)
    line = data if line_end == -1 else data[:line_end]
    if find_control(line) or not is_request_start(line):
        raise Malformed("the request line is not understood")
    if line_end != -1 and not read_usual_line(line):
        read_request_line(line)


def read_framing(head: ResponseHead, *, bodiless: bool = False) -> None:
    """Find how the body ends, and leave the length in the section as it was understood; raises Malformed.

    RFC 9112 6.3 step 1: a response that has no body ends with its head, whatever the fields say.  They tell of another
    one (RFC 9110 8.6); where they tell nothing clear of that, they go.
    """
    bodiless = bodiless or has_no_body(head.status)
    lengths = head.all(b"content-length")
    try:
        length = content_length(lengths)
        head.chunked = is_chunked(head.all(b"transfer-encoding"), length)
        # RFC 9112 6.1: chunked in an HTTP/1.0 message means that its framing is faulty.
        if head.chunked and head.minor == 0:
            raise Malformed("Transfer-Encoding in an HTTP/1.0 response")
    except Malformed:
        if not bodiless:
            raise
        # Some peers send a body all the same: it must not come before the next response.
        head.chunked = head.persistent = False
        head.rewrite(cut(head.raw, [span for name in FRAMING for span in spans_of(head.lower, name)]))
        return
    if length is not None and not _is_written_so(head.lower, b"\r\ncontent-length: %d" % length):
        # Another reader may not take a tab for a blank, or leading zeros for nothing.
        [(start, end)] = spans_of(head.lower, b"content-length")
        rest = head.raw[end:] if end != -1 else b""
        head.rewrite(b"%b %d%b" % (head.raw[: start + len(b"\r\ncontent-length:")], length, rest))
    head.length = None if has_no_body(head.status) else length


def _is_written_so(lower: bytes, line: bytes) -> bool:
    """Whether a field of a section in lower case is *line*, and nothing follows in it."""
    at = lower.find(line)
    return at != -1 and lower[at + len(line) : at + len(line) + 2] in (b"", CRLF)


def _checked_response(block: bytes) -> bytes:
    if not is_plain_section(block):
        for line in block.split(CRLF)[1:]:
            if read_field(line) is None:
                raise Malformed(_what_is_wrong(line))
    return block


def read_trailers(block: bytes, *, of_peer: bool = False) -> tuple[tuple[bytes, bytes], ...]:
    """A trailer section, without the fields that RFC 9110 6.5.1 forbids there.

    *of_peer* drops those with a blank before the colon too, which are refused from clients.
    """
    if block.count(CRLF) > MAX_TRAILER_FIELDS:
        raise Malformed("too many trailer fields", 431)
    kept = []
    for line in block.split(CRLF)[1:]:
        match = read_field(line)
        if match is None and of_peer and is_padded_field(line):
            continue
        if match is None:
            raise Malformed("a trailer field is malformed: " + _what_is_wrong(line))
        name, value = match.groups()
        if b"_" not in name and name.lower() not in FORBIDDEN_IN_TRAILERS:
            kept.append((name, value.rstrip(b" \t")))
    return tuple(kept)
