"""Tests of the values that locations and servers match on."""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.config.matching import (
    Exact,
    Match,
    Prefix,
    Regex,
    ServerName,
    as_match,
    as_server_name,
    exact,
    prefix,
    regex,
)
from pydsl_proxy.errors import ConfigError


class Marked(str):
    """A str that is more than it shows."""


class MatchingTestCase(SynchronousTestCase):
    """Looks at the errors of a call."""

    def refusal(self, call: Callable[[], object]) -> ConfigError:
        error: ConfigError = self.assertRaises(ConfigError, call)
        self.assertEqual(error.origin.file, __file__)
        return error

    def assert_hint(self, hint: str | None, call: Callable[[], object], message: str = "") -> None:
        error = self.refusal(call)
        self.assertEqual(error.hint, hint)
        self.assertIn(message, error.message)


class MatchTests(MatchingTestCase):
    """Values of locations."""

    def test_plain_string(self) -> None:
        """A plain string is a prefix; a match is itself."""
        self.assertEqual(as_match("/x"), Prefix("/x"))
        for match in (prefix("/x", stop=True), exact("/x"), regex("x")):
            self.assertIs(as_match(match), match)

    def test_functions(self) -> None:
        """The functions make the values."""
        self.assertEqual(prefix("/x"), Prefix("/x"))
        self.assertEqual(prefix("/x", stop=True), Prefix("/x", stop=True))
        self.assertEqual(exact("/x"), Exact("/x"))
        self.assertEqual(regex("x", ignore_case=True), Regex("x", ignore_case=True))

    def test_repr(self) -> None:
        """A value shows itself as the call that makes it."""
        for match, code in [
            (prefix("/x"), "prefix('/x')"),
            (prefix("/img/", stop=True), "prefix('/img/', stop=True)"),
            (exact("/healthz"), "exact('/healthz')"),
            (regex(r"\.php$"), r"regex('\\.php$')"),
            (regex("x", ignore_case=True), "regex('x', ignore_case=True)"),
        ]:
            self.assertEqual(repr(match), code)

    @given(st.text(max_size=8), st.booleans())
    def test_repr_is_code(self, text: str, flag: bool) -> None:
        """Evaluating the repr gives an equal value."""
        names = {"prefix": prefix, "exact": exact, "regex": regex}
        makers: list[Callable[[], Match]] = [
            lambda: prefix("/" + text, stop=flag),
            lambda: exact("/" + text),
            lambda: regex(re.escape(text), ignore_case=flag),
        ]
        for make in makers:
            try:
                match = make()
            except ConfigError:
                continue
            self.assertEqual(eval(repr(match), names), match)

    def test_decoded_text(self) -> None:
        """Blanks, non-ASCII letters, and a "%" that escapes nothing, are ordinary text."""
        for path in ("/", "/a b", "/café/", "/100%", "/.well-known/", "/a..b/", "/a*b", "/x+y;z"):
            self.assertEqual(Prefix(path).path, path)
            self.assertEqual(Exact(path).path, path)

    def test_slash_missing(self) -> None:
        """A path begins with a slash."""
        self.assert_hint('write "/api/"', lambda: prefix("api/"), "location path 'api/' does not start with '/'")
        self.assert_hint('write "/"', lambda: exact(""))
        self.assert_hint('write "/api/"', lambda: as_match("api/"))

    def test_url(self) -> None:
        """A URL is no path."""
        hint = 'write "/x"; hosts are named with server(..., names=[...])'
        self.assert_hint(hint, lambda: as_match("http://example.com/x"))
        self.assert_hint(hint, lambda: as_match("example.com:80/x"))
        self.assert_hint(hint.replace("/x", "/"), lambda: as_match("https://example.com"))

    def test_modifiers(self) -> None:
        """nginx's modifiers are calls here."""
        self.assert_hint('write exact("/x")', lambda: as_match("= /x"))
        self.assert_hint('write exact("/x")', lambda: as_match("=/x"))
        self.assert_hint(r'write regex(r"\.php$")', lambda: as_match(r"~ \.php$"))
        self.assert_hint(r'write regex(r"\.png$", ignore_case=True)', lambda: as_match(r"~* \.png$"))
        self.assert_hint('write prefix("/img/", stop=True)', lambda: as_match("^~ /img/"))
        self.assert_hint(r'write regex(r"\.php$")', lambda: regex(r"~ \.php$"), "nginx's modifier '~'")

    def test_query(self) -> None:
        """Locations match on the path only."""
        self.assert_hint('write "/a"', lambda: prefix("/a?x=1"), "query")
        self.assert_hint('write "/a"', lambda: exact("/a#x?y"), "fragment")

    def test_escapes(self) -> None:
        """Locations hold decoded text."""
        self.assert_hint('write "/a b/é"', lambda: prefix("/a%20b/%C3%A9"), "decoded path")

    def test_unresolved(self) -> None:
        """A path that normalising would change can never match."""
        self.assert_hint('write "/a/b"', lambda: prefix("/a//b"))
        self.assert_hint('write "/b/"', lambda: exact("/a/../b/."))
        self.assert_hint(None, lambda: prefix("/.."))

    def test_placeholders(self) -> None:
        """The patterns of other routers are literal text here, so they are refused."""
        self.assert_hint('a prefix matches all that follows it: write "/api/"', lambda: prefix("/api/*"))
        self.assert_hint('write regex("^/users/[^/]+/edit$")', lambda: exact("/users/<id>/edit"))
        self.assert_hint(r'write regex(r"^/a\.b/[^/]+/x.*$")', lambda: prefix("/a.b/{name}/x*"))

    def test_types(self) -> None:
        """Only a plain str will do: a marked string or a pattern says more than a path can hold."""
        self.assertIn("not Marked", self.refusal(lambda: prefix(Marked("/x"))).message)
        self.assertIn("not bytes", self.refusal(lambda: exact(b"/x")).message)  # type: ignore[arg-type]  # the mistake
        self.assertIn("not Marked", self.refusal(lambda: regex(Marked("x"))).message)
        pattern = re.compile(r"\.php$", re.IGNORECASE)
        hint = r'write regex(r"\.php$", ignore_case=True)'
        self.assert_hint(hint, lambda: as_match(pattern))  # type: ignore[arg-type]  # the mistake
        self.assert_hint(hint, lambda: regex(pattern))  # type: ignore[arg-type]  # the mistake
        self.assert_hint('write regex("x")', lambda: regex(re.compile(b"x")))  # type: ignore[arg-type]  # the mistake

    def test_surrogates(self) -> None:
        """Text that no octets stand for is refused."""
        self.assertIn("not valid Unicode at position 2", self.refusal(lambda: prefix("/a\ud800")).message)
        self.assertIn("not valid Unicode at position 0", self.refusal(lambda: regex("\ud800")).message)


class RegexTests(MatchingTestCase):
    """Patterns over octets."""

    def test_compile(self) -> None:
        """A pattern is searched in the octets of a path."""
        self.assertTrue(regex(r"\.php$").compile().search(b"/a/x.php"))
        self.assertFalse(regex(r"\.php$").compile().search(b"/a/x.PHP"))
        self.assertTrue(regex(r"\.php$", ignore_case=True).compile().search(b"/a/x.PHP"))

    def test_non_ascii(self) -> None:
        """A character of several octets is repeated as a whole."""
        pattern = regex(r"^/(?:\é+|[ab]ß)$").compile()
        self.assertTrue(pattern.search("/ééé".encode()))
        self.assertTrue(pattern.search("/bß".encode()))
        self.assertFalse(pattern.search("/é".encode()[:-1]))

    def test_non_ascii_class(self) -> None:
        """In [...] such a character would match single octets, so it is refused there."""
        self.assert_hint("write the characters as alternatives: (?:é|è)", lambda: regex("^/[aé]"))
        self.assertEqual(regex(r"\[é[]a]\]").compile().pattern, r"\[(?:é)[]a]\]".encode())

    def test_error(self) -> None:
        """A pattern that does not compile is refused, with the position."""
        self.assertEqual(
            self.refusal(lambda: regex("^/(é")).message,
            "regex '^/(é' does not compile: missing ), unterminated subpattern at position 2",
        )
        self.assertIn("cannot use 'L' flag", self.refusal(lambda: regex("(?L)x")).message)
        self.assertIn("repetition number", self.refusal(lambda: regex("a{99999999999}")).message)
        self.assertIn(r"bad escape \u", self.refusal(lambda: regex(r"\u00e9")).message)


class ServerNameTests(MatchingTestCase):
    """Names of servers."""

    def assert_refused(self, text: str, message: str) -> None:
        self.assertIn(message, self.refusal(lambda: as_server_name(text)).message)

    def test_read(self) -> None:
        """Names are lower-case, IDNA encoded, without a trailing dot."""
        for text, normal in [
            *[(same, same) for same in ("example.com", "*.example.com", ".example.com", "mail.*", "", "localhost")],
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("my_app", "my_app"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("Bücher.example", "xn--bcher-kva.example"),
            ("*.straße.de", "*.xn--strae-oqa.de"),
        ]:
            self.assertEqual(as_server_name(text), ServerName(normal))

    def test_values(self) -> None:
        """A regex is a name too, and a name is itself."""
        self.assertEqual(as_server_name(regex("^www")), ServerName(Regex("^www")))
        name = as_server_name("example.com")
        self.assertIs(as_server_name(name), name)

    def test_repr(self) -> None:
        """A name shows itself as what was listed."""
        self.assertEqual(repr([ServerName("a"), ServerName(regex("b"))]), "['a', regex('b')]")

    def test_catch_all(self) -> None:
        """nginx's idiom for a catch-all is not needed."""
        for text in ("_", "*"):
            self.assert_refused(text, "no catch-all")

    def test_not_only_a_host(self) -> None:
        """Ports, schemes and paths have other places."""
        self.assert_hint(
            'write "example.com"; the port is what the server listens on: server(8080, ...)',
            lambda: as_server_name("example.com:8080"),
            "has a port",
        )
        self.assert_hint('write "example.com"', lambda: as_server_name("https://example.com/x"), "not only a host")
        self.assert_hint('write "example.com"', lambda: as_server_name("example.com/x"))
        self.assert_hint(None, lambda: as_server_name("/x"))
        self.assert_hint(r'write regex(r"^www\d+")', lambda: as_server_name(r"~^www\d+"))

    def test_stars(self) -> None:
        """A star is a whole label, the first or the last."""
        for text in ("www.*.com", "w*.example.com", "*example.com", "*.example.*", "mail.*.", "*.*"):
            self.assert_refused(text, "'*' in another place")

    def test_no_host(self) -> None:
        """What no Host field can say is refused."""
        for text in ("a b", "a,b", "a@b", "a..b", ".", "*.", ".*", "a\ud800", "bücher..de", "..a"):
            self.assert_refused(text, "")
        self.assert_hint('write "[::1]"', lambda: as_server_name("::1"))

    def test_types(self) -> None:
        """Only a plain str or a regex will do."""
        self.assertIn("not Marked", self.refusal(lambda: as_server_name(Marked("a"))).message)
        pattern = re.compile("^a")
        self.assert_hint('write regex("^a")', lambda: as_server_name(pattern))  # type: ignore[arg-type]  # the mistake
