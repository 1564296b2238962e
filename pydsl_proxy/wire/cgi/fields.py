"""Header fields as an application of CGI's lineage is told them (RFC 3875 4.1.18)."""

from __future__ import annotations

import re
from collections.abc import Container

from pydsl_proxy.wire.http.grammar import CRLF

# What has a name of its own, and what is no property of the request that is handed on.  HTTP_PROXY is how libraries
# are told a proxy for their own requests ("httpoxy", CVE-2016-5385 and others): no client may say that.
_NEVER = frozenset((b"CONTENT_TYPE", b"CONTENT_LENGTH", b"TRANSFER_ENCODING", b"PROXY"))
# Other characters of a token have no place in the name of a variable; two names could come to one.
_is_plain_name = re.compile(rb"[0-9A-Za-z-]+").fullmatch


def http_params(section: bytes, taken: Container[bytes] = ()) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The Content-Type of a header section, and its fields as params, but for those *taken* by the configuration.

    Repeated fields are one param: joined by a comma, cookies by a semicolon (RFC 6265 5.4), as in nginx since 1.23.
    """
    found: dict[bytes, bytes] = {}
    content_type = b""
    for line in section.split(CRLF)[1:]:
        name, _, value = line.partition(b":")
        if not _is_plain_name(name):
            continue
        name, value = name.upper().replace(b"-", b"_"), value.strip(b" \t")
        if name == b"CONTENT_TYPE":
            content_type = value
        if name in _NEVER:
            continue
        before = found.get(name)
        if before is None:
            found[name] = value
        else:
            found[name] = b"%b%b%b" % (before, b"; " if name == b"COOKIE" else b", ", value)
    pairs = [(b"HTTP_" + name, value) for name, value in found.items()]
    return content_type, [each for each in pairs if each[0] not in taken]
