"""Tests of the limit for request bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import Source
from pydsl_proxy.features.limits.limit_body import LimitBody
from tests.support.recording import RecordedExchange, RecordedPlace

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import CompileContext, Exchange


def limited(size: int | None, length: int | None) -> RecordedExchange:
    """An exchange with a body of *length* after the step; it is answered 200 where it may go on."""

    def inner(exchange: Exchange) -> None:
        exchange.respond(200)

    handle = LimitBody(size).compile(inner, cast("CompileContext", RecordedPlace()))
    return RecordedExchange(length=length).through(handle)


class LimitBodyTests(SynchronousTestCase):
    """What is refused, and when."""

    def test_declared_length(self) -> None:
        """A body that is declared larger is refused before it is read; the limit itself is allowed."""
        refused = limited(10, 11)
        assert refused.failure is not None
        self.assertEqual((refused.failure.status, refused.failure.source), (413, Source.CLIENT))
        self.assertEqual((refused.failure.cause, refused.failure.retryable), ("body_too_large", False))
        self.assertIsNone(refused.answer)
        self.assertIsNotNone(limited(10, 10).answer)

    def test_unknown_length(self) -> None:
        """Where no length is declared, the exchange counts."""
        counted = limited(10, None)
        self.assertEqual(counted.body_limit, 10)
        self.assertIsNotNone(counted.answer)

    def test_no_limit(self) -> None:
        """None lets everything pass."""
        self.assertIsNone(limited(None, 10**12).body_limit)
