"""Tests of what patterns cost."""

from __future__ import annotations

import re
from itertools import combinations_with_replacement

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.values.regex_cost import EXPONENTIAL, begins_with_anything, cost_of

#: Patterns that people write, and that find or do not find in one pass.
HARMLESS = (
    r"^/(.*)$",
    r"^/users/(\d+)/(.*)$",
    r"\.(?:png|jpe?g)$",
    r"^/([^/]+)/([^/]+)/(.*)$",
    r"(?i)^/foo(?:/.*)?$",
    r"^(.+?\.php)(/.*)$",
    r"^(.+\.php)(/.*)$",
    r"^/(?:[a-z]+/)*[a-z]+$",
    r"/[^/]+\.php(/|$)",
    r".*\.php$",
    r"^/blog/(.*)/(.*)$",
    r"^/(.*)/([^/]+)/x$",
    r"^/(?:\d{1,3}\.){3}\d{1,3}$",
    r"^/[0-9a-f]{40}/(.*)$",
    r"^/(en|de|fr)(/.*)?$",
    r"^/(\w+)-(\w+)\.html$",
    r"^/([\w-]+)/([\w-]+)/?$",
    r"^/(.*?)/?$",
    r"(?:bot|crawl|spider)",
    r"^/((?!admin).)*$",
    r"(^|/)\.git(/|$)",
    r"^/(?P<a>\w+)/(?P<b>\w+)$",
    r"^(?:www\.)?(.+)$",
    r"^/(?:a|b|/)*$",
    r"^/[^/]*+/(.*)x$",
    r"^/(?:(?:ab)+/)*x",
    r"(?s:.)x",
)


class CostTests(SynchronousTestCase):
    """The power with which the time of a search grows."""

    def cost(self, pattern: str, flags: int = re.DOTALL) -> int:
        return cost_of(pattern.encode(), flags).matching

    def test_harmless(self) -> None:
        """Repeats of different text, and those behind which nothing can fail, are matched in one pass."""
        for pattern in HARMLESS:
            self.assertEqual(self.cost(pattern), 1, pattern)

    def test_lines(self) -> None:
        """A caret that holds behind every line feed is no beginning: the search begins at each of them."""
        for pattern, power in (
            (r"^[^x]*y", 1),
            (r"\A[^x]*y", 1),
            (r"(?m)\A[^x]*y", 1),
            (r"(?m)^[^x]*y", 2),
            (r"(?m:^)[^x]*y", 2),
            (r"(?m)(?-m:^)[^x]*y", 1),
        ):
            self.assertEqual(cost_of(pattern.encode(), re.DOTALL).searching, power, pattern)
        self.assertEqual(cost_of(rb"^[^x]*y", re.MULTILINE).searching, 2)

    def test_powers(self) -> None:
        """Each further repeat that matches the same text adds one to the power."""
        for pattern, power in (
            (r"^/(.*)/(.*)\.html$", 2),
            (r"^/(.*)/(.*)/(.*)/x$", 3),
            (r"^/(.*)/(.*)/(.*)/(.*)/x$", 4),
            (r"^/(.*?)/(.*?)/x$", 2),
            (r"^\w+\w+$", 2),
            (r"^/([a-z]+)([a-z0-9]+)$", 2),
            (r"^/.*(?:a|b).*x$", 2),
            (r"^/(?:x(.*)/(.*)y|z)$", 2),
            (r"^/(.{1,500})/(.{1,500})/x$", 2),
            (r"^(?=(.*)(.*)x)", 2),
            (r"^/(.*)\1$", 2),
            (r"(.*)=(.*)=x", 2),
        ):
            self.assertEqual(self.cost(pattern), power, pattern)

    def test_exponential(self) -> None:
        """A repeat of a repeat, or of a choice, that can match a text in two ways."""
        for pattern in (
            r"^/(a+)+$",
            r"^/(?:\w|a\d?)+x$",
            r"(a*)*b",
            r"^(?:a*b*)*c",
            r"^/(?:.*/)+x$",
            r"^(([a-z])+.)+[A-Z]([a-z])+$",
            r"(x+x+)+y",
            r"^/(?:a?){30}a{30}$",
            r"^/(?:[^/]+/?)+$",
            r"^(?:ab|a|b)*c",
        ):
            self.assertEqual(self.cost(pattern), EXPONENTIAL, pattern)

    def test_flags(self) -> None:
        """Whether letters are the same depends on the case; whether a line end is between them, on the dot."""
        self.assertEqual(self.cost("^[a-z]+[A-Z]+$"), 1)
        self.assertEqual(self.cost("^[a-z]+[A-Z]+$", re.DOTALL | re.IGNORECASE), 2)
        self.assertEqual(self.cost("(?i)^[a-z]+[A-Z]+$"), 2)
        self.assertEqual((self.cost("^.*\\n.*x$"), self.cost("^.*\\n.*x$", 0)), (2, 1))

    def test_characters(self) -> None:
        """Two repeats, one behind the other, match the same text if one octet is matched by both."""
        plain = (b".", b"a", b"A", b"[^a]", b"[a-m]", b"[l-z]", b"[^a-z]", b"\n", b"z", b"[^\n]", b"@", b"`", b"[0-9_]")
        others = (
            b"[^\\x00-\\x7f]",
            b"[^\\x80-\\xff]",
            rb"\d",
            rb"\D",
            rb"\s",
            rb"\w",
            rb"\W",
            rb"[\da]",
            rb"[^\w]",
            b"[\xf0-\xff]",
            b"\xff",
            b"[\x00-\xfe]",
        )
        atoms = (*plain, *others)
        for flags in (0, re.IGNORECASE, re.DOTALL | re.IGNORECASE):
            matched = {
                atom: {octet for octet in range(256) if re.fullmatch(atom, bytes((octet,)), flags)} for atom in atoms
            }
            for one, other in combinations_with_replacement(atoms, 2):
                pattern = b"^%b+%b+:$" % (one, other)
                power = 2 if matched[one] & matched[other] else 1
                self.assertEqual(cost_of(pattern, flags).matching, power, (pattern, flags))

    def test_groups(self) -> None:
        """Groups of all kinds are looked into: those that are matched whole, at a condition, ahead and behind."""
        for pattern, power in (
            (r"^(?>.*).*x$", 2),
            (r"^(?>(?:a+)+)x$", EXPONENTIAL),
            (r"^(a)?(?(1).*.*|b)x$", 2),
            (r"^(a)?(?(1)b|.*.*)x$", 2),
            (r"^(a)?(?(1)b)x$", 1),
            (r"^(a)?.*(?(1)b).*x$", 2),
            (r"^(a)?(?(1)(?:b+)+)x$", EXPONENTIAL),
            (r"^(?!.*.*x)", 2),
            (r"^(?!(?:a+)+x)", EXPONENTIAL),
            (r"^(?i:(?=[a-z]+[A-Z]+x))", 2),
            (r"^(?i:[a-z]+[A-Z]+)x$", 2),
            (r"^(?i:a)[a-z]+[A-Z]+x$", 1),
            (r"(?i)^(?-i:[a-z]+[A-Z]+)x$", 1),
            (r"^(?=.*\n.*x)", 2),
            (r"^(?-s:.*\n.*)x$", 1),
            (r"^a(?<=b)(?:x|y*)*z$", EXPONENTIAL),
            (r"^(?:.*+.*)x$", 1),
            (r"^(.)\1\1x$", 2),
            (r"^x{0}$", 1),
            (r"^(?:a|ab){2}x$", 1),
        ):
            self.assertEqual(self.cost(pattern), power, pattern)

    def test_searched(self) -> None:
        """A search from every place is one repeat more, unless there is but one place to begin at."""
        for pattern, power in ((r"\d+\.png$", 2), (r"^\d+\.png$", 1), (r"\A\d+x", 1), (r"/[^/]+x", 1), (r"(.*)x", 1)):
            self.assertEqual(cost_of(pattern.encode(), re.DOTALL).searching, power, pattern)
        for pattern, power in ((r"(?-s:.*)x", 2), (r"(?s:.*)x", 1), (r"(?:^a|^b)\d*x", 1), (r"(?:^a|b*)x", 2)):
            self.assertEqual(cost_of(pattern.encode(), re.DOTALL).searching, power, pattern)
        for pattern, flags, begins in ((".*x", re.DOTALL, True), ("(.+?)x", re.DOTALL, True), (".*x", 0, False)):
            self.assertEqual(begins_with_anything(pattern.encode(), flags), begins)
        for pattern in ("x.*", "a|.*", "(?-s:.*)x", ".?x", "[a].*"):
            self.assertFalse(begins_with_anything(pattern.encode(), re.DOTALL), pattern)

    def test_large(self) -> None:
        """A list of many texts is not looked at for long."""
        listed = "|".join(f"name{number}" for number in range(2000))
        self.assertEqual(self.cost(f"^(?:{listed})$"), 1)
        self.assertEqual(self.cost(f"^(?:{listed})*$"), 1)
