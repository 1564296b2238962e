"""Which fields end at this hop, in either direction (RFC 9110 7.6.1)."""

from __future__ import annotations

import re
from typing import Final

from pydsl_proxy.wire.http.grammar import TOKEN, Malformed

# RFC 9110 5.6.1: tokens between commas, of which there may be too many.
_is_list = re.compile(rb"(?:[ \t]*+(?:%b++[ \t]*+)?(?:,|\Z))*+" % TOKEN).fullmatch
_tokens = re.compile(rb"%b++" % TOKEN).findall
#: A request has no more fields than this by default, and needs to name few of them.
MAX_OPTIONS: Final = 100

# Transfer-Encoding is no member: a message's framing is decided by framing.py and written anew.
HOP_BY_HOP = frozenset((b"connection", b"proxy-connection", b"keep-alive", b"te", b"upgrade"))

# A client's: Expect is answered here (RFC 9110 10.1.1), as nginx does.  No client has a use for Proxy, which an
# application of CGI takes for its environment's HTTP_PROXY, however many hops further on (CVE-2016-5385, "httpoxy").
REQUEST_DROPPED = HOP_BY_HOP | {b"expect", b"proxy"}
# A peer's: nginx hides the fields by which an application steers it, and X-Pad of old Apaches.
RESPONSE_DROPPED = HOP_BY_HOP | {
    b"x-accel-redirect",
    b"x-accel-expires",
    b"x-accel-limit-rate",
    b"x-accel-buffering",
    b"x-accel-charset",
    b"x-pad",
}
# Who says where a request came from; a client's are believed only if it is a trusted proxy.
FORWARDING = frozenset(
    (
        b"x-real-ip",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-server",
        # Applications put it before the links that they make (CVE-2024-52003 of Traefik).
        b"x-forwarded-prefix",
        # Gunicorn's secure_scheme_headers: beside our X-Forwarded-Proto they would contradict it.
        b"x-forwarded-ssl",
        b"x-forwarded-protocol",
        b"forwarded",
    )
)
# What must stay whatever Connection names: a sender cannot ask the proxy to hide what frames or places the message,
# nor to strip the fields by which the next hop knows the client.
NEVER_NAMED = frozenset((b"host", b"content-length", b"transfer-encoding", b"close", b"keep-alive")) | FORWARDING

# RFC 9110 6.5.1: never in a trailer section.
FORBIDDEN_IN_TRAILERS = (
    HOP_BY_HOP
    | FORWARDING
    | frozenset(
        (
            b"transfer-encoding",
            b"content-length",
            b"host",
            b"proxy",
            b"trailer",
            b"content-encoding",
            b"content-type",
            b"content-range",
            b"authorization",
            b"proxy-authorization",
            b"proxy-authenticate",
            b"www-authenticate",
            b"set-cookie",
            b"cookie",
            b"cache-control",
            b"expect",
            b"max-forwards",
            b"range",
            b"location",
            b"age",
            b"date",
            b"expires",
            b"vary",
        )
    )
)


def connection_options(values: list[bytes]) -> frozenset[bytes]:
    """The options that ``Connection`` lists, in lower case.

    Malformed is raised if one is no token, or if there are more than MAX_OPTIONS, empty ones included.
    """
    listed = b",".join(values)
    if listed.count(b",") >= MAX_OPTIONS:
        raise Malformed(f"the Connection field lists more than {MAX_OPTIONS} options")
    if _is_list(listed) is None:
        raise Malformed("the Connection field lists something that is no field name")
    return frozenset(_tokens(listed.lower()))
