"""Tests of the warning about ``allow()`` that keeps nobody out."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import Server, Stream, http, server, stream
from pydsl_proxy.config.checks.access import check_access


def hints(*every: Server | Stream) -> list[str | None]:
    """The hints of all warnings."""
    found = list(check_access(http(*every)))
    assert all(each.warning for each in found)
    return [each.hint for each in found]


class AccessCheckTests(SynchronousTestCase):
    """Which ``allow()`` needs a ``deny()``."""

    def test_alone(self) -> None:
        """Without a deny() a client that no rule has passes."""
        hint = "write .allow('10.0.0.0/8').deny(\"all\")"
        self.assertEqual(hints(server(80).location("/").allow("10.0.0.0/8").respond(200)), [hint])
        self.assertEqual(hints(server(80).allow("10.0.0.0/8").location("/").respond(200)), [hint])
        self.assertEqual(hints(stream(80).allow("10.0.0.0/8").proxy_to("127.0.0.1:9000")), [hint])
        several = server(80).allow("10.0.0.0/8").location("/").respond(200).location("/a").respond(200)
        self.assertEqual(hints(several), [hint])

    def test_together(self) -> None:
        """A deny() of the same scope, of one around it or of one in it gives it a meaning."""
        for web in (
            server(80).allow("10.0.0.0/8").deny("all").location("/").respond(200),
            server(80).deny("all").location("/").allow("10.0.0.0/8").respond(200),
            server(80).allow("10.0.0.0/8").location("/").deny("192.0.2.0/24").respond(200),
            server(80).deny("all").location("/").allow("all").respond(200),
            server(80).allow("all").location("/").respond(200),
        ):
            self.assertEqual(hints(web), [])
        self.assertEqual(list(check_access(http(web, access_log=None).allow("10.0.0.0/8").deny("all"))), [])

    def test_any(self) -> None:
        """With satisfy("any") a client that no rule has needs a password, if one is asked for."""
        web = server(80).allow("10.0.0.0/8").satisfy("any")
        self.assertEqual(hints(web.basic_auth("users").location("/").respond(200)), [])
        self.assertEqual(hints(web.auth_request("a:1").location("/").respond(200)), [])
        self.assertEqual(len(hints(web.location("/").respond(200))), 1)
        both = server(80).allow("10.0.0.0/8").basic_auth("users").location("/").respond(200)
        self.assertEqual(len(hints(both)), 1)
