"""Tests of what status codes mean."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.statuses import CLIENT_CLOSED, has_no_body, reason


class StatusTests(SynchronousTestCase):
    """Phrases and bodies."""

    def test_reason(self) -> None:
        """Registered statuses have their phrase, others none."""
        self.assertEqual(
            [reason(status) for status in (200, 404, 502, 299)], [b"OK", b"Not Found", b"Bad Gateway", b""]
        )

    def test_own(self) -> None:
        """The status for a client that has left is not one that anybody registered."""
        self.assertEqual(reason(CLIENT_CLOSED), b"")

    def test_bodies(self) -> None:
        """RFC 9112 6.3: interim responses, 204 and 304 end with their head."""
        without = [status for status in range(100, 600) if has_no_body(status)]
        self.assertEqual(without, [*range(100, 200), 204, 304])
