"""Which location answers where some of them have conditions: nginx's order of choice among those that hold."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeAlias, TypeVar

from pydsl_proxy.compiler.routing import bare_paths, branches_of
from pydsl_proxy.config.matching import Exact, Match, Named, Prefix, Regex
from pydsl_proxy.interfaces import Exchange
from pydsl_proxy.values.conditions import Test

T = TypeVar("T")

Conditional: TypeAlias = "tuple[Match, Test | None, T]"


class Cases(Generic[T]):
    """The locations of one match, those with a condition first, in the order of the file."""

    __slots__ = ("_cases", "_otherwise")

    def __init__(self, locations: Sequence[tuple[Test | None, T, bool]]) -> None:
        self._cases = tuple((test, (value, stop)) for test, value, stop in locations if test is not None)
        self._otherwise = next(((value, stop) for test, value, stop in locations if test is None), None)

    def choose(self, exchange: Exchange) -> tuple[T, bool] | None:
        """The first whose condition holds, or the one without; with it comes whether it stops the search."""
        if self._cases:
            request = exchange.request
            for test, found in self._cases:
                if test(request):
                    return found
        return self._otherwise


def compile_conditional(locations: Sequence[Conditional[T]]) -> Callable[[bytes, Exchange], T | None]:
    """The choice among *locations* for a normalised path, or ``@name``, of an exchange.

    Of the locations with one match, that counts whose condition holds, the first in the file; if none holds, the one
    without a condition, wherever it stands; if there is none, it is as if the match were not in the file.  Among those
    that count, nginx's order decides, and regexes have the place of the first with their pattern.
    """
    groups: dict[Match, list[tuple[Test | None, T, bool]]] = {}
    for match, test, value in locations:
        # ``stop`` says what follows, not what is matched.
        key = Prefix(match.path) if isinstance(match, Prefix) else match
        groups.setdefault(key, []).append((test, value, isinstance(match, Prefix) and match.stop))
    exact = {match.path.encode(): Cases(found) for match, found in groups.items() if isinstance(match, Exact | Named)}
    prefixes = {
        match.path.encode(): (Cases(found), False) for match, found in groups.items() if isinstance(match, Prefix)
    }
    searches = tuple((match.search(414), Cases(found)) for match, found in groups.items() if isinstance(match, Regex))
    starts = sorted(prefixes)
    branches = branches_of(starts, prefixes)

    def choose_prefix(path: bytes, exchange: Exchange) -> tuple[T, bool] | None:
        branch = branches[bisect_right(starts, path)]
        while branch.value is not None:
            if path.startswith(branch.prefix) and (found := branch.value.choose(exchange)) is not None:
                return found
            branch = branch.outer
        return None

    def choose(path: bytes, exchange: Exchange) -> T | None:
        cases = exact.get(path)
        if cases is not None and (found := cases.choose(exchange)) is not None:
            return found[0]
        longest = choose_prefix(path, exchange)
        if longest is not None and longest[1]:
            return longest[0]
        for search, cases in searches:
            if search(path) is not None and (found := cases.choose(exchange)) is not None:
                return found[0]
        return None if longest is None else longest[0]

    return choose


def conditional_slash_redirects(locations: Sequence[Conditional[bool]]) -> Iterator[tuple[Exact, Test | None]]:
    """As :func:`~pydsl_proxy.compiler.routing.slash_redirects`: each redirect has the condition of what it leads to."""
    bare = {path for path, _ in bare_paths([(match, below) for match, _, below in locations], bool)}
    for match, test, below in locations:
        if below and not isinstance(match, Regex | Named) and match.path[:-1] in bare and match.path[-1] == "/":
            yield Exact(match.path[:-1]), test
