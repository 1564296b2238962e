"""Verbs that bound what clients may send, how often, and how fast they are answered."""

from __future__ import annotations

from typing import Self

from pydsl_proxy.config.verbs.base import Featured
from pydsl_proxy.errors.numbers import size as checked_size
from pydsl_proxy.features.limits.limit_body import LimitBody
from pydsl_proxy.features.limits.limit_connections import LimitConnections
from pydsl_proxy.features.limits.limit_rate import LimitRate, RateSource
from pydsl_proxy.features.limits.limit_requests import LimitRequests
from pydsl_proxy.values.value import ValueSource, client_network


class Limits(Featured):
    """Limits on clients."""

    __slots__ = ()

    def limit_body(self, size: int | None) -> Self:
        """Refuse request bodies of more than *size* bytes, as ``8 * MiB``, with 413; None lifts an outer limit.

        Without it there is no limit.  A body that is declared larger is refused before any of it is read; one of
        unknown length is cut when it has become larger.  nginx's ``client_max_body_size``, but for 0: that lets no
        body pass, where nginx's lets all of them.
        """
        return self._with(LimitBody(None if size is None else checked_size("limit_body(size)", size)))

    def limit_requests(
        self,
        rate: str,
        *,
        key: ValueSource = client_network,
        burst: int = 0,
        delay: int | None = None,
        status: int = 429,
        shadow: bool = False,
        keys: int = 10_000,
    ) -> Self:
        """Let pass requests with one *key* at *rate*, ``"10/s"``, ``"600/m"`` or ``"5/h"``; refuse the others.

        The requests of a key fill a bucket that leaks at the rate, to the millisecond: ``"10/s"`` is one every 100 ms.
        Up to *burst* requests may be ahead of it.  They pass at once; with *delay*, so many do, and those between
        *delay* and *burst* wait until the rate has caught up.  *key* is a text, a value such as ``header("x-api-key")``
        or ``client_address``, an f-string, or a function of the request; a request whose key is empty is not limited.
        By default it is the client's address, and for IPv6 its /64 network.

        What is refused is answered with *status*, and told by ``Retry-After`` when it would pass; the access log has
        the cause ``limit_requests``, the error log a line at most every ten seconds.  A *shadow* only logs what it
        would do.  *keys* are remembered at most, of some 300 bytes each; the one that was not seen for the longest time
        is forgotten.

        All locations below share the counts, a reload keeps them, and processes have one each.  Where several limits
        hold, outer and inner ones, a request must pass all of them, counts for none of them if it does not, and waits
        as long as the slowest says; they stand in the place of the first among the steps.

        nginx's ``limit_req_zone`` and ``limit_req``: ``nodelay`` is the default, ``delay=0`` is nginx's, and its status
        is 503.
        """
        return self._with(
            LimitRequests(rate, key=key, burst=burst, delay=delay, status=status, shadow=shadow, keys=keys)
        )

    def limit_connections(
        self, most: int, *, key: ValueSource = client_network, status: int = 429, shadow: bool = False
    ) -> Self:
        """Refuse a request with *status* while *most* requests with its *key* are under way.

        A request is under way from the moment its head was read until its response is sent or broken off; what waits
        idle on a kept connection does not count.  *key*, *status* and *shadow* are those of :meth:`limit_requests`;
        the cause in the access log is ``limit_connections``.  nginx's ``limit_conn``, whose status is 503.
        """
        return self._with(LimitConnections(most, key=key, status=status, shadow=shadow))

    def limit_rate(self, rate: RateSource, *, after: int = 0) -> Self:
        """Send each response at *rate* bytes a second, once its first *after* bytes are sent; None lifts an outer one.

        *rate* may be a function of the request that gives a number, 0 or None where there is no limit.  A response is
        at most a tenth of a second ahead of its rate, and its peer is paused meanwhile.  It is the body that counts,
        as it is sent, and each response by itself: with :meth:`limit_connections` a client is bounded.  nginx's
        ``limit_rate`` and ``limit_rate_after``.
        """
        return self._with(LimitRate(rate, after=after))
