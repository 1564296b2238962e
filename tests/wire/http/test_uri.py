"""Tests of the normalising, escaping and rewriting of request targets."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.uri import (
    BadHost,
    BadPath,
    escape,
    host_and_port,
    normalise,
    replace_prefix,
    resolve,
    split_absolute,
    split_target,
)
from tests.support.reference_router import normalise_by_states

# What makes a path interesting, and little else.
PIECES = st.sampled_from(
    [
        b"/",
        b".",
        b"..",
        b"a",
        b"b.c",
        b"%2f",
        b"%2F",
        b"%2e",
        b"%25",
        b"%3f",
        b"%23",
        b"%00",
        b"%zz",
        b"%4",
        b"\\",
        b"+",
    ]
)
PATHS = st.lists(PIECES, max_size=12).map(lambda pieces: b"/" + b"".join(pieces))


class NormaliseTests(SynchronousTestCase):
    """The path that locations are matched against."""

    def test_plain(self) -> None:
        """A path that is normalised already is returned itself."""
        for path in (b"/", b"/a", b"/a/", b"/a.b/c..d/e.", b"/a+b;c=d/~e", b"/\xe4\xbd\xa0", b"/a\\b"):
            self.assertIs(normalise(path), path)

    def test_changed(self) -> None:
        """Escapes are decoded, then slashes merged and dots resolved (all rows observed on nginx 1.22.1)."""
        for path, normal in [
            (b"/nouri/x%20y//z/../w", b"/nouri/x y/w"),
            (b"/a/x%20y", b"/a/x y"),
            (b"/a/x%2Fy", b"/a/x/y"),
            (b"/a//x/./y/../z", b"/a/x/z"),
            (b"/a/%E4%BD%A0", b"/a/\xe4\xbd\xa0"),
            (b"/a/x%3Fy", b"/a/x?y"),
            (b"/a/b%25c", b"/a/b%c"),
            (b"/a/%2541", b"/a/%41"),
            (b"/a/x%23y", b"/a/x#y"),
            (b"/u/..", b"/"),
            (b"/u/.", b"/u/"),
            (b"/u/...", b"/u/..."),
            (b"/u/%2e%2e/u/%2E", b"/u/"),
            (b"/u/a/%2e%2e", b"/u/"),
            (b"/u//..%2f", b"/"),
            (b"/u/a%2f%2fb", b"/u/a/b"),
            (b"/u/%2f", b"/u/"),
            (b"/u/.%2fx", b"/u/x"),
            (b"/u/a%5c..%5cb", b"/u/a\\..\\b"),
            (b"//", b"/"),
            (b"/.hidden", b"/.hidden"),
            (b"/..a/b", b"/..a/b"),
        ]:
            self.assertEqual(normalise(path), normal, path)

    def test_refused(self) -> None:
        """What has no reading, or leads above the root, is a bad request."""
        for path in (
            *(b"", b"a", b"*", b"http://h/"),
            *(b"/nouri/%zz", b"/u/%", b"/u/%4", b"/u/%4g", b"/u/%00", b"/%2"),
            *(b"/..", b"/../", b"/a/../..", b"/a/..%2f..%2fetc", b"/a/../../etc/passwd", b"/%2e%2e/x", b"//../a"),
        ):
            self.assertRaises(BadPath, normalise, path)

    def test_fragment(self) -> None:
        """A raw "#" is refused: servers differ in what they make of it."""
        self.assertRaises(BadPath, normalise, b"/a#b")

    def test_errors_are_of_the_grammar(self) -> None:
        """The errors are malformed input, answered with 400."""
        error = self.assertRaises(Malformed, normalise, b"/..")
        self.assertEqual(error.status, 400)
        self.assertIsInstance(error, ValueError)

    @given(PATHS)
    @example(b"/.%2e")
    def test_state_machine(self, path: bytes) -> None:
        """Decoding first and resolving then is what nginx's state machine does an octet at a time."""
        expected = normalise_by_states(path)
        if expected is None:
            self.assertRaises(BadPath, normalise, path)
        else:
            self.assertEqual(normalise(path), expected)

    @given(PATHS)
    def test_stable(self, path: bytes) -> None:
        """An escaped normal path is read again as the same path."""
        try:
            normal = normalise(path)
        except BadPath:
            return
        self.assertEqual(normalise(escape(normal)), normal)
        self.assertEqual(resolve(normal), normal)


class SplitTests(SynchronousTestCase):
    """The parts of a target."""

    def test_query(self) -> None:
        """The query begins after the first "?"; an empty one is not the same as none."""
        self.assertEqual(split_target(b"/a"), (b"/a", None))
        self.assertEqual(split_target(b"/a?"), (b"/a", b""))
        self.assertEqual(split_target(b"/a?x=1?y"), (b"/a", b"x=1?y"))
        self.assertEqual(split_target(b"/a%3fx"), (b"/a%3fx", None))

    def test_fragment(self) -> None:
        """A target has no fragment (RFC 9112 3.2)."""
        self.assertRaises(BadPath, split_target, b"/a#b")
        self.assertRaises(BadPath, split_target, b"/a?x#b")

    def test_absolute(self) -> None:
        """An absolute-form is taken apart; an empty path is "/"."""
        for target, parts in [
            (b"http://zz/n", (b"http", b"zz", b"/n")),
            (b"http://zz", (b"http", b"zz", b"/")),
            (b"http://h?x", (b"http", b"h", b"/?x")),
            (b"HTTPS://ZZ.:443/q?a=/b?c", (b"https", b"ZZ.:443", b"/q?a=/b?c")),
            (b"http://[::1]:80//x", (b"http", b"[::1]:80", b"//x")),
        ]:
            self.assertEqual(split_absolute(target), parts)

    def test_absolute_refused(self) -> None:
        """Other schemes, userinfo, fragments, and missing or malformed hosts are refused."""
        for target in (
            *(b"ftp://zz/q", b"zz:80", b"/a", b"*", b"http:/zz", b"http:zz", b"httpx://zz/"),
            *(b"http:///u", b"http://?x", b"http://:80/", b"http://u@zz/", b"http://u:p@zz/", b"http://zz:9a/q"),
            *(b"http://zz/a#f", b"http://zz#f", b"http://a,b/", b"http://[::1/", b"http://a\\b/"),
        ):
            self.assertRaises(BadPath, split_absolute, target)


class EscapeTests(SynchronousTestCase):
    """Making a target of a decoded path."""

    def test_escaped(self) -> None:
        """nginx's set is escaped, in upper-case hexadecimal (observed on nginx 1.22.1)."""
        self.assertEqual(
            escape(b'/"<>\\^`{|}\x7f\x01\n %#?\xe4\xbd'), b"/%22%3C%3E%5C%5E%60%7B%7C%7D%7F%01%0A%20%25%23%3F%E4%BD"
        )

    def test_unescaped(self) -> None:
        """All else stays as it is."""
        kept = b"/abcXYZ019!$&'()*+,-.:;=@[]_~"
        self.assertEqual(escape(kept), kept)

    @given(st.binary())
    def test_visible(self, path: bytes) -> None:
        """Nothing that could end a request line, or a target's path, is left."""
        self.assertTrue(all(0x21 <= octet <= 0x7E and octet not in b"?#" for octet in escape(path)))


class ReplacePrefixTests(SynchronousTestCase):
    """The target that a peer receives, as proxy_pass with a URI makes it."""

    def assert_replaced(self, prefix: bytes, replacement: bytes, target: bytes, expected: bytes) -> None:
        path, query = split_target(target)
        self.assertEqual(replace_prefix(normalise(path), len(prefix), replacement, query), expected, target)

    def test_as_nginx(self) -> None:
        """The prefix of the normalised path is replaced, the rest escaped again (observed on nginx 1.22.1)."""
        for target, expected in [
            (b"/a/x%20y", b"/b/x%20y"),
            (b"/a/x%2Fy", b"/b/x/y"),
            (b"/a//x/./y/../z?q=%20", b"/b/x/z?q=%20"),
            (b"/a/%E4%BD%A0", b"/b/%E4%BD%A0"),
            (b"/a/x%3Fy", b"/b/x%3Fy"),
            (b"/a/b%25c", b"/b/b%25c"),
            (b"/a/x%23y", b"/b/x%23y"),
            (b"/a/x+y", b"/b/x+y"),
            (b"/a/x;y", b"/b/x;y"),
            (b"/a/x?", b"/b/x"),
            (b"/a/x%3f?", b"/b/x%3F"),
            (b"/a/?//../%zz", b"/b/?//../%zz"),
        ]:
            self.assert_replaced(b"/a/", b"/b/", target, expected)

    def test_slashes_are_literal(self) -> None:
        """A slash too many or too few is not put right (observed on nginx 1.22.1)."""
        for target, expected in [(b"/cfoo", b"/v/foo"), (b"/c/foo", b"/v//foo"), (b"/c", b"/v/")]:
            self.assert_replaced(b"/c", b"/v/", target, expected)
        self.assert_replaced(b"/e/", b"/q", b"/e/foo", b"/qfoo")

    def test_no_host(self) -> None:
        """A target never begins with two slashes, which may be read as a host; nginx sends ``//foo`` for ``/c/foo``."""
        for target, expected in [(b"/cfoo", b"/foo"), (b"/c/foo", b"/foo"), (b"/c", b"/"), (b"/c//evil/x", b"/evil/x")]:
            self.assert_replaced(b"/c", b"/", target, expected)

    def test_always_escaped(self) -> None:
        """The rest is escaped also if the client escaped nothing; nginx leaves it raw then."""
        self.assert_replaced(b"/a/", b"/b/", b'/a/x"|', b"/b/x%22%7C")

    def test_climbing_out(self) -> None:
        """What follows the prefix cannot lead out of its replacement; nginx sends ``/v1/../x`` for ``/c../x``."""
        for path in (b"/c../x", b"/c.."):
            self.assertRaises(BadPath, replace_prefix, path, 2, b"/v1/", None)
        self.assertEqual(replace_prefix(b"/c..x", 2, b"/v1/", None), b"/v1/..x")
        self.assertEqual(replace_prefix(b"/c../x", 2, b"/v1", None), b"/v1../x")


class HostTests(SynchronousTestCase):
    """Host fields and authorities."""

    def test_read(self) -> None:
        """The host is lower-case, without a trailing dot; the port is a number or None."""
        for value, expected in [
            (b"", (b"", None)),
            (b"example.com", (b"example.com", None)),
            (b"EXAMPLE.com.", (b"example.com", None)),
            (b"example.com.:8080", (b"example.com", 8080)),
            (b"example.com:", (b"example.com", None)),
            (b"my_app-1.~x:0", (b"my_app-1.~x", 0)),
            (b"127.0.0.1:65535", (b"127.0.0.1", 65535)),
            (b"[::1]", (b"[::1]", None)),
            (b"[2001:DB8::1]:443", (b"[2001:db8::1]", 443)),
            (b"[::ffff:1.2.3.4]", (b"[::ffff:1.2.3.4]", None)),
            (b"a" * 255, (b"a" * 255, None)),
        ]:
            self.assertEqual(host_and_port(value), expected)

    def test_refused(self) -> None:
        """All that is not one name or address with one port is refused."""
        for value in (
            *(b"a/b", b"a b", b" a", b"a ", b"a\t", b"a\n", b"a@b", b"a,b", b"a:b", b"a:80:80", b"a:-1", b"a:+1"),
            *(b":80", b":", b".", b"..", b".a", b"a..b", b"a..", b"a:65536", b"a:000080", b"a:80 "),
            *(b"[::1", b"::1", b"[]", b"[:::1]", b"[::1]x", b"[::1].", b"[fe80::1%25eth0]", b"[1.2.3.4]", b"[v1.x]"),
            *(b"a%41", b"a\x00", b"\xc3\xa9", b"a\\b", b"a?b", b"a#b", b"a*", b"a" * 256, b"a.:65535:"),
        ):
            self.assertRaises(BadHost, host_and_port, value)
