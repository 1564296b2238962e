"""Tests of cookies of peers, as clients are to keep them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import location, regex, server
from pydsl_proxy.config.locations import OpenLocation
from pydsl_proxy.config.scopes import Scope
from pydsl_proxy.config.servers import Server
from pydsl_proxy.features.headers.cookies import CookieFlags, CookieRule, joined
from pydsl_proxy.testing import run
from pydsl_proxy.wire.fields.cookies import edited_cookies
from pydsl_proxy.wire.http.head import ResponseHead
from tests.support.cost import ONE_MILLISECOND, instructions
from tests.support.failing import mistake

OPENED = server(80).location("/")


def kept(opened: OpenLocation[Server], *cookies: str) -> list[str]:
    """The cookies that the client gets of those that the peer sets."""
    client, peers = run(opened.proxy_to("a:1"))
    peers["a:1"].answers(200, b"", [("Set-Cookie", each) for each in cookies])
    return client.request("GET", "/").headers.all("set-cookie")


class CookieTests(SynchronousTestCase):
    """nginx's ``proxy_cookie_domain``, ``proxy_cookie_path`` and ``proxy_cookie_flags``."""

    def test_as_nginx(self) -> None:
        """What nginx 1.22.1 was seen to make of three cookies by one of each directive."""
        opened = (
            OPENED.rewrite_cookie_domain({"app.internal": "example.com"})
            .rewrite_cookie_path({"/two/": "/one/"})
            .set_cookie_flags("one", httponly=False, secure=True, samesite="lax")
            .set_cookie_flags(regex("t"), secure=False, samesite="strict")
        )
        self.assertEqual(
            kept(
                opened,
                "one=1; Domain=.App.internal; Path=/two/x; HttpOnly",
                "two=2; path=/; Secure; SameSite=None",
                "three=3",
            ),
            [
                "one=1; Domain=.example.com; Path=/one/x; Secure; SameSite=Lax",
                "two=2; path=/; SameSite=Strict",
                "three=3; SameSite=Strict",
            ],
        )

    def test_domain(self) -> None:
        """The first that fits, whole and in any case, or by a regex; the empty one takes the attribute away."""
        opened = OPENED.rewrite_cookie_domain({regex(r"^(\w+)\.in$"): r"\1.out", "a.in": "not.this", "gone": ""})
        self.assertEqual(
            kept(opened, "a=1;domain=A.IN", "b=1; Domain=gone; Path=/", "c=1; Domain=b.a.in", "d=1"),
            ["a=1; Domain=A.out", "b=1; Path=/", "c=1; Domain=b.a.in", "d=1"],
        )

    def test_path(self) -> None:
        """A beginning, or what a regex finds; what one rule has made no other rewrites again."""
        opened = OPENED.rewrite_cookie_path({"/": "/app/"}).rewrite_cookie_path({"/x": "/y"})
        self.assertEqual(kept(opened, "a=1; Path=/", "b=1; Path=/x"), ["a=1; Path=/app/", "b=1; Path=/y"])
        opened = OPENED.rewrite_cookie_path({regex("^/v[0-9]+"): "/v"})
        self.assertEqual(kept(opened, "a=1; Path=/v12/x"), ["a=1; Path=/v/x"])

    def test_repeated(self) -> None:
        """Of an attribute that stands twice the last counts, and stays (RFC 6265 5.3)."""
        opened = OPENED.rewrite_cookie_path({"/x": "/y"})
        self.assertEqual(kept(opened, "a=1; path=/; Path=/x; Secure"), ["a=1; Path=/y; Secure"])

    def test_flags(self) -> None:
        """What is said of one cookie goes before what is said of all; inner scopes go before outer ones."""
        scope: Scope = server(80).set_cookie_flags(secure=True, samesite="none")
        assert isinstance(scope, Server)
        opened = scope.location("/").set_cookie_flags("sid", samesite=False).set_cookie_flags(samesite="lax")
        self.assertEqual(
            kept(opened, "sid=1; SameSite=None", "b=1; secure; HttpOnly"),
            ["sid=1; Secure", "b=1; secure; HttpOnly; SameSite=Lax"],
        )

    def test_others(self) -> None:
        """Responses without cookies, and cookies to which nothing applies, go through as they are."""
        opened = OPENED.set_cookie_flags("sid", secure=True)
        self.assertEqual(kept(opened), [])
        self.assertEqual(kept(opened, "a=1;Path=/ ;odd", "sid=1;SECURE"), ["a=1;Path=/ ;odd", "sid=1;SECURE"])

    def test_cost(self) -> None:
        """Many cookies cost little, and so does one with many attributes; those of another name get other flags."""
        opened = (
            OPENED.rewrite_cookie_domain({"x.org": "y.org"})
            .rewrite_cookie_path({"/": "/app/"})
            .set_cookie_flags(secure=True, httponly=True, samesite="lax")
        )
        many = [f"a{number}=1; Path=/; Domain=x.org" for number in range(780)]
        self.assertEqual(
            kept(opened, *many),
            [f"a{number}=1; Path=/app/; Domain=y.org; Secure; HttpOnly; SameSite=Lax" for number in range(780)],
        )
        flags = CookieFlags(None, secure=True, httponly=True, samesite="lax")
        rules = joined((CookieRule("domain", (("x.org", "y.org"),)), CookieRule("path", (("/", "/app/"),)), flags))
        edits = rules.edits  # type: ignore[attr-defined]  # a filter of this module
        for values in (many, ["a=b" + ";" * 30_000], ["a=b" + "; odd" * 6_000], ["a" + " " * 30_000 + ";b"]):
            head = ResponseHead(200, b"OK", b"".join([b"\r\nSet-Cookie: " + value.encode() for value in values]))
            cost = instructions(lambda head=head: edited_cookies(head, edits))  # type: ignore[misc]
            self.assertLess(cost, 5 * ONE_MILLISECOND, values[0][:40])
        opened = OPENED.set_cookie_flags("a", secure=True).set_cookie_flags(regex("^b"), httponly=True)
        self.assertEqual(kept(opened, "a=1; X", "b=1; X", "c=1; X"), ["a=1; X; Secure", "b=1; X; HttpOnly", "c=1; X"])

    def test_mistakes(self) -> None:
        """Rules are texts that a cookie can have, and flags are flags."""
        opened = location("/")
        for call, told in (
            (lambda: opened.rewrite_cookie_domain({}), "are no rules"),
            (lambda: opened.rewrite_cookie_path({"": "/"}), "neither a text nor a regex"),
            (lambda: opened.rewrite_cookie_path({"/": "/a; Domain=x"}), "cannot be a cookie's path"),
            (lambda: opened.rewrite_cookie_path({regex("/(a)"): r"/\2"}), "has no group 2"),
            (lambda: opened.set_cookie_flags("sid"), "sets nothing"),
            (lambda: opened.set_cookie_flags("s d", secure=True), "not the name of a cookie"),
            (lambda: opened.set_cookie_flags(samesite="Lax"), "samesite='Lax'"),  # type: ignore[arg-type]  # so
            (lambda: opened.set_cookie_flags(secure="on"), "secure='on'"),  # type: ignore[arg-type]  # what is tested
        ):
            self.assertIn(told, mistake(call)[0])

    def test_repr(self) -> None:
        """The repr is the code."""
        made = location("/").rewrite_cookie_domain({"a.in": "a.out"}).set_cookie_flags(samesite=False)
        self.assertEqual(
            repr(made), "location('/').rewrite_cookie_domain({'a.in': 'a.out'}).set_cookie_flags(samesite=False)"
        )
