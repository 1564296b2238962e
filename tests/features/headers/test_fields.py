"""Tests of the verbs for header fields."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import host, http, location, server
from pydsl_proxy.config.features import merged, request_rules, response_rules
from tests.support.failing import mistake


class RulesTests(SynchronousTestCase):
    """How the rules of scopes within scopes add up."""

    def test_inner_scopes_add(self) -> None:
        """What an inner scope sets does not drop what outer ones set."""
        place = location("/").set_response_header("X-C", "3").respond(200)
        web = server(80).set_response_header("X-B", "2").including(place)
        whole = http(web).set_response_header("X-A", "1")
        rules = response_rules(merged(whole, web, place))
        self.assertEqual(rules, ((b"x-a", b"X-A", "1"), (b"x-b", b"X-B", "2"), (b"x-c", b"X-C", "3")))

    def test_inner_wins_for_one_name(self) -> None:
        """A name in any case is one name; the innermost says how it is written."""
        place = location("/").hide_response_header("x-a").set_response_header("X-b", host).respond(200)
        web = server(80).set_response_header("X-A", "1").set_response_header("X-B", "1").including(place)
        self.assertEqual(response_rules(merged(web, place)), ((b"x-a", b"x-a", None), (b"x-b", b"X-b", host)))

    def test_sides_are_apart(self) -> None:
        """Requests and responses have their own rules."""
        features = server(80).set_request_header("A", "1").remove_request_header("B").hide_response_header("C").features
        self.assertEqual(request_rules(features), ((b"a", b"A", "1"), (b"b", b"B", None)))
        self.assertEqual(response_rules(features), ((b"c", b"C", None),))

    def test_same_wherever(self) -> None:
        """What two lines ask for is the same if their words are; where they are is not shown."""
        for first, second in (
            (server(80).remove_request_header("B"), server(80).remove_request_header("B")),
            (server(80).hide_response_header("C"), server(80).hide_response_header("C")),
            (server(80).set_request_header("A", "1"), server(80).set_request_header("A", "1")),
        ):
            self.assertEqual(first.features, second.features)
            self.assertNotIn("origin", repr(first.features))


class MistakesTests(SynchronousTestCase):
    """Names and values that no head can have, or that are not the user's to set."""

    def test_names(self) -> None:
        """A header name is a token."""
        web = server(80)
        self.assertEqual(
            mistake(web.set_request_header, "X-A:", "1"),
            ("set_request_header(): 'X-A:' is not a header name (RFC 9110 5.1)", 'write "X-A"'),
        )
        self.assertEqual(mistake(web.hide_response_header, " X-A ")[1], 'write "X-A"')
        self.assertIn("hide_response_header(): 'a b' is not", mistake(web.hide_response_header, "a b")[0])
        self.assertIn("is not a header name", mistake(web.remove_request_header, "")[0])
        self.assertIn("must be a string", mistake(web.remove_request_header, cast("str", b"x"))[0])

    def test_the_proxys_own(self) -> None:
        """Framing and hop-by-hop fields are written by the proxy."""
        web = server(80)
        for name in ("Content-Length", "transfer-encoding", "Trailer"):
            self.assertIn("says where the message ends", mistake(web.set_response_header, name, "1")[0])
        for name in ("Connection", "keep-alive", "TE", "Upgrade", "Proxy-Connection"):
            self.assertIn("is for one connection only", mistake(web.remove_request_header, name)[0])

    def test_host(self) -> None:
        """A request has a Host, which may be set; a response has none."""
        self.assertEqual(len(server(80).set_request_header("Host", "a").features), 1)
        self.assertEqual(
            mistake(server(80).remove_request_header, "host")[1], 'set it: .set_request_header("Host", "…")'
        )
        self.assertIn("a response has no Host", mistake(server(80).set_response_header, "Host", "a")[0])

    def test_values(self) -> None:
        """A value has no line end, and is a text, a value, or a function."""
        web = server(80)
        self.assertIn("has a line end", mistake(web.set_request_header, "A", "b\r\nc: d")[0])
        self.assertIn("5 (int) is no value", mistake(web.set_request_header, "A", cast("str", 5))[0])
        self.assertIn("was cut or changed", mistake(web.set_request_header, "A", f"{host}".upper())[0])
