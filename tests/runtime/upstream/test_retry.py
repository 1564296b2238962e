"""Which failures are tried at another peer, and which requests may be sent again."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.runtime.upstream.retry import RetryPolicy

CONDITIONS = ("connect", "error", "timeout", "invalid_header")
TIMEOUTS = ("connect_timeout", "read_timeout", "send_timeout")
INVALID = ("bad_head", "bad_body", "protocol_error")


def counting(cause: str, *, retryable: bool) -> list[str]:
    """The conditions of which each alone lets a failure be tried elsewhere."""
    error = ProxyError(Source.PEER, 502, cause, "why", retryable=retryable)
    return [each for each in CONDITIONS if RetryPolicy((each,)).counts(error)]


class CountsTests(SynchronousTestCase):
    """``retry(on=…)``."""

    def test_timeouts(self) -> None:
        """Any of the three times is ``timeout``; one that ran out before anything was sent is ``connect`` too."""
        for cause in TIMEOUTS:
            self.assertEqual(counting(cause, retryable=False), ["timeout"], cause)
            self.assertEqual(counting(cause, retryable=True), ["connect", "timeout"], cause)

    def test_invalid(self) -> None:
        """What could not be read was sent by a peer that has the request: it is ``invalid_header`` alone."""
        for cause in INVALID:
            for retryable in (False, True):
                self.assertEqual(counting(cause, retryable=retryable), ["invalid_header"], cause)

    def test_others(self) -> None:
        """All others are ``error``; before anything was sent they are ``connect`` too."""
        for cause in ("closed", "reset", "connect_refused", "no_resources"):
            self.assertEqual(counting(cause, retryable=False), ["error"], cause)
            self.assertEqual(counting(cause, retryable=True), ["connect", "error"], cause)

    def test_statuses(self) -> None:
        """A number is a status, and no condition; without conditions nothing counts."""
        policy = RetryPolicy((503, "error"))
        self.assertEqual(policy.statuses, {503})
        for cause in (*TIMEOUTS, *INVALID, "closed"):
            self.assertFalse(RetryPolicy((503,)).counts(ProxyError(Source.PEER, 502, cause, "why", retryable=True)))


class RepeatsTests(SynchronousTestCase):
    """Requests that a peer may have acted on."""

    def repeated(self, *, non_idempotent: bool = False, safe_only: bool = False) -> list[bytes]:
        """The methods that are repeated."""
        policy = RetryPolicy(("error",), non_idempotent=non_idempotent, safe_only=safe_only)
        methods = (b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"POST", b"LOCK", b"PATCH", b"REPORT")
        return [each for each in methods if policy.repeats(each)]

    def test_methods(self) -> None:
        """All but three by default; all where the location says so; safe ones alone without ``retry()``."""
        self.assertEqual(self.repeated(), [b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"REPORT"])
        self.assertEqual(len(self.repeated(non_idempotent=True)), 9)
        self.assertEqual(self.repeated(safe_only=True), [b"GET", b"HEAD", b"OPTIONS"])
