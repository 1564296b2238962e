"""The head of a response as an application of CGI's lineage writes it (RFC 3875 6)."""

from __future__ import annotations

import re

from pydsl_proxy.wire.http.field_rules import cut, spans_of
from pydsl_proxy.wire.http.grammar import CRLF, Malformed, is_field_start
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http.statuses import has_no_body, reason
from pydsl_proxy.wire.http1.reader import read_response_head

# RFC 3875 6: a line ends with LF or CRLF.
_find_end = re.compile(rb"\n\r?\n").search
_read_status = re.compile(rb"([1-9][0-9][0-9])(?:[ \t]++([\t\x20-\x7e\x80-\xff]*))?").fullmatch


def head_end(data: bytes) -> tuple[int, int] | None:
    """Where the head in *data* ends, without the end of its last line, and where the body begins; None if not here."""
    found = _find_end(data)
    if found is None:
        return None
    start = found.start()
    return (start - 1 if start and data[start - 1] == 0x0D else start), found.end()


def check_cgi_start(data: bytes, *, status_line: bool = False) -> None:
    """Raise Malformed if *data*, of which the end of the head is to come, cannot be the start of a response."""
    end = data.rfind(b"\n")
    if end != -1:
        read_cgi_head(data[:end].removesuffix(b"\r"), status_line=status_line, bodiless=True)
    elif status_line and (data[:7] == b"HTTP/1." or b"HTTP/1.".startswith(data)):
        return
    if not is_field_start(data[end + 1 :]):
        raise Malformed("it does not begin with a header field" if end == -1 else "a header line is malformed")


def read_cgi_head(head: bytes, *, status_line: bool = False, bodiless: bool = False) -> ResponseHead:
    """A response's head, from its first field to its last; raises Malformed.

    The status is that of the field Status, or 302 beside a Location (RFC 3875 6.2.3), or 200.  A Location without a
    host is the client's to follow, as in nginx; RFC 3875 6.2.2 has the server do so.  *status_line* says that the head
    may begin with one, as that of uWSGI; *bodiless* is as in :func:`~pydsl_proxy.wire.http1.reader.read_response_head`.
    """
    if not head:
        raise Malformed("there is no header field")
    section = CRLF + head.replace(CRLF, b"\n").replace(b"\n", CRLF)
    if status_line and head.startswith(b"HTTP/1."):
        response = read_response_head(section[2:], bodiless=bodiless)
    else:
        response = _with_status(section, bodiless)
    if response.status < 200:
        raise Malformed(f"the status {response.status} is not final")
    # Its end is the end of the stream: a script that chunks its body by itself would have it taken for the body.
    if response.chunked and not bodiless and not has_no_body(response.status):
        raise Malformed("there is a Transfer-Encoding")
    return response


def _with_status(section: bytes, bodiless: bool) -> ResponseHead:
    lower = section.lower()
    spans = spans_of(lower, b"status")
    if len(spans) > 1:
        raise Malformed("Status is repeated")
    if not spans:
        status, phrase = (302, b"") if b"\r\nlocation:" in lower else (200, b"")
    else:
        [(start, end)] = spans
        read = _read_status(section[start + 9 : end if end != -1 else None].strip(b" \t"))
        if read is None:
            raise Malformed("the Status is not understood")
        status, phrase = int(read[1]), read[2] or b""
    head = b"HTTP/1.1 %d %b%b" % (status, phrase or reason(status), cut(section, spans))
    return read_response_head(head, bodiless=bodiless)
