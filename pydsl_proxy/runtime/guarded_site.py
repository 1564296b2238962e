"""A site whose servers have something to say about the TLS of a request."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.runtime.exchange import Exchange
from pydsl_proxy.runtime.site import Locate, Site, in_a_loop
from pydsl_proxy.wire.http1.response_writer import error_page

_NO_CERTIFICATE = b"400 No required SSL certificate was sent\n"
_TEXT = ((b"Content-Type", b"text/plain; charset=utf-8"),)


@frozen
class Demand:
    """What one server demands; *authority* is the file of the client authorities, empty if it asks for nobody."""

    authority: str = ""
    optional: bool = False
    strict: bool = False

    @property
    def is_one(self) -> bool:
        """Whether a request that was meant for another server must not come here, nor one for this go elsewhere."""
        return bool(self.authority) or self.strict


class GuardedSite(Site):
    """Looks at the TLS of each request before its location is looked for."""

    _demands: Mapping[Locate, Demand]
    _first: Locate

    def demand(self, demands: Mapping[Locate, Demand], first: Locate) -> None:
        """Begin to guard; *first* is the server of clients that name none."""
        # A request that goes in a circle is refused, whatever its sender.
        self._demands = {**demands, in_a_loop: Demand()}
        self._first = first

    def handle(self, exchange: Exchange) -> None:
        """Refuse the exchange, or find its location."""
        error = self._refusal(exchange)
        if error is None:
            super().handle(exchange)
            return
        exchange.error = error
        self.not_located(exchange)
        exchange.respond(error.status, *((_NO_CERTIFICATE, _TEXT) if error.status == 400 else error_page(error.status)))

    def _refusal(self, exchange: Exchange) -> ProxyError | None:
        """RFC 9110 7.4: what was verified for one server says nothing at another (nginx: 421 where one verifies)."""
        tls = exchange.identity.tls
        asked = exchange.fields.server
        name = "" if tls is None else tls.server_name
        shown = self._choose_server(name.encode("latin-1")) if name else self._first
        demand = self._demands[asked]  # type: ignore[index]  # a Locate, put there by place()
        if asked is not shown and (demand.is_one or self._demands[shown].is_one):
            text = f"the TLS was made for {name or 'no name'!r}, Host is another server's"
            return ProxyError(Source.CLIENT, 421, "misdirected", text)
        if not demand.authority or (tls is not None and tls.is_verified_by(demand.authority)):
            return None
        if tls is not None and tls.client_verified == "SUCCESS":
            # A reload has changed the authorities since the handshake: another connection may do.
            return ProxyError(Source.CLIENT, 421, "misdirected", "the client was verified by other authorities")
        if demand.optional:
            return None
        return ProxyError(Source.CLIENT, 400, "no_client_certificate", "the client sent no certificate")
