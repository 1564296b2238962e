"""Tests of upstreams and their peers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import least_conn, peer, round_robin, upstream, upstream_tls
from pydsl_proxy.config.addresses import TcpAddress
from pydsl_proxy.config.upstreams import Peer, alone
from pydsl_proxy.interfaces import PeerState, Pick
from tests.support.failing import mistake


def text(wrong: object) -> str:
    """What is no string, past the type checker."""
    return cast("str", wrong)


class UpstreamTests(SynchronousTestCase):
    """What an upstream is made of."""

    def test_defaults(self) -> None:
        """Round robin, and nginx's numbers; 32 idle connections are kept to each peer."""
        app = upstream("app", "a:1", "b:1")
        self.assertEqual(app.strategy, round_robin())
        self.assertEqual([each.address for each in app.peers], ["a:1", "b:1"])
        self.assertEqual((app.keepalive, app.keepalive_timeout), (32, 60))
        self.assertEqual((app.keepalive_requests, app.keepalive_time), (1000, 3600))

    def test_strategy(self) -> None:
        """A strategy stands between the name and the peers."""
        app = upstream("app", least_conn(), "a:1", peer("b:1", weight=2))
        self.assertEqual(app.strategy, least_conn())
        self.assertEqual(app.peers, (peer("a:1"), peer("b:1", weight=2)))

    def test_unhashable(self) -> None:
        """A strategy of one's own is frozen: upstreams are known by what they say."""

        class Own(list[int]):
            """Compiles to nothing."""

            def compile(self, peers: Sequence[PeerState], random: Random) -> Pick:
                """No choice."""
                return lambda exchange, tried, /: None

        message, hint = mistake(upstream, "app", Own(), "a:1")
        self.assertIn("cannot be hashed", message)
        self.assertIn("frozen", str(hint))

    def test_alone(self) -> None:
        """An address stands for an upstream of its own."""
        self.assertEqual(alone("a:1"), upstream("a:1", "a:1"))

    def test_mistakes(self) -> None:
        """Each common slip has its own words, and what to write instead."""
        called: Callable[[], object] = least_conn
        for arguments, message, hint in (
            (("app",), "upstream 'app' has no peers", 'write upstream("app", "127.0.0.1:9000")'),
            (("app", least_conn()), "upstream 'app' has no peers", 'write upstream("app", "127.0.0.1:9000")'),
            (("app", ["a:1"]), "upstream('app'): the peers are in a list", "write upstream('app', \"a:1\")"),
            (("app", called, "a:1"), "upstream('app'): least_conn is not called", "write least_conn()"),
            (
                ("app", "a:1", least_conn()),
                "upstream('app'): least_conn() stands after a peer",
                "write the strategy right after the name",
            ),
            (("app", 9000), "upstream('app'): 9000 is not a peer", 'write "host:port" or peer("host:port", …)'),
            (
                ("a:1", "b:1"),
                "upstream(): 'a:1' is an address; the first argument is the name",
                'write upstream("app", "a:1", \'b:1\')',
            ),
            ((9000, "a:1"), "upstream(): the name must be a string, not 9000", 'write upstream("app", …)'),
            (("", "a:1"), "upstream(): '' is not a name", 'write upstream("app", …)'),
            (
                ("app", "a:1", "a:1"),
                "upstream 'app': a:1 stands twice",
                'write it once, as peer("a:1", weight=2) for two shares',
            ),
            (
                ("app", peer("a:1", down=True)),
                "upstream 'app': every peer is down",
                "leave down=True out of one of them",
            ),
            (
                ("app", peer("a:1", backup=True)),
                "upstream 'app': every peer is a backup",
                "leave backup=True out of one of them",
            ),
        ):
            self.assertEqual(mistake(cast("Callable[..., object]", upstream), *arguments), (message, hint))

    def test_options(self) -> None:
        """The numbers are checked."""
        self.assertIn("keepalive=…) must be 0", mistake(upstream, "app", "a:1", keepalive=-1)[0])
        self.assertIn("keepalive_timeout=…) must be", mistake(upstream, "app", "a:1", keepalive_timeout=0)[0])
        self.assertIn("keepalive_requests=…) must be 1", mistake(upstream, "app", "a:1", keepalive_requests=0)[0])
        self.assertIn("keepalive_time=…) must be", mistake(upstream, "app", "a:1", keepalive_time=0)[0])


class TlsTests(SynchronousTestCase):
    """TLS to the peers of an upstream."""

    def test_urls(self) -> None:
        """Addresses that are URLs ask for TLS with what is usual: the name in each, the system's authorities."""
        made = upstream("app", "https://a.test", peer("https://b.test:8443", weight=2))
        self.assertEqual(made, upstream("app", "a.test:443", peer("b.test:8443", weight=2), tls=upstream_tls()))
        self.assertEqual(repr(made), "upstream('app', 'a.test:443', peer('b.test:8443', weight=2), tls=upstream_tls())")
        self.assertEqual(alone("https://a.test"), upstream("a.test:443", "a.test:443", tls=upstream_tls()))
        self.assertEqual(repr(peer("https://a.test", weight=2)), "peer('https://a.test:443', weight=2)")

    def test_terms(self) -> None:
        """Beside terms of one's own a URL is only another spelling."""
        terms = upstream_tls(ca="ca.pem")
        self.assertEqual(upstream("app", "https://a.test", "b.test:1", tls=terms).tls, terms)

    def test_mixed(self) -> None:
        """Without them all the addresses speak alike."""
        message, hint = mistake(upstream, "app", "https://a.test", "b.test:1")
        self.assertEqual(message, "upstream('app'): some addresses begin with https:// and 'b.test:1' does not")
        self.assertEqual(hint, "write tls=upstream_tls() for TLS to all of them, or make two upstreams")

    def test_unix(self) -> None:
        """A path names nobody whose certificate could be expected."""
        message, hint = mistake(upstream, "app", "unix:/run/app.sock", tls=upstream_tls())
        self.assertIn("unix:/run/app.sock does not say for whom", message)
        self.assertEqual(hint, 'write tls=upstream_tls(name="app.example.com")')
        upstream("app", "unix:/run/app.sock", tls=upstream_tls(name="app.test"))
        upstream("app", "unix:/run/app.sock", tls=upstream_tls(verify=False))

    def test_mistakes(self) -> None:
        """The value is one that is made by upstream_tls()."""
        make = cast("Callable[..., object]", upstream)
        for given, told in ((True, "True is not made"), (upstream_tls, "upstream_tls is not called")):
            message, hint = mistake(make, "app", "a:1", tls=given)
            self.assertIn(told, message)
            self.assertEqual(hint, "write tls=upstream_tls()")
        self.assertIn("'ca.pem' is not made", mistake(make, "app", "a:1", tls="ca.pem")[0])


class SendProxyProtocolTests(SynchronousTestCase):
    """The PROXY protocol towards peers."""

    def test_versions(self) -> None:
        """There are two."""
        self.assertEqual(upstream("app", "a:1", send_proxy_protocol=1).send_proxy_protocol, 1)
        self.assertEqual(
            repr(upstream("app", "a:1", send_proxy_protocol=2)), "upstream('app', 'a:1', send_proxy_protocol=2)"
        )
        self.assertIsNone(upstream("app", "a:1").send_proxy_protocol)
        make = cast("Callable[..., object]", upstream)
        for given in (True, 3, 0, "v2", "1"):
            message, hint = mistake(make, "app", "a:1", send_proxy_protocol=given)
            self.assertEqual(message, f"upstream(send_proxy_protocol=…) is a version, 1 or 2, not {given!r}")
            self.assertEqual(hint, "write send_proxy_protocol=2")


class PeerTests(SynchronousTestCase):
    """One address, with nginx's parameters."""

    def test_defaults(self) -> None:
        """nginx's: weight 1, max_fails 1, fail_timeout 10, no limit of connections."""
        made = peer("[::1]:80")
        self.assertEqual(made, Peer("[::1]:80", weight=1, max_fails=1, fail_timeout=10, max_conns=None))
        self.assertFalse(made.backup or made.down)
        self.assertEqual(made.endpoint, TcpAddress("::1", 80))

    def test_mistakes(self) -> None:
        """The numbers are checked, and name the peer."""
        self.assertEqual(mistake(peer, "a:1", weight=0)[0], "peer('a:1', weight=…) must be 1 or more, not 0")
        self.assertEqual(mistake(peer, "a:1", max_fails=-1)[0], "peer('a:1', max_fails=…) must be 0 or more, not -1")
        self.assertIn("fail_timeout=…) must be more", mistake(peer, "a:1", fail_timeout=0)[0])
        self.assertEqual(mistake(peer, "a:1", max_conns=0)[1], "leave it out for no limit")
        self.assertIn("max_conns=…) must be 1", mistake(peer, "a:1", max_conns=-1)[0])
        self.assertIn("must be a string, not 9000", mistake(peer, text(9000))[0])
