"""Verbs on how long and how often peers are tried."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from pydsl_proxy.config.verbs.base import Featured
from pydsl_proxy.features.retries import RetryCondition, retry
from pydsl_proxy.features.timeouts import set_timeouts


class Trying(Featured):
    """Timeouts and retries."""

    __slots__ = ()

    def timeouts(
        self,
        *,
        connect: float | None = None,
        send: float | None = None,
        read: float | None = None,
        idle: float | None = None,
    ) -> Self:
        """Wait so many seconds for a peer: to be connected (5 by default), between writes and between reads (60).

        *idle* is how long a WebSocket may be silent, both ways (3600); ``send`` and ``read`` have no say over it.  Each
        is inherited by itself.
        """
        return self._with(set_timeouts(connect=connect, send=send, read=read, idle=idle))

    def retry(
        self,
        tries: int | None = None,
        *,
        on: Iterable[RetryCondition] = ("error", "timeout"),
        timeout: float | None = None,
        non_idempotent: bool = False,
    ) -> Self:
        """Try a request again at the next peer: *tries* in all, or each peer once, for *timeout* seconds at most.

        *on* lists what counts as a failure: ``"connect"``, ``"error"``, ``"timeout"``, ``"invalid_header"``, or a
        status of 403, 404, 429, 500, 502, 503 or 504.  A POST, LOCK or PATCH that was sent is repeated only if
        *non_idempotent*.  Without this verb a connection that could not be made is tried elsewhere, whatever the
        request, and one that broke before the answer for GET, HEAD and OPTIONS, which ask for no change.
        """
        return self._with(retry(tries, on=on, timeout=timeout, non_idempotent=non_idempotent))
