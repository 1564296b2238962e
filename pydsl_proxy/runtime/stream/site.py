"""Everything compiled for one listener of streams at this moment; a reload replaces it whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.interfaces import ClientLimits, PassageFrontend
from pydsl_proxy.runtime.stream.connection import Passage, Passing
from pydsl_proxy.wire.connection.forwarded import Identity, TrustedProxies
from pydsl_proxy.wire.http.head import RequestFields


class StreamSite:
    """See :class:`~pydsl_proxy.interfaces.StreamSite`."""

    def __init__(
        self,
        choose: Callable[[bytes], Passing],
        passings: Sequence[Passing],
        clients: ClientLimits,
        *,
        peeks: bool,
        secured: bool,
        trusted: TrustedProxies | None,
        log: Callable[[Passage], None] | None,
    ) -> None:
        self._choose = choose
        self._passings = passings
        self.clients = clients
        self.peeks = peeks
        self.secured = secured
        self.trusted = trusted
        self._log = log or _log_nothing
        # What follows from a header section is kept with it by the log: that of streams is empty.
        self._fields = RequestFields(b"", b"")

    def expect(self, frontend: PassageFrontend, identity: Identity, now: float) -> Passage | None:
        """The passage of the only stream, or of the first if none would let the client in."""
        passage = Passage(self._passings[0], frontend, self._fields, identity, now, self._log)
        if len(self._passings) == 1 or all(each.by_address and each.by_address(passage) for each in self._passings):
            return passage
        return None

    def passage(self, frontend: PassageFrontend | None, identity: Identity, now: float) -> Passage:
        """A passage of the stream that the client asked for, or of the first."""
        tls = identity.tls
        passing = self._choose(b"" if tls is None else tls.server_name.encode("latin-1"))
        return Passage(passing, frontend, self._fields, identity, now, self._log)

    def refused(self, identity: Identity, error: ProxyError, now: float) -> None:
        """Note a client whose stream could not be found."""
        passage = self.passage(None, identity, now)
        passage.status, passage.error = error.status, error
        passage.over()


def _log_nothing(passage: Passage) -> None:
    """The access log is off."""
