"""Fields by which a peer steers the proxy: nginx's X-Accel-Redirect and X-Accel-Limit-Rate."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from pydsl_proxy import interfaces
from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.runtime.upstream.redirected_body import ask_as_get
from pydsl_proxy.wire.edits.carried import carried_over, without
from pydsl_proxy.wire.http.grammar import Malformed, is_digits
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http.uri import check_inner_path, inner_target, normalised_path

if TYPE_CHECKING:
    from pydsl_proxy.runtime.exchange import Exchange
    from pydsl_proxy.runtime.upstream.attempt import Attempt

# Of a body that nobody wants: so much is read to keep the connection, which costs a peer less than a new one.
MAX_DRAINED: Final = 64 * 1024


class AccelHeaders:
    """What peers may ask for at one location: all but the lower-case names in *ignored*.

    *slow* bounds the rate of a response that has not begun, in bytes a second; 0 is no bound.
    """

    __slots__ = ("_ignored", "_slow")

    def __init__(self, ignored: frozenset[bytes], slow: Callable[[Exchange, int], None]) -> None:
        self._ignored = ignored
        self._slow = slow

    def admitted(self, response: ResponseHead) -> ResponseHead:
        """The response without what is ignored here."""
        return without(response, self._ignored) if self._ignored else response

    def apply_rate(self, exchange: Exchange, response: ResponseHead) -> None:
        """Send no faster than the peer says in *response*."""
        rate = response.get(b"x-accel-limit-rate")
        # nginx leaves alone what is no number.
        if rate is not None and is_digits(rate):
            self._slow(exchange, int(rate))

    def redirect(self, attempt: Attempt, response: ResponseHead, target: bytes, left: int | None) -> None:
        """Let another location answer; of the body there are *left* bytes to come, None if nobody knows."""
        asked = attempt.exchange
        if left is None or left > MAX_DRAINED or asked.has_body:
            attempt.stop()
        # Otherwise the attempt goes on by itself to its end, and gives what comes to nobody.
        asked.running = None
        # Nor has a handler between the two, which has not answered yet, anything left to do.
        exchange = asked.outermost
        exchange.running = None
        if not target.startswith(b"@"):
            # A path that climbs is refused as by nginx; what is no path at all is the peer's mistake.
            status = 404
            try:
                check_inner_path(target)
                status = 502
                normalised_path(inner_target(target))
            except Malformed as error:
                exchange.fail(_no_path(attempt, status, error))
                return
            ask_as_get(exchange)
        self._carry_over(exchange, attempt, response)

        def redirect(redirected: interfaces.Exchange) -> None:
            try:
                redirected.redirect(target)
            except Malformed as error:
                # The client has sent another path, which is in order.
                if target.startswith(b"@"):
                    raise
                redirected.fail(_no_path(attempt, 502, error))

        exchange.go_on(redirect)
        _follow(exchange.attempt, attempt)

    def _carry_over(self, exchange: Exchange, attempt: Attempt, first: ResponseHead) -> None:
        """Keep what *first* says for the response that the exchange will have, whatever its source."""
        onward: Callable[[ResponseHead, bytes, bool], None] | None = vars(exchange).get("start")

        def start(response: ResponseHead, data: bytes, end: bool) -> None:
            response = carried_over(first, response, by_a_peer=exchange.attempt is not attempt)
            self.apply_rate(exchange, first)
            if onward is not None:
                onward(response, data, end)
            else:
                type(exchange).start(exchange, response, data, end)

        # On the instance: no other exchange is asked.  The class may change until then, with the filters of locations.
        exchange.start = start  # type: ignore[method-assign]  # told above
        exchange.when_over(partial(vars(exchange).pop, "start", None))


def _no_path(attempt: Attempt, status: int, error: Malformed) -> ProxyError:
    text = f"peer {attempt.peer.name} sent an X-Accel-Redirect that is no path: {error.detail}"
    return ProxyError(Source.PEER, status, "bad_redirect", text)


def target_of(response: ResponseHead) -> bytes | None:
    """Where inside the proxy an admitted response sends the client."""
    return response.get(b"x-accel-redirect") or None


def _follow(last: Attempt | None, before: Attempt) -> None:
    """Let the attempts up to *last* follow *before*: the log lists all of them."""
    if last is None or last is before:
        return
    while last.previous is not None and last.previous is not before:
        last = last.previous
    last.previous = before
