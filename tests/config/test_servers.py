"""Tests of servers and of the whole."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, location, regex, server
from pydsl_proxy.config.locations import Location
from pydsl_proxy.config.matching import as_server_name
from pydsl_proxy.config.servers import AccessLog, Server
from pydsl_proxy.config.tls.server import Tls
from tests.support.failing import mistake

web = server(80).location("/").respond(200)


class Log:
    """A user's access log."""

    def compile(self) -> None:
        """Nothing that these tests run."""


class ServerTests(SynchronousTestCase):
    """Listeners and names."""

    def test_made(self) -> None:
        """Ports become endpoint strings, texts names."""
        made = server(80, "unix:/a", names=["Example.com", regex("^x")])
        self.assertEqual(made.listen, ("tcp:80", "unix:/a"))
        self.assertEqual(made.names, (as_server_name("example.com"), as_server_name(regex("^x"))))

    def test_mistakes(self) -> None:
        """What is no list, or no location."""
        self.assertEqual(
            mistake(server, 80, names="a"), ("server(names=…) must be a list, not 'a'", 'write names=["a"]')
        )
        self.assertEqual(mistake(server, 80, "tcp:80"), ("server(): 'tcp:80' stands twice", "write it once"))
        self.assertIn("is not made by tls()", mistake(server, 80, tls=cast("Tls", True))[0])

    def test_including_mistakes(self) -> None:
        """What is included is a location with a handler."""
        opened = location("/a")
        for wrong, message in (
            (opened, "location('/a') has no handler"),
            ([opened], "the locations are in a list"),
            (web, "is not a location"),
        ):
            self.assertIn(message, mistake(server(80).including, cast("Location", wrong))[0])


class HttpTests(SynchronousTestCase):
    """What holds for all servers."""

    def test_access_log(self) -> None:
        """The standard output unless told; False is no log, True is the default."""
        self.assertEqual(http(web).access_log, "-")
        self.assertEqual(http(web, access_log=True).access_log, "-")
        self.assertEqual(http(web, access_log=Path("/a")).access_log, "/a")
        self.assertEqual((http(web, access_log=None).access_log, http(web, access_log=False).access_log), (None, None))
        self.assertIs(http(web, access_log=(log := Log())).access_log, log)
        for wrong in ("", 5, Log, b"a"):
            self.assertIn("is not a path", mistake(http, web, access_log=cast("AccessLog", wrong))[0])

    def test_grace(self) -> None:
        """Seconds; 0 ends at once."""
        self.assertEqual(http(web, shutdown_grace=0).shutdown_grace, 0)
        self.assertIn("shutdown_grace=…) must be 0 or more", mistake(http, web, shutdown_grace=-1)[0])

    def test_loop_lag(self) -> None:
        """Seconds, or None."""
        self.assertEqual((0.25, None), (http(web).loop_lag, http(web, loop_lag=None).loop_lag))
        self.assertIn("loop_lag=…) must be more than 0", mistake(http, web, loop_lag=0)[0])

    def test_mistakes(self) -> None:
        """What is no server."""
        self.assertEqual(mistake(http)[0], "http() without a server")
        for wrong, message in (
            (server(80).location("/a"), "location('/a') has no handler"),
            (location("/a").respond(200), "is a location, not a server"),
            ([web], "the servers are in a list"),
            (5, "5 is not a server"),
        ):
            self.assertIn(message, mistake(http, cast("Server", wrong))[0])


class TrustedProxiesTests(SynchronousTestCase):
    """Whose forwarding fields are believed."""

    def test_taken(self) -> None:
        """Addresses, networks, and clients at Unix sockets."""
        given = ("10.0.0.0/8", "127.0.0.1", "::1", "fd00::/8", "unix:")
        self.assertEqual(http(web, trusted_proxies=list(given)).trusted_proxies, given)

    def test_mistakes(self) -> None:
        """A network with bits behind its mask is ambiguous."""
        self.assertEqual(
            mistake(http, web, trusted_proxies=["10.0.0.1/8"]),
            (
                "http(trusted_proxies=…): '10.0.0.1/8' has bits set behind its mask",
                'write "10.0.0.0/8" for the network, or "10.0.0.1" for the one address',
            ),
        )
        self.assertIn("is not an address or a network", mistake(http, web, trusted_proxies=["lb"])[0])
        self.assertIn("5 is not a string", mistake(http, web, trusted_proxies=[cast("str", 5)])[0])
        self.assertEqual(mistake(http, web, trusted_proxies="::1")[1], 'write trusted_proxies=["::1"]')
