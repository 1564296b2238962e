"""What stands for a site where an exchange is made by another one, and not by a client."""

from __future__ import annotations

from typing import cast

from pydsl_proxy import interfaces
from pydsl_proxy.interfaces import Handle
from pydsl_proxy.runtime.exchange import Exchange
from pydsl_proxy.wire.http.field_rules import FieldRules


class Apart:
    """Such exchanges are in no log of their own, and only the client's exchange can be redirected."""

    rules = plain_rules = FieldRules()

    def log(self, exchange: Exchange) -> None:
        """The log has the exchange that made it."""

    def run(self, exchange: Exchange, handle: Handle) -> None:
        """Call *handle*."""
        handle(cast(interfaces.Exchange, exchange))

    def locate(self, exchange: Exchange, path: bytes) -> None:
        """No location is here: see :attr:`Exchange.outermost`."""
        raise NotImplementedError


APART = Apart()
