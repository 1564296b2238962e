"""Tests of what may stand in ``via=``."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import upstream, upstream_tls
from pydsl_proxy.connectors.http1.connector import H1Connector
from pydsl_proxy.interfaces import Attempt, ConnectionPool, Dial
from tests.support.failing import mistake


@frozen
class InClear:
    """A connector that does not know of TLS."""

    over_tls = False

    def compile(self, home: ConnectionPool, dial: Dial) -> Callable[[Attempt], Callable[[], None]]:
        """None is made."""
        raise NotImplementedError


@frozen
class Shared(InClear):
    """A connector whose connections are used for several clients."""

    over_tls = True
    shares_connections = True


class Mutable(list[int]):
    """A connector that is not known by what it says."""

    def compile(self, home: ConnectionPool, dial: Dial) -> Callable[[Attempt], Callable[[], None]]:
        """None is made."""
        raise NotImplementedError


def function() -> InClear:
    """Makes a connector."""
    return InClear()


class ViaTests(SynchronousTestCase):
    """``upstream(…, via=…)``."""

    make = staticmethod(cast("Callable[..., object]", upstream))

    def test_taken(self) -> None:
        """A connector is kept, shown, and part of what the upstream is known by."""
        app = upstream("app", "a:1", via=InClear())
        self.assertEqual(app.via, InClear())
        self.assertEqual(repr(app), "upstream('app', 'a:1', via=InClear())")
        self.assertNotEqual(app, upstream("app", "a:1"))
        self.assertIsNone(upstream("app", "a:1", via=None).via)

    def test_not_called(self) -> None:
        """A class, or the function that makes one, has to be called."""
        for given in (InClear, function):
            message, hint = mistake(self.make, "app", "a:1", via=given)
            self.assertEqual(message, f"upstream('app', via=…): {given.__name__} is not called")
            self.assertEqual(hint, f"write via={given.__name__}()")

    def test_no_connector(self) -> None:
        """What has no compile is told for what it is."""
        for given in (True, "fastcgi", upstream_tls()):
            message, hint = mistake(self.make, "app", "a:1", via=given)
            self.assertEqual(message, f"upstream('app', via=…): {given!r} is not a connector")
            self.assertIn("has compile(home, dial)", str(hint))

    def test_unhashable(self) -> None:
        """A connector of one's own is frozen."""
        message, hint = mistake(self.make, "app", "a:1", via=Mutable())
        self.assertEqual(message, "upstream('app'): the connector [] cannot be hashed")
        self.assertIn("frozen", str(hint))

    def test_tls(self) -> None:
        """One that does not speak over TLS is refused where TLS is asked for; others are not asked."""
        for address, terms in (("https://a.test", None), ("a.test:443", upstream_tls())):
            message, hint = mistake(self.make, "app", address, via=InClear(), tls=terms)
            self.assertIn("InClear() does not speak over TLS", message)
            self.assertEqual(hint, "leave tls= out, and write addresses as host:port")
        upstream("app", "https://a.test", via=H1Connector())

    def test_announced(self) -> None:
        """A peer cannot be told of one client on a connection that carries the requests of several."""
        message, hint = mistake(self.make, "app", "a:1", via=Shared(), send_proxy_protocol=2)
        self.assertIn("with Shared() clients share connections", message)
        self.assertIn("X-Forwarded-For", str(hint))
        upstream("app", "a:1", via=Shared())
        upstream("app", "a:1", via=H1Connector(), send_proxy_protocol=2)
