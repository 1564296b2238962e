"""Tests of patterns that RE2 searches."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import header, http, location, map_value, path, regex, server
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.testing import run
from pydsl_proxy.values.regex import MAX_SUBJECT
from tests.support.failing import mistake

CUBIC = r"^/(.*)/(.*)/(.*)/x$"
MISSING = 'google-re2 is not installed: pip install "pydsl_proxy[re2]"'


class MissingTests(SynchronousTestCase):
    """Without the library."""

    def test_missing(self) -> None:
        """The error says what to install."""
        with patch.dict(sys.modules, {"re2": None}), self.assertRaises(ConfigError) as caught:
            regex("a", re2=True)
        self.assertIn("google-re2 has to be installed", str(caught.exception))
        self.assertEqual(caught.exception.hint, "pip install 'pydsl_proxy[re2]'")


class LinearTests(SynchronousTestCase):
    """Searches."""

    if find_spec("re2") is None:
        skip = MISSING

    def test_same(self) -> None:
        """What is found is what re finds in octets: dots, ends, case and characters of several octets."""
        subjects = [b"/a", b"/a\n", b"/a\xff", "/é".encode(), "/éé".encode(), "/É".encode(), b"/A", b"\xe3\xa9", b""]
        for pattern in ("^/a$", "^/.$", "^/.*$", "é+$", "^/(?P<n>a)?", "a|A", r"\w\.?", "(?m)^/a$", "[a-z]"):
            for ignore_case in (False, True):
                slow, fast = (regex(pattern, ignore_case=ignore_case, re2=each).search() for each in (False, True))
                for subject in subjects:
                    first, second = slow(subject), fast(subject)
                    spans = [None if each is None else (each.start(), each.end()) for each in (first, second)]
                    self.assertEqual(spans[0], spans[1], (pattern, ignore_case, subject))
                    if first is not None and second is not None:
                        self.assertEqual(first[0], second[0])

    def test_groups(self) -> None:
        """Groups have their numbers and names."""
        found = regex("(?P<first>a)(b)?", re2=True).search()(b"xa")
        assert found is not None
        self.assertEqual((found[1], found["first"], found[2]), (b"a", b"a", None))
        self.assertEqual(found.expand(rb"<\1\g<first>\2>"), b"<aa>")

    def test_linear(self) -> None:
        """Any pattern is taken, and a subject of any length."""
        for pattern in (CUBIC, "^(a+)+$"):
            self.assertIsNone(regex(pattern, re2=True).search()(b"/a" * MAX_SUBJECT))

    def test_code(self) -> None:
        """The code of a pattern says so."""
        self.assertEqual(repr(regex("a", ignore_case=True, re2=True)), "regex('a', ignore_case=True, re2=True)")

    def test_refused(self) -> None:
        """What RE2 does not have is an error that says so."""
        for pattern in (r"(a)\1", "(?=a)", "(?<!a)b", "a++", "(?>a)", r"a\Z", "a{1001}", "("):
            what, hint = mistake(regex, pattern, re2=True)
            self.assertIn("does not compile with RE2", what)
            self.assertIn("lookaround", hint or "")
        self.assertIn("leave", mistake(lambda: regex("a", re2=True, backtracking=True))[1] or "")
        self.assertIn("True or False", mistake(lambda: regex("a", re2=1))[0])  # type: ignore[arg-type]  # on purpose

    def test_places(self) -> None:
        """It stands wherever a regex may."""
        pages = (
            server(80, names=[regex(r"^(www\.)?a\.test$", re2=True)])
            .location(regex(CUBIC, re2=True))
            .respond(200, "cubic")
            .location("/r/")
            .rewrite(regex("^/r/(?P<rest>.*)$", re2=True), r"/new/\g<rest>", redirect=301)
            .respond(404)
            .location("/m/")
            .respond(200, map_value(path, {regex("^/m/(a+)+$", re2=True): "mapped"}, default="none"))
            .location("/c")
            .when(header("x").matches(regex("^(a+)+$", re2=True)))
            .respond(200, "condition")
        )
        app = (
            pages.location("/app/")
            .rewrite_cookie_path({regex("^/(?P<x>.*)$", re2=True): r"/app/\g<x>"})
            .rewrite_cookie_domain({regex(r"^(\w+)\.internal$", re2=True): r"\1.example.com"})
            .set_cookie_flags(regex("^(s+)+$", re2=True), secure=True)
            .proxy_to("a:1")
        )
        other = server(80).location("/").respond(404)
        running = run(http(other, app))
        running.peers["a:1"].answers(200, headers={"Set-Cookie": "ss=1; Path=/x; Domain=A.internal"})
        client, host = running[0], {"Host": "www.A.test", "X": "aa"}
        for target, body in (("/a/b/c/x", b"cubic"), ("/m/aa", b"mapped"), ("/m/ab", b"none"), ("/c", b"condition")):
            self.assertEqual(client.request("GET", target, host).body, body)
        self.assertEqual(client.request("GET", "/r/a", host).headers["Location"], "/new/a")
        self.assertEqual(client.request("GET", "/a/b/c/x", {"Host": "b.test"}).status, 404)
        self.assertEqual(
            client.request("GET", "/app/", host).headers["Set-Cookie"],
            "ss=1; Path=/app/x; Domain=A.example.com; Secure",
        )

    def test_groups_of_replacements(self) -> None:
        """A replacement names groups that the pattern has."""
        pattern = regex("^/(?<n>a)(b)", re2=True)
        for new in (r"/\3", r"/\g<m>"):
            self.assertIn("has no group", mistake(location("/").rewrite_cookie_path, {pattern: new})[0])
            self.assertIn("has no group", mistake(location("/").rewrite, pattern, new)[0])
        self.assertIn("rewrite_cookie_path", repr(location("/").rewrite_cookie_path({pattern: r"/\g<n>\2"})))
