"""Reloads of large configurations: they are compiled in many turns, and put in force as a whole."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, location, server
from pydsl_proxy.config.servers import Http
from pydsl_proxy.errors import ConfigErrors
from pydsl_proxy.testing import Running, run

NUMBER = 600


def large(says: str, *, users: str | None = None) -> Http:
    """Many locations that answer alike."""
    places = [location(f"/{number}/").respond(200, says) for number in range(NUMBER)]
    web = server(80).including(*places)
    if users is not None:
        web = web.location("/users").basic_auth(users).respond(200)
    return http(web, access_log=None)


def said(running: Running) -> bytes:
    """What a new client is answered."""
    client = running.client()
    client.sends(f"GET /{NUMBER - 1}/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    return client.received.rpartition(b"\r\n")[2]


class LargeTests(SynchronousTestCase):
    """A reload that takes more than one turn."""

    def setUp(self) -> None:
        """A large configuration at work, and a reload of it under way."""
        self.running = run(large("old"))
        self.before = self.running.service.config
        self.reloading = self.reload("new")
        self.assertNoResult(self.reloading)

    def reload(self, says: str, *, users: str | None = None) -> Deferred[None]:
        """Ask for another configuration."""
        return self.running.service.reload(large(says, users=users))

    def test_traffic(self) -> None:
        """The old one is in force until the new one is whole."""
        self.assertIs(self.running.service.config, self.before)
        self.running.clock.settle()
        self.assertIsNone(self.successResultOf(self.reloading))
        self.assertEqual(said(self.running), b"new")

    def test_next(self) -> None:
        """What is asked for meanwhile follows, and the last one is in force."""
        others = [self.reload("newer"), self.reload("newest")]
        self.running.clock.settle()
        for each in (self.reloading, *others):
            self.assertIsNone(self.successResultOf(each))
        self.assertEqual(said(self.running), b"newest")

    def test_mistakes(self) -> None:
        """Mistakes that are found late are what the Deferred fails with, and the next reload is tried all the same."""
        wrong = self.reload("wrong", users="/nowhere/users")
        after = self.reload("after")
        self.running.clock.settle()
        self.failureResultOf(wrong, ConfigErrors)
        self.assertIsNone(self.successResultOf(after))
        self.assertEqual(said(self.running), b"after")

    def test_only_mistakes(self) -> None:
        """All or nothing."""
        self.running.clock.settle()
        wrong = self.reload("wrong", users="/nowhere/users")
        self.running.clock.settle()
        self.failureResultOf(wrong, ConfigErrors)
        self.assertEqual(said(self.running), b"new")

    def test_stop(self) -> None:
        """A stop does not wait for it, and nothing is changed any more."""
        waiting = self.reload("newer")
        config = self.running.service.config
        self.running.stop()
        self.assertTrue(self.running.is_stopped)
        for each in (self.reloading, waiting):
            self.assertIsNone(self.successResultOf(each))
        self.assertIs(self.running.service.config, config)
