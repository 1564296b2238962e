"""Whether a failed attempt is followed by another: nginx's ``proxy_next_upstream``, compiled."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from pydsl_proxy.errors import ProxyError

# RFC 9110 9.2.1: they ask for no change, so a peer that received one has done nothing that a second could spoil.
SAFE_METHODS = frozenset((b"GET", b"HEAD", b"OPTIONS"))
# nginx's list of what it does not repeat without ``non_idempotent``.
NON_IDEMPOTENT = frozenset((b"POST", b"LOCK", b"PATCH"))

_TIMEOUTS = frozenset(("connect_timeout", "read_timeout", "send_timeout"))
_INVALID = frozenset(("bad_head", "bad_body", "protocol_error"))


def is_brief(error: ProxyError) -> bool:
    """Whether a failure without an answer cost no time: no connection could be made, or the peer closed it.

    So fails a peer that is restarted.
    """
    return (error.retryable or error.cause == "closed") and error.cause not in _TIMEOUTS


class RetryPolicy:
    """``statuses`` are the answers that count as failures; ``tries`` includes the first attempt."""

    __slots__ = ("_all_methods", "_conditions", "_safe_only", "statuses", "timeout", "tries")

    def __init__(
        self,
        conditions: Iterable[str | int],
        *,
        tries: int | None = None,
        timeout: float | None = None,
        non_idempotent: bool = False,
        safe_only: bool = False,
    ) -> None:
        conditions = frozenset(conditions)
        self._conditions = frozenset(each for each in conditions if isinstance(each, str))
        self.statuses = frozenset(each for each in conditions if isinstance(each, int))
        self.tries = inf if tries is None else tries
        self.timeout = inf if timeout is None else timeout
        self._all_methods = non_idempotent
        self._safe_only = safe_only

    def counts(self, error: ProxyError) -> bool:
        """Whether *error* is one of those for which another peer is tried."""
        conditions = self._conditions
        if error.cause in _TIMEOUTS:
            return "timeout" in conditions or (error.retryable and "connect" in conditions)
        if error.cause in _INVALID:
            return "invalid_header" in conditions
        return "error" in conditions or (error.retryable and "connect" in conditions)

    def repeats(self, method: bytes) -> bool:
        """Whether a request with *method* may be sent again after a peer may have acted on it."""
        if self._safe_only:
            return method in SAFE_METHODS
        return self._all_methods or method not in NON_IDEMPOTENT
