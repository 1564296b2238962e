"""How connections end that TLS protects."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost


class MissingCloseNotify(ConnectionLost):
    """The other side has ended without the close_notify that TLS has for that (RFC 8446 6.1); it was not reset.

    An attacker on the path may have cut something off.
    """
