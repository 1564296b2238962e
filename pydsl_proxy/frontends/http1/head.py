"""The head of a request that is not the usual one: new to the memo, of HTTP/1.0, in absolute-form, or malformed."""

from __future__ import annotations

import re

from pydsl_proxy.interfaces import FrontendSite
from pydsl_proxy.wire.http.field_rules import cut
from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.head import RequestFields
from pydsl_proxy.wire.http.uri import split_absolute
from pydsl_proxy.wire.http1.reader import read_request_fields, read_request_line


def read_head(
    site: FrontendSite, match: re.Match[bytes] | None, line: bytes, block: bytes
) -> tuple[bytes, bytes, int, RequestFields]:
    """Method, target in origin-form, minor version and fields; raises Malformed.

    *match* is that of the usual request line, if *line* is one.
    """
    if len(line) > site.clients.request_line:
        raise Malformed("the request line is too long", 414)
    if match is not None:
        method, target = match.groups()
        minor = 1
    else:
        method, target, minor = read_request_line(line)
    fields = read_fields(site, block)
    if fields.host is None and minor:
        raise Malformed("Host is missing")
    if fields.chunked and not minor:
        raise Malformed("Transfer-Encoding in an HTTP/1.0 request")
    if match is None and not target.startswith(b"/") and target != b"*":
        target, fields = _origin_form(site, method, target, fields)
    return method, target, minor, fields


def read_fields(site: FrontendSite, block: bytes) -> RequestFields:
    """The fields of a section, from the memo if it knows them; raises Malformed."""
    return site.memo.young.get(block) or site.memo.recall(block) or _read_fields(site, block)


def _read_fields(site: FrontendSite, block: bytes) -> RequestFields:
    """A section that the memo does not know; perhaps it does but for the fields that change."""
    memo, changing = site.memo, site.changing
    rest, lines = changing.split(block)
    fields = memo.young.get(rest) or memo.recall(rest) if lines else None
    if fields is None:
        fields = read_request_fields(rest, site.clients.fields)
        site.place(fields)
        if not lines:
            changing.learn(block, fields)
        # What is kept may be used without a second look: HTTP/1.1 wants a Host.
        if fields.host is not None:
            memo.keep(rest, fields)
    if lines and not changing.keeps_order(fields):
        fields = read_request_fields(block, site.clients.fields)
        site.place(fields)
    elif lines:
        fields = fields.followed_by(lines)
        if fields.count > site.clients.fields:
            raise Malformed("too many header fields", 431)
        if fields.host is not None:
            memo.keep(block, fields)
    return fields


def _origin_form(
    site: FrontendSite, method: bytes, absolute: bytes, fields: RequestFields
) -> tuple[bytes, RequestFields]:
    """RFC 9112 3.2.2: the authority of an absolute-form target replaces what Host says.

    3.2.4: OPTIONS for a URL without a path is for the server as a whole.
    """
    _, authority, target = split_absolute(absolute)
    if method == b"OPTIONS" and absolute.endswith(b"://" + authority):
        target = b"*"
    spans = [(start, end) for name, start, end in fields.spans if name == b"host"]
    block = cut(fields.raw, spans) + b"\r\nHost: " + authority
    fields = read_request_fields(block, site.clients.fields + 1)
    site.place(fields)
    return target, fields
