"""Schemes of authentication that bind the user to the connection, and not to the request: NTLM and Negotiate.

RFC 4559 6: whatever comes on such a connection later is the same user's, with credentials or without.
"""

from __future__ import annotations

import re

from pydsl_proxy.wire.http.head import Fields

# A challenge may stand behind others in one field; a token68 has no blank before it that could look like this.
_SCHEME = re.compile(rb"(?:^|,)[ \t]*(?:ntlm|negotiate)(?![^\s,])", re.IGNORECASE)
_CREDENTIALS = re.compile(rb"\r\nauthorization:(?:[^\r\n]*,)?[ \t]*(?:ntlm|negotiate)(?![^\s,])", re.IGNORECASE)


def asks_for_binding(value: bytes) -> bool:
    """Whether a request with this Authorization field binds its user to the connection that it goes out on."""
    return _SCHEME.search(value) is not None


def adds_binding(section: bytes) -> bool:
    """Whether fields that are added to a request, as a section, have such an Authorization field."""
    return _CREDENTIALS.search(section) is not None


def offers_binding(fields: Fields) -> bool:
    """Whether a response's challenge, or the end of its handshake, is of such a scheme."""
    return any(_SCHEME.search(value) is not None for value in fields.all(b"www-authenticate"))
