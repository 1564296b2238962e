"""Tests of what equal features share."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import location
from pydsl_proxy.compiler.location_settings import TermsTable
from pydsl_proxy.config.features import Feature


def features(read: float) -> tuple[Feature, ...]:
    """What a location asks for; written anew each time."""
    return location("/").timeouts(read=read).set_request_header("X-A", "1").features


class SharedTests(SynchronousTestCase):
    """Ten thousand locations are mostly alike."""

    def test_equal(self) -> None:
        """Equal features come to one thing, others to another."""
        table = TermsTable(Clock())
        terms = table.of(features(1))
        self.assertIs(table.of(features(1)), terms)
        self.assertIsNot(table.of(features(2)), terms)
        self.assertEqual((terms.timeouts.read, table.of(features(2)).timeouts.read), (1, 2))

    def test_writers(self) -> None:
        """What writes requests is one for each host and protocol."""
        table = TermsTable(Clock())
        terms = table.of(features(1))
        writer = table.writer(terms, b"app", b"")
        self.assertIs(table.writer(terms, b"app", b""), writer)
        others = (table.writer(terms, b"api", b""), table.writer(terms, b"app", b"websocket"))
        self.assertEqual(len({writer, *others, table.writer(table.of(features(2)), b"app", b"")}), 4)

    def test_reloaded(self) -> None:
        """A reload takes over what is equal; what nobody asks for any more goes with the reload after it."""
        first = TermsTable(Clock())
        terms, other = first.of(features(1)), first.of(features(2))
        second = TermsTable(Clock(), first)
        self.assertIs(second.of(features(1)), terms)
        second.complete()
        self.assertIsNot(second.of(features(2)), other)

    def test_not_hashable(self) -> None:
        """A feature of the user's own need not be hashable; it is compiled each time."""

        class Own:
            """It compares, and so has no hash."""

            def __eq__(self, other: object) -> bool:
                return isinstance(other, Own)

            def compile(self, inner: object, place: object) -> object:
                """Do nothing."""
                return inner

        table = TermsTable(Clock())
        own = location("/").step(Own()).features  # type: ignore[arg-type]  # it does for this
        self.assertIsNot(table.of(own), table.of(own))
