"""Tests of the text view of a request."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.values.request import Request
from pydsl_proxy.wire.http.named_pairs import cookie_value, query_value
from tests.support.cost import ONE_MILLISECOND, instructions
from tests.support.peers import FakeHead


def request(
    target: bytes = b"/", fields: bytes = b"", method: bytes = b"GET", minor: int = 1, path: bytes = b"/"
) -> Request:
    """A request from 192.0.2.7 for example.com."""
    head = FakeHead(target, fields, method, minor)
    return Request(head, "192.0.2.7", 40001, "https", "example.com", path, 8443)


class RequestTests(SynchronousTestCase):
    """A request as text."""

    def test_surroundings(self) -> None:
        """What the connection and the site know is there as given."""
        got = request()
        seen = (got.client_address, got.client_port, got.scheme, got.host, got.server_port)
        self.assertEqual(seen, ("192.0.2.7", 40001, "https", "example.com", 8443))

    def test_request_line(self) -> None:
        """Method and protocol are text."""
        got = request(method=b"PATCH", minor=0)
        self.assertEqual((got.method, got.protocol), ("PATCH", "HTTP/1.0"))

    def test_target(self) -> None:
        """The target and the query are not decoded."""
        got = request(b"/a%2Fb//c/../d?x=%20&y")
        self.assertEqual(got.target, "/a%2Fb//c/../d?x=%20&y")
        self.assertEqual(got.request_uri, got.target)
        self.assertEqual(got.query_string, "x=%20&y")

    def test_target_forms(self) -> None:
        """Of a target in absolute form, request_uri is the path and query."""
        for target, uri in (
            (b"http://zz/n?a=1", "/n?a=1"),
            (b"http://zz", "/"),
            (b"http://zz?a=/b", "/?a=/b"),
            (b"http://zz/n?a=http://yy/", "/n?a=http://yy/"),
            (b"*", "*"),
            (b"zz:443", "zz:443"),
        ):
            got = request(target)
            self.assertEqual((got.target, got.request_uri), (target.decode(), uri))

    def test_no_query(self) -> None:
        """Without a query there is none; a fragment is no part of it."""
        self.assertEqual(request(b"/a").query_string, "")
        self.assertEqual(request(b"/a?b#c?d").query_string, "b")
        self.assertEqual(request(b"/a#b?c").query_string, "")

    def test_path(self) -> None:
        """The path is UTF-8; what is not goes back to the same bytes."""
        self.assertEqual(request(path="/für".encode()).path, "/für")
        self.assertEqual(request(path=b"/\xff").path.encode("utf-8", "surrogateescape"), b"/\xff")

    def test_header(self) -> None:
        """A field is found in any case of its name; it is UTF-8, what is not comes as surrogates; "" if absent."""
        got = request(fields="X-Tenant: éa\nX-Old: ".encode() + b"\xe9a\nAccept: a\naccept: b")
        self.assertEqual(got.header("x-TENANT"), "éa")
        self.assertEqual(got.header("x-old").encode("utf-8", "surrogateescape"), b"\xe9a")
        self.assertEqual(got.header("Accept"), "a, b")
        self.assertEqual(got.header("x-other"), "")

    def test_cookie(self) -> None:
        """A cookie is found by its exact name, the first of several, in any of the Cookie fields."""
        got = request(fields=b"Cookie: a=1;sid = x=y ; SID=2; sid=3; e=\ncookie: late=4")
        self.assertEqual(
            [got.cookie(name) for name in ("a", "sid", "SID", "e", "late", "si")], ["1", "x=y", "2", "", "4", ""]
        )

    def test_cost(self) -> None:
        """Values are found without looking at the others: what a client may send costs less than a millisecond."""
        # The first use of a name makes a pattern of it.
        for name in ("page", "p", "x y", "sid", "s", "id"):
            request(b"/", b"Cookie: a=b").query(name)
            request(b"/", b"Cookie: a=b").cookie(name)
        for part in (b"&", b"a&", b"a=b&", b"%61&", b"%6=+&", b"page&", b"xpage=1&"):
            got = request(b"/?" + part * (8000 // len(part)))
            cost = instructions(lambda got=got: [got.query(name) for name in ("page", "p", "x y")])  # type: ignore[misc]  # a lambda's own
            self.assertLess(cost, ONE_MILLISECOND / 10, part)
        for part in (b";", b"; ", b"a;", b"a=b; ", b"sid; "):
            got = request(fields=b"Cookie: " + part * (30_000 // len(part)))
            cost = instructions(lambda got=got: [got.cookie(name) for name in ("sid", "s", "id")])  # type: ignore[misc]  # a lambda's own
            self.assertLess(cost, ONE_MILLISECOND / 10, part)

    @given(
        st.text("ab%=&;+2506fF \t", max_size=12).map(str.encode),
        st.one_of(st.text("ab%=&;+2506 \t", max_size=3), st.sampled_from(["%", "%2", " ", "a b", ""])),
    )
    def test_plainly(self, text: bytes, name: str) -> None:
        """What is found is what a reader finds that takes one pair after the other."""
        pairs = [pair.partition(b"=") for pair in text.replace(b"+", b" ").split(b"&")]
        values = [unquote_to_bytes(value) for found, _, value in pairs if unquote_to_bytes(found) == name.encode()]
        self.assertEqual(query_value(text, name.encode()), values[0] if values else None)
        cookies = [pair.partition(b"=") for pair in text.split(b";")]
        values = [value.strip(b" \t") for found, _, value in cookies if found.strip(b" \t") == name.encode()]
        self.assertEqual(cookie_value(text, name.encode()), values[0] if values else None)

    def test_query(self) -> None:
        """The first parameter of the name counts, decoded, names too."""
        got = request(b"/?a=1%202+3&b&a=4&n%C3%A4me=%C3%A9&bad=%ff%zz&x=http://zz?y=1")
        self.assertEqual(
            [got.query(name) for name in ("a", "b", "näme", "x", "c")], ["1 2 3", "", "é", "http://zz?y=1", ""]
        )
        self.assertEqual(got.query("bad").encode("utf-8", "surrogateescape"), b"\xff%zz")

    def test_repr(self) -> None:
        """The repr tells requests apart in a log or a debugger."""
        self.assertEqual(repr(request(b"/a?b")), "<Request GET https://example.com/a?b>")
