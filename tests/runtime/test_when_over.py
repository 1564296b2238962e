"""Tests of who hears that an exchange is over."""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import server
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.runtime.exchange import Exchange as LivingExchange
from pydsl_proxy.runtime.exchange import Watched
from pydsl_proxy.testing import run
from pydsl_proxy.wire.http.field_rules import FieldRules
from tests.support.messages import GET


@frozen
class Telling:
    """A step that notes its name when the exchange is over."""

    name: str
    told: list[str] = field(factory=list, hash=False)

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Ask to be told, and go on."""

        def tell(exchange: Exchange) -> None:
            exchange.when_over(lambda: self.told.append(self.name))
            inner(exchange)

        return tell


class BrokenSite:
    """A site whose log raises."""

    rules = plain_rules = FieldRules()

    def log(self, exchange: LivingExchange) -> None:
        """Raise."""
        raise ZeroDivisionError

    def run(self, exchange: LivingExchange, handle: Callable[[Exchange], None]) -> None:
        """Not asked for."""

    def locate(self, exchange: LivingExchange, path: bytes) -> None:
        """Not asked for."""


class EndTests(SynchronousTestCase):
    """``Exchange.when_over()``."""

    def test_order(self) -> None:
        """Each is told once, the last one first, before the client's next request."""
        told: list[str] = []
        web = server(80).step(Telling("outer", told)).location("/").step(Telling("inner", told)).proxy_to("a:1")
        client, peers = run(web)
        client.sends(GET)
        self.assertEqual(told, [])
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        self.assertEqual(told, ["inner", "outer"])
        client.closes()
        self.assertEqual(told, ["inner", "outer"])

    def test_left(self) -> None:
        """A client that leaves ends the exchange."""
        telling = Telling("a")
        client, _ = run(server(80).step(telling).location("/").proxy_to("a:1"))
        client.sends(GET)
        client.closes()
        self.assertEqual(telling.told, ["a"])

    def test_broken_log(self) -> None:
        """An exchange that ends twice, because its log raises, is over once."""
        told: list[str] = []
        watched = Watched(BrokenSite(), lambda: told.append("a"))
        for _ in range(2):
            self.assertRaises(ZeroDivisionError, watched.log, None)
        self.assertEqual(told, ["a"])
