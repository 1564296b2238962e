"""Tests of the verbs that say who may pass."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

import pydsl_proxy
from pydsl_proxy import http, server, upstream
from pydsl_proxy.config.features import merged, steps_of
from pydsl_proxy.config.locations import OpenLocation
from pydsl_proxy.config.servers import Server
from pydsl_proxy.config.upstreams import alone
from pydsl_proxy.features.access.access_rules import AccessRules
from pydsl_proxy.features.access.auth_request import AuthRequest
from pydsl_proxy.features.access.basic_auth import BasicAuth
from pydsl_proxy.features.access.guards import AnyGuard
from pydsl_proxy.features.access.satisfy import SatisfyMode
from pydsl_proxy.features.limits.limit_body import LimitBody
from pydsl_proxy.interfaces import Step
from tests.support.failing import mistake
from tests.support.places import place


def steps(*scopes: Server | OpenLocation[Server]) -> tuple[Step, ...]:
    """The steps of scopes in each other, the outermost first."""
    return steps_of(merged(*scopes))


class SpellingTests(SynchronousTestCase):
    """A scope's repr is the code that made it."""

    def test_eval(self) -> None:
        """Rules that follow each other in one scope are one feature, written as they were."""
        for code in (
            "server(80).allow('10.0.0.0/8', 'unix:').deny('all')",
            "server(80).deny('::/0').satisfy('any').basic_auth('/f', realm='Staff', allow_sha1=True)",
            "server(80).basic_auth(None).auth_request(None)",
            "server(80).auth_request(upstream('auth', 'a:1', 'b:1'), path='/v?x', copy=['X-User'], timeout=5,"
            " pass_reply=True, pass_cookies=True)",
        ):
            names = {name: getattr(pydsl_proxy, name) for name in pydsl_proxy.__all__}
            self.assertEqual(repr(eval(code, names)), code)
        apart = server(80).allow("10.0.0.0/8").limit_body(1).deny("all")
        self.assertEqual(repr(apart), "server(80).allow('10.0.0.0/8').deny('all').limit_body(1)")

    def test_addresses(self) -> None:
        """An address and a URL stand for an upstream of one peer."""
        for given, peer, path in (
            ("127.0.0.1:9091", "127.0.0.1:9091", None),
            ("unix:/run/auth.sock", "unix:/run/auth.sock", None),
            ("http://auth:9091/verify?a=b", "auth:9091", "/verify?a=b"),
            ("HTTP://auth", "auth:80", None),
            ("http://[::1]?x", "[::1]:80", "/?x"),
        ):
            (feature,) = place().auth_request(given).features
            assert isinstance(feature, AuthRequest)
            self.assertEqual(feature.upstream, upstream(peer, peer))
            self.assertEqual(feature.path, path)
        (feature,) = place().auth_request("https://auth/verify").features
        assert isinstance(feature, AuthRequest)
        self.assertEqual(feature.upstream, alone("https://auth"))


class MistakeTests(SynchronousTestCase):
    """What is refused where it is written."""

    def test_networks(self) -> None:
        """What is no network, or would never have a client in it."""
        for given, why, hint in (
            ("10.0.0.1/8", "has bits set behind its mask", 'write "10.0.0.0/8" for the network, or "10.0.0.1" for'),
            (
                "2001:db8::1/32",
                "has bits set behind its mask",
                'write "2001:db8::/32" for the network, or "2001:db8::1"',
            ),
            ("10.0.0.0/33", "is not an address or a network", 'write an address, a network such as "10.0.0.0/8", "'),
            ("localhost", "is not an address or a network", 'write an address, a network such as "10.0.0.0/8", "'),
            ("unix:/run/a", "is not an address or a network", 'write an address, a network such as "10.0.0.0/8", "'),
            ("::ffff:10.0.0.0/104", "is IPv4 inside IPv6, and such clients count as IPv4", 'write "10.0.0.0/8"'),
            ("::ffff:10.0.0.1", "is IPv4 inside IPv6, and such clients count as IPv4", 'write "10.0.0.1"'),
        ):
            for verb, call in (("allow", place().allow), ("deny", place().deny)):
                message, told = mistake(call, given)
                self.assertEqual(message, f"{verb}(): {given!r} {why}")
                self.assertTrue((told or "").startswith(hint), told)
        self.assertIn("IPv4 inside", mistake(http, server(80), trusted_proxies=["::ffff:10.0.0.1"])[0])

    def test_calls(self) -> None:
        """No network, a list of them, or something else."""
        self.assertEqual(mistake(place().deny)[0], "deny(): no network is given")
        self.assertEqual(mistake(place().allow, cast("str", ["10.0.0.1"]))[1], 'write allow("10.0.0.1")')
        self.assertEqual(mistake(place().allow, cast("str", 5))[0], "allow(): 5 is not a string")

    def test_unreachable(self) -> None:
        """A rule behind one for everybody never counts."""
        message, hint = mistake(place().deny("all").allow, "10.0.0.0/8")
        self.assertIn("allow('10.0.0.0/8') never counts: deny('all') stands before it", message)
        self.assertEqual(hint, "write .allow('10.0.0.0/8').deny('all')")

    def test_basic_auth(self) -> None:
        """What is no path, and what cannot stand in a challenge."""
        for given in ("", "a\0b", b"a", 5):
            self.assertIn("is not a path", mistake(place().basic_auth, cast("str", given))[0])
        for realm in ("a\r\nSet-Cookie: b", "\t", "Büro", b"x"):
            self.assertIn("a realm is visible ASCII", mistake(place().basic_auth, "/f", realm=cast("str", realm))[0])

    def test_asked(self) -> None:
        """What is no upstream, no address and no URL."""
        for given, why in (
            (5, "is not an upstream"),
            ("auth", "has no port"),
            ("ftp://auth/", "is a URL"),
            ("http://auth:x/", "is not a port number"),
            ("http://user@auth/", "is not a host name"),
        ):
            self.assertIn(why, mistake(place().auth_request, cast("str", given))[0])

    def test_path(self) -> None:
        """A path is what can stand in a request line."""
        for path in ("verify", "/a b", "/a\r\nX: y", "/é", "/a#b", ""):
            self.assertIn("begins with a slash", mistake(place().auth_request, "a:1", path=path)[0])
        self.assertIn("has a path too", mistake(place().auth_request, "http://a/b", path="/c")[0])

    def test_copied(self) -> None:
        """Names that are none, and fields that no other server may set."""
        for names, why in (
            (["X User"], "is not a header name"),
            (["X-User:"], "is not a header name"),
            (["X_User"], "names with an underscore are not sent"),
            (["Content-Length"], "is not for the server that is asked"),
            (["host"], "is not for the server that is asked"),
            (["Connection"], "is not for the server that is asked"),
            (["X-Forwarded-For"], "is not for the server that is asked"),
            (["X-User", "x-user"], "stands twice"),
        ):
            self.assertIn(why, mistake(place().auth_request, "a:1", copy=names)[0])
        self.assertEqual(mistake(place().auth_request, "a:1", copy="X-User")[1], 'write copy=["X-User"]')
        self.assertIn("timeout", mistake(place().auth_request, "a:1", timeout=0)[0])

    def test_satisfy(self) -> None:
        """One of two words."""
        self.assertEqual(mistake(place().satisfy, cast("SatisfyMode", "one"))[0], "satisfy(): 'one' is neither")

    def test_source(self) -> None:
        """The field that tells the client's address is one of three, and somebody's word must count."""
        web = server(80).location("/").respond(200)
        message, hint = mistake(http, web, trusted_proxies=["10.0.0.1"], client_address_from="cf-connecting-ip")
        self.assertIn("tells no client's address", message)
        self.assertEqual(hint, "write 'x-forwarded-for', 'x-real-ip' or 'forwarded'")
        self.assertIn("without trusted_proxies", mistake(http, web, client_address_from="X-Real-IP")[0])


class CombinedTests(SynchronousTestCase):
    """What the guards of several scopes come to."""

    def test_rules(self) -> None:
        """All rules are one step where the first of them stands, those of the inner scope first."""
        outer, inner = server(80).deny("10.0.0.1").limit_body(1), place().allow("10.0.0.0/8").deny("10.0.0.2")
        first, second = steps(outer, inner)
        assert isinstance(first, AccessRules)
        self.assertEqual(first.as_verb(), "allow('10.0.0.0/8').deny('10.0.0.2').deny('10.0.0.1')")
        self.assertIsInstance(second, LimitBody)

    def test_inner(self) -> None:
        """An inner password or question takes the place of an outer one."""
        outer, inner = server(80).basic_auth("/a").auth_request("a:1"), place().basic_auth("/b").auth_request("b:1")
        self.assertEqual(steps(outer, inner), (BasicAuth("/b"), *steps(inner)[1:]))

    def test_vouched(self) -> None:
        """Names that any scope has copied are never the client's, also where another server is asked, or none."""
        outer = server(80).auth_request("a:1", copy=["X-User"])
        for inner in (place().auth_request("b:1", copy=["X-Groups"]), place().auth_request(None)):
            step = steps(outer, inner)[-1]
            assert isinstance(step, AuthRequest)
            self.assertIn("X-User", step.vouched)

    def test_any(self) -> None:
        """Where one is enough they are one step, in which steps between have no part."""
        outer = server(80).satisfy("any").basic_auth("/a").limit_body(1)
        inner = place().auth_request("a:1").allow("10.0.0.1")
        first, second = steps(outer, inner)
        assert isinstance(first, AnyGuard)
        self.assertEqual([type(each) for each in first.guards], [BasicAuth, AuthRequest, AccessRules])
        self.assertIsInstance(second, LimitBody)
        self.assertEqual(len(steps(outer, inner.satisfy("all"))), 4)
        self.assertEqual(steps(place().satisfy("any")), ())
