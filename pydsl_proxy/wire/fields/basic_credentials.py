"""The credentials of Basic authentication (RFC 7617), read from an Authorization field."""

from __future__ import annotations

import re
from base64 import b64decode

# RFC 9110 11.4: the scheme in any case, blanks, token68.  nginx too takes base64 whose padding is missing.
_basic = re.compile(rb"basic +([A-Za-z0-9+/]+)={0,2}", re.IGNORECASE).fullmatch
# RFC 7617 2: no control characters.  To crypt(3) a NUL would be the end of the password.
_control = re.compile(rb"[\x00-\x1f\x7f]").search


def read_basic(value: bytes) -> tuple[bytes, bytes] | None:
    """User and password; None if *value* is something else.  The password may have colons in it, the user none."""
    match = _basic(value)
    if match is None:
        return None
    try:
        decoded = b64decode(match[1] + b"=" * (-len(match[1]) % 4), validate=True)
    except ValueError:
        return None
    user, colon, password = decoded.partition(b":")
    return None if not colon or _control(decoded) else (user, password)
