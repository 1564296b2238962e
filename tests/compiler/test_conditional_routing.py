"""Tests of the choice of locations that have conditions."""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.compiler.conditional_routing import compile_conditional, conditional_slash_redirects
from pydsl_proxy.config.matching import Exact, Match, exact, named, prefix, regex
from pydsl_proxy.interfaces import Exchange
from pydsl_proxy.values.conditions import Test
from pydsl_proxy.values.request import Request
from tests.compiler.test_routing import MATCHES, SEGMENTS
from tests.support.reference_router import choose_conditional


class FakeExchange:
    """An exchange that is asked for its request only."""

    request = None


EXCHANGE = cast(Exchange, FakeExchange())


def holds(request: Request) -> bool:
    """A condition that holds."""
    return True


def fails(request: Request) -> bool:
    """One that does not."""
    return False


TESTS: dict[bool | None, Test | None] = {True: holds, False: fails, None: None}


def chosen(locations: list[tuple[Match, Test | None]], path: bytes) -> int | None:
    """The place of the location that is chosen."""
    numbered = [(match, test, place) for place, (match, test) in enumerate(locations)]
    return compile_conditional(numbered)(path, EXCHANGE)


class ConditionalTests(SynchronousTestCase):
    """Locations with conditions."""

    @given(st.lists(st.tuples(MATCHES, st.sampled_from([True, False, None])), max_size=10), SEGMENTS)
    def test_reference(self, locations: list[tuple[Match, bool | None]], path: str) -> None:
        """The compiled choice is that of the plain rules."""
        target = b"/" + path.encode()
        found = chosen([(match, TESTS[state]) for match, state in locations], target)
        plain = [(match, state, place) for place, (match, state) in enumerate(locations)]
        self.assertEqual(found, choose_conditional(plain, target))

    def test_same_match(self) -> None:
        """The first whose condition holds, then the one without, wherever it stands."""
        a = prefix("/a")
        self.assertEqual(chosen([(a, None), (a, fails), (a, holds), (a, holds)], b"/a"), 2)
        self.assertEqual(chosen([(a, fails), (a, None)], b"/a"), 1)

    def test_as_if_not_there(self) -> None:
        """If no condition holds, the shorter prefix and the regexes have their turn, and ``stop`` has no say."""
        stopping, outer, pattern = prefix("/a/b", stop=True), prefix("/a"), regex("b$")
        self.assertEqual(chosen([(stopping, fails), (outer, None), (pattern, None)], b"/a/b"), 2)
        self.assertEqual(chosen([(stopping, fails), (outer, None), (pattern, fails)], b"/a/b"), 1)
        self.assertEqual(chosen([(stopping, holds), (outer, None), (pattern, None)], b"/a/b"), 0)
        self.assertEqual(chosen([(exact("/a/b"), fails), (outer, fails)], b"/a/b"), None)

    def test_stop_of_the_chosen(self) -> None:
        """Of two prefixes that differ in ``stop`` the chosen one decides."""
        locations: list[tuple[Match, Test | None]] = [(prefix("/a", stop=True), holds), (prefix("/a"), None)]
        self.assertEqual(chosen([*locations, (regex("a"), None)], b"/a"), 0)
        locations[0] = (prefix("/a", stop=True), fails)
        self.assertEqual(chosen([*locations, (regex("a"), None)], b"/a"), 2)

    def test_named(self) -> None:
        """A named location may have a condition too; a path does not find it."""
        locations: list[tuple[Match, Test | None]] = [(named("x"), fails), (named("x"), holds), (prefix("/"), None)]
        self.assertEqual(chosen(locations, b"@x"), 1)
        self.assertEqual(chosen(locations[::2], b"@x"), None)

    def test_lazy(self) -> None:
        """No condition is asked that the path does not lead to."""
        asked = []

        def ask(request: Request) -> bool:
            asked.append(request)
            return True

        self.assertEqual(chosen([(prefix("/a"), ask), (prefix("/b"), None)], b"/b"), 1)
        self.assertEqual(asked, [])


class SlashTests(SynchronousTestCase):
    """``/a`` where ``/a/`` is proxied under a condition."""

    def test_conditions(self) -> None:
        """Each redirect has the condition of its location."""
        a = prefix("/a/")
        self.assertEqual(
            list(conditional_slash_redirects([(a, holds, True), (a, None, True), (a, fails, False)])),
            [(Exact("/a"), holds), (Exact("/a"), None)],
        )
        self.assertEqual(list(conditional_slash_redirects([(a, holds, True), (exact("/a"), fails, False)])), [])
        self.assertEqual(list(conditional_slash_redirects([(regex("/a/"), None, True), (prefix("/"), None, True)])), [])
