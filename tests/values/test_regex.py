"""Tests of patterns that users write."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import fastcgi, header, location, map_value, path, regex
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.values.regex import MAX_SUBJECT, Regex
from pydsl_proxy.wire.http.grammar import Malformed
from tests.support.failing import mistake

CUBIC = r"^/(.*)/(.*)/(.*)/x$"


class CostTests(SynchronousTestCase):
    """Patterns with which a client could stop the proxy."""

    def test_refused(self) -> None:
        """They are refused in every place where a pattern may be written, and the error says what to write."""
        for made in (
            lambda: regex(CUBIC),
            lambda: location(regex(CUBIC)),
            lambda: location("/").rewrite(CUBIC, "/"),
            lambda: header("x").matches(CUBIC),
            lambda: map_value(path, {regex(CUBIC): "a"}),
            lambda: location("/").rewrite_cookie_path({regex(CUBIC): "/"}),
            lambda: location("/").set_cookie_flags(regex("^(a+)+$"), secure=True),
            lambda: fastcgi(root="/srv", split_path_info=r"^(.*)/(.*)/x$"),
        ):
            with self.assertRaises(ConfigError) as caught:
                made()
            self.assertIn("match the same text", str(caught.exception))
            self.assertIn("[^/]*", caught.exception.hint or "")
        self.assertIn("the power 3", mistake(regex, CUBIC)[0])
        self.assertIn("doubles", mistake(regex, "^(a+)+$")[0])

    def test_taken(self) -> None:
        """They are taken where that is written; the code of such a pattern says so."""
        taken = regex(CUBIC, backtracking=True)
        self.assertEqual(repr(taken), f"regex({CUBIC!r}, backtracking=True)")
        self.assertEqual(eval(repr(taken)), taken)  # the code of a pattern
        condition = header("x").matches(taken, ignore_case=True)
        self.assertEqual(repr(condition), f"header('x').matches(regex({CUBIC!r}, ignore_case=True, backtracking=True))")
        self.assertIn("backtracking=True", repr(location("/").rewrite(taken, "/")))
        with self.assertRaises(ConfigError):
            Regex("a", backtracking="yes")  # type: ignore[arg-type]  # what is tested

    def test_bounded(self) -> None:
        """A pattern whose time grows faster than its subject is given so much and no more; others are given all."""
        for pattern in (regex("(a+)+b", backtracking=True), regex(r"\d+x")):
            self.assertIsNone(pattern.search()(b"c" * MAX_SUBJECT))
            refused = self.assertRaises(Malformed, pattern.search(414), b"c" * (MAX_SUBJECT + 1))
            self.assertEqual(refused.status, 414)
            self.assertIsNone(pattern.search(None)(b"1x" * MAX_SUBJECT))
        self.assertIsNotNone(regex("^/(.*)x$").search()(b"/" * MAX_SUBJECT + b"x"))
        self.assertIsNotNone(regex(".*x").search()(b"/" * MAX_SUBJECT + b"x"))


class LineEndTests(SynchronousTestCase):
    """What a decoded path may have, as of ``%0A``."""

    def test_any(self) -> None:
        """A dot is a line end too, and ``$`` is the end, not a place before a line end."""
        private = regex(r"^/private/.*$").search()
        for subject in (b"/private/\n", b"/private/a\nb", b"/private/\r\n\n"):
            self.assertIsNotNone(private(subject))
        self.assertIsNone(regex(r"^/private$").search()(b"/private\n"))
        self.assertIsNone(regex(r"(?i)^/(?:private|x)$").search()(b"/private\n"))
        self.assertIsNotNone(regex(r"[$]x\$$").search()(b"$x$"))
        self.assertIsNotNone(regex(r"(?m)^b$").search()(b"a\nb\nc"))
        self.assertIsNotNone(regex(r"^/(?-s:.)*$").search()(b"/ab"))
        self.assertIsNone(regex(r"^/(?-s:.)*$").search()(b"/a\nb"))
