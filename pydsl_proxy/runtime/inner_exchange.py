"""An exchange in the place of another: a handler sits between the client and the peers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from pydsl_proxy import interfaces
from pydsl_proxy.interfaces import Frontend, Handle
from pydsl_proxy.runtime.exchange import Exchange
from pydsl_proxy.runtime.exchange_host import APART
from pydsl_proxy.wire.http.head import RequestFields

if TYPE_CHECKING:
    from pydsl_proxy.runtime.upstream.attempt import Attempt


class InnerExchange(Exchange):
    """The request of *outer* with other fields, whose response goes to the frontend that *make* makes for it.

    Its attempts are those of the outer one, which is what the access log asks.
    """

    def __init__(
        self, outer: Exchange, make: Callable[[interfaces.Exchange], Frontend], fields: RequestFields, now: float
    ) -> None:
        self._outer = outer
        frontend = make(cast(interfaces.Exchange, self))
        super().__init__(APART, frontend, outer.method, outer.target, outer.minor, fields, outer.identity, now)
        self.path, self.peer_target = outer.path, outer.peer_target

    @property
    def attempt(self) -> Attempt | None:
        """The last attempt."""
        return self._outer.attempt

    @attempt.setter
    def attempt(self, attempt: Attempt | None) -> None:
        # An exchange that is over lets its attempts go; the outer one may not be over.
        if attempt is not None:
            self._outer.attempt = attempt

    @property
    def outermost(self) -> Exchange:
        """The one around it, which alone can be answered by another location."""
        return self._outer.outermost

    def crash(self) -> None:
        """What raised may be a rule of the outer exchange, which alone can answer without those."""
        self._outer.crash()


def caller(relay: Handle, seconds: Callable[[], float]) -> interfaces.Call:
    """See :meth:`pydsl_proxy.interfaces.CompileContext.caller`."""

    def call(
        exchange: interfaces.Exchange, make: Callable[[interfaces.Exchange], Frontend], fields: RequestFields
    ) -> None:
        relay(cast(interfaces.Exchange, InnerExchange(cast(Exchange, exchange), make, fields, seconds())))

    return call
