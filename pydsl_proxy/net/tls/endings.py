"""Twisted's TLS, whose ends are told apart."""

# Twisted's TLS protocol is not annotated.
# mypy: allow-untyped-calls, allow-untyped-defs

from __future__ import annotations

from twisted.internet.error import ConnectionLost
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from pydsl_proxy.interfaces import MissingCloseNotify


class CloseNotifyProtocol(TLSMemoryBIOProtocol):
    """TLS that tells an end without close_notify from a reset; Twisted's says ConnectionLost of both."""

    # The transport below has ended in good order.
    _fin = False

    def _tlsShutdownFinished(self, reason: Failure | None) -> None:
        super()._tlsShutdownFinished(reason)
        found = self._reason
        if self._fin and found is not None and found.check(ConnectionLost):
            self._reason = Failure(MissingCloseNotify())
