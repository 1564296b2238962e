"""Tests of the PROXY protocol on a listener as users write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, server
from pydsl_proxy.config.checks.whole import check
from pydsl_proxy.config.servers import Server
from tests.support.failing import mistake

# What is of another type, past the type checker.
make = cast("Callable[..., object]", server)


def answering(*listen: int, senders: list[str] | None = None, name: str = "a") -> Server:
    """A server without mistakes."""
    return server(*listen, names=[name], proxy_protocol=senders).location("/").respond(200)


class SendersTests(SynchronousTestCase):
    """Who may speak it."""

    def test_list(self) -> None:
        """Addresses, networks, and UNIX sockets; none unless told."""
        made = server(80, proxy_protocol=["10.0.0.0/8", "::1", "unix:"])
        self.assertEqual(made.proxy_protocol, ("10.0.0.0/8", "::1", "unix:"))
        self.assertEqual(repr(made), "server(80, proxy_protocol=['10.0.0.0/8', '::1', 'unix:'])")
        self.assertEqual(server(80).proxy_protocol, ())
        self.assertEqual(server(80, proxy_protocol=iter(["::1"])).proxy_protocol, ("::1",))

    def test_mistakes(self) -> None:
        """nginx's and HAProxy's switch trusts everybody, so there is none; an empty list would trust nobody."""
        for given, message, hint in (
            (
                True,
                "any client that connects could claim any address",
                'name who may, as in proxy_protocol=["10.0.0.0/8"]',
            ),
            ("10.0.0.0/8", "must be a list", 'write proxy_protocol=["10.0.0.0/8"]'),
            (7, "must be a list", 'write proxy_protocol=["10.0.0.0/8"]'),
            ([], "nobody could connect", 'name who may, as in proxy_protocol=["10.0.0.0/8"], or leave it out'),
            (["10.0.0.1/8"], "has bits set", 'write "10.0.0.0/8" for the network, or "10.0.0.1" for the one address'),
        ):
            told = mistake(make, 80, proxy_protocol=given)
            self.assertIn(message, told[0])
            self.assertEqual(told[1], hint)

    def test_one_listener(self) -> None:
        """The header comes before a server can be chosen, so those of a listener agree; the order is nobody's."""
        first = answering(80, 81, senders=["10.0.0.1", "10.0.0.2"])
        same = answering(80, senders=["10.0.0.2", "10.0.0.1"], name="b")
        self.assertEqual(check(http(first, same)), [])
        for other in (None, ["10.0.0.1"]):
            (error,) = check(http(first, answering(80, 82, senders=other, name="b")))
            self.assertIn("the servers at 'tcp:80' differ in proxy_protocol=…", error.message)
