"""Schemes of authentication that bind the user to the connection, and not to the request: NTLM and Negotiate.

RFC 4559 6: whatever comes on such a connection later is the same user's, with credentials or without.
"""

from __future__ import annotations

import re

from pydsl_proxy.wire.head import Fields

# A challenge may stand behind others in one field; a token68 has no blank before it that could look like this.
_SCHEME = re.compile(rb"(?:^|,)[ \t]*(?:ntlm|negotiate)(?![^\s,])", re.IGNORECASE)


def asks_for_binding(fields: Fields) -> bool:
    """Whether a request's credentials bind its user to the connection that it goes out on."""
    value = fields.get(b"authorization")
    return value is not None and _SCHEME.search(value) is not None


def offers_binding(fields: Fields) -> bool:
    """Whether a response's challenge, or the end of its handshake, is of such a scheme."""
    return any(_SCHEME.search(value) is not None for value in fields.all(b"www-authenticate"))
