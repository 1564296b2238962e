"""Tests of who the client is, and how the next hop is told."""

from __future__ import annotations

from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.connection.forwarded import MAX_HOPS, Identity, Source, TrustedProxies
from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http1.reader import read_request_fields

HOP = Identity("10.0.0.1", 40000, "http", 8080)
TRUSTED = TrustedProxies([ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")])


def believed(*lines: bytes, trusted: TrustedProxies = TRUSTED, hop: Identity = HOP) -> Identity:
    """The client behind the trusted proxy by what these fields say."""
    return trusted.believe(hop, read_request_fields(b"".join(b"\r\n" + line for line in (b"Host: h", *lines)), 100))


def trusted_by(source: Source) -> TrustedProxies:
    """The same proxies, of which another field is believed."""
    return TrustedProxies([ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")], source=source)


def told(identity: Identity) -> dict[bytes, bytes]:
    """What the next hop is told."""
    return dict(identity.pairs)


class IdentityTests(SynchronousTestCase):
    """A client's own connection."""

    def test_own(self) -> None:
        """The address of the connection, whatever the client says itself; the host follows from the request."""
        identity = Identity("192.0.2.1", 40000, "https", 443)
        self.assertEqual(
            identity.tail,
            b"\r\nX-Real-IP: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n\r\n",
        )
        self.assertFalse(identity.believed)
        self.assertEqual((identity.port, identity.server_port, identity.scheme), (40000, 443, "https"))

    def test_behind(self) -> None:
        """What a trusted proxy said goes on, the host too, unless it has none."""
        identity = Identity("192.0.2.1", 40000, "http", 80, b"192.0.2.1, 10.0.0.1", b"example.com")
        self.assertTrue(identity.tail.endswith(b"\r\nX-Forwarded-Host: example.com\r\n\r\n"))
        self.assertIn(b"\r\nX-Forwarded-For: 192.0.2.1, 10.0.0.1\r\n", identity.tail)
        self.assertTrue(identity.believed)
        identity = Identity("192.0.2.1", 40000, "http", 80, b"", b"")
        self.assertTrue(identity.believed)
        self.assertNotIn(b"X-Forwarded-Host", identity.tail)

    def test_without(self) -> None:
        """A location may set or remove any of them itself."""
        names = frozenset((b"x-real-ip", b"x-forwarded-for", b"a"))
        self.assertEqual(HOP.without(names), b"\r\nX-Forwarded-Proto: http\r\n\r\n")

    def test_ipv4_within_ipv6(self) -> None:
        """It is IPv4, on both ends."""
        identity = Identity("::ffff:192.0.2.1", 1, "http", 80, server_address="::ffff:a00:1")
        self.assertEqual((identity.address, identity.server_address), ("192.0.2.1", "10.0.0.1"))
        self.assertIn(b"X-Real-IP: 192.0.2.1\r\n", identity.tail)
        for address in ("2001:db8::1", "unix:", "192.0.2.1", "::ffff:name"):
            self.assertEqual(Identity(address, 1, "http", 80).address, address)


class TrustTests(SynchronousTestCase):
    """Whose fields are believed."""

    def test_networks(self) -> None:
        """Those in the networks, also as IPv4 within IPv6, and in no other form than an address."""
        for address, trusts in (
            ("10.1.2.3", True),
            ("11.1.2.3", False),
            ("::ffff:10.1.2.3", True),
            ("2001:db8::1", True),
            ("2001:db9::1", False),
            ("fe80::1%eth0", False),
            ("name", False),
            ("", False),
            ("unix:", False),
        ):
            self.assertIs(TRUSTED.trusts(address), trusts, address)

    def test_unix(self) -> None:
        """UNIX sockets are trusted if that is said."""
        trusted = TrustedProxies([], True)
        self.assertEqual([trusted.trusts(address) for address in ("unix:", "", "127.0.0.1")], [True, True, False])


class BelieveTests(SynchronousTestCase):
    """What a trusted proxy says of its client."""

    def test_from_the_right(self) -> None:
        """The first address from the right that is no trusted proxy: what stands left of it the client wrote itself."""
        for chain, address in (
            (b"192.0.2.1", "192.0.2.1"),
            (b"203.0.113.9, 192.0.2.1", "192.0.2.1"),
            (b"203.0.113.9, 192.0.2.1, 10.2.2.2,10.3.3.3", "192.0.2.1"),
            (b"10.2.2.2, 10.3.3.3", "10.2.2.2"),
            (b"192.0.2.1:4711", "192.0.2.1"),
            (b"[2001:db9::1]:4711", "2001:db9::1"),
            (b"2001:db9::1", "2001:db9::1"),
            (b"::ffff:192.0.2.1", "192.0.2.1"),
            (b"192.0.2.1, unknown, 10.2.2.2", "10.2.2.2"),
            (b"unknown", "10.0.0.1"),
            (b"192.0.2.1, ,", "192.0.2.1"),
        ):
            self.assertEqual(believed(b"X-Forwarded-For: " + chain).address, address, chain)

    def test_repeated(self) -> None:
        """Repeated fields are one list."""
        identity = believed(b"X-Forwarded-For: 192.0.2.1", b"x-forwarded-for: 10.2.2.2")
        self.assertEqual(identity.address, "192.0.2.1")
        self.assertEqual(told(identity)[b"X-Forwarded-For"], b"192.0.2.1, 10.2.2.2, 10.0.0.1")

    def test_long(self) -> None:
        """Of a chain that no proxies make, the end is read."""
        chain = b", ".join([b"192.0.2.1", *[b"10.1.1.1"] * MAX_HOPS])
        self.assertEqual(believed(b"X-Forwarded-For: " + chain).address, "10.1.1.1")

    def test_one_source(self) -> None:
        """Only the field that is asked for tells the address; what the others say may be the client's own words."""
        lines = (b"X-Real-IP: 192.0.2.1", b"X-Forwarded-For: 192.0.2.2", b"Forwarded: for=192.0.2.3")
        for source, address in (
            (Source.X_REAL_IP, "192.0.2.1"),
            (Source.X_FORWARDED_FOR, "192.0.2.2"),
            (Source.FORWARDED, "192.0.2.3"),
        ):
            identity = believed(*lines, trusted=trusted_by(source))
            self.assertEqual(told(identity)[b"X-Real-IP"], address.encode())
            self.assertEqual(told(identity)[b"X-Forwarded-For"], address.encode() + b", 10.0.0.1")
            others = [line for line in lines if not line.lower().startswith(source.value.encode() + b":")]
            self.assertEqual(believed(*others, trusted=trusted_by(source)).address, "10.0.0.1")

    def test_real_ip(self) -> None:
        """X-Real-IP is one address: the last, which the nearest hop wrote; scheme and host are X-Forwarded-."""
        trusted = trusted_by(Source.X_REAL_IP)
        for lines, address in (
            ((b"X-Real-IP: 192.0.2.9", b"X-Real-IP: 192.0.2.1"), "192.0.2.1"),
            ((b"X-Real-IP: 192.0.2.9, 192.0.2.1",), "192.0.2.1"),
            ((b"X-Real-IP: 10.2.2.2",), "10.2.2.2"),
            ((b"X-Real-IP: me",), "10.0.0.1"),
            ((), "10.0.0.1"),
        ):
            identity = believed(*lines, b"X-Forwarded-Proto: https", trusted=trusted)
            self.assertEqual((identity.address, identity.scheme), (address, "https"), lines)
        self.assertEqual(told(believed(trusted=trusted))[b"X-Forwarded-For"], b"10.0.0.1")

    def test_forwarded(self) -> None:
        """RFC 7239, read from the right; scheme and host are what the proxy nearest to the client says."""
        for value, address, scheme, host in (
            (b"for=192.0.2.1;proto=https;host=e.org", "192.0.2.1", "https", b"e.org"),
            (b"for=6.6.6.6;proto=ws, for=192.0.2.1;proto=https, for=10.2.2.2;proto=http", "192.0.2.1", "https", b"h"),
            (b'for="[2001:db9::1]:4711";host="e.org:81"', "2001:db9::1", "http", b"e.org:81"),
            (b"for=6.6.6.6, for=_hidden;proto=https", "10.0.0.1", "https", b"h"),
            (b"for=6.6.6.6;proto=https, for=unknown, for=10.2.2.2", "10.2.2.2", "http", b"h"),
            (b"proto=https", "10.0.0.1", "https", b"h"),
            (b"", "10.0.0.1", "http", b"h"),
        ):
            identity = believed(b"Forwarded: " + value, b"X-Forwarded-Proto: wss", trusted=trusted_by(Source.FORWARDED))
            self.assertEqual((identity.address, identity.scheme), (address, scheme), value)
            self.assertEqual(told(identity)[b"X-Forwarded-Host"], host, value)

    def test_forwarded_chain(self) -> None:
        """The next hop is told of those that are believed; of the client's own words it hears nothing."""
        identity = believed(
            b"Forwarded: for=6.6.6.6, for=192.0.2.1", b"Forwarded: for=10.2.2.2", trusted=trusted_by(Source.FORWARDED)
        )
        self.assertEqual(told(identity)[b"X-Forwarded-For"], b"192.0.2.1, 10.2.2.2, 10.0.0.1")

    def test_malformed(self) -> None:
        """A Forwarded that has no reading is refused: the client must not become the proxy that handed it on."""
        for value in (b'for="6.6.6.6, for=192.0.2.1', b"for=192.0.2.1:80", b"for=a;for=b", b"for = a", b"x"):
            with self.assertRaises(Malformed):
                believed(b"Forwarded: " + value, trusted=trusted_by(Source.FORWARDED))

    def test_scheme(self) -> None:
        """The last scheme counts, which the nearest hop wrote, if it is one of HTTP."""
        for value, scheme in ((b"https", "https"), (b"http, HTTPS", "https"), (b"ws", "http"), (b"", "http")):
            self.assertEqual(believed(b"X-Forwarded-Proto: " + value).scheme, scheme)
        self.assertEqual(believed(hop=Identity("10.0.0.1", 1, "https", 443)).scheme, "https")

    def test_host(self) -> None:
        """The last host counts, if it is one; without, what the request asks for."""
        for value, host in ((b"b, example.com:81", b"example.com:81"), (b"a/b", b"h"), (b"", b"h")):
            self.assertEqual(told(believed(b"X-Forwarded-Host: " + value))[b"X-Forwarded-Host"], host)

    def test_no_host(self) -> None:
        """A request of HTTP/1.0 may have none."""
        self.assertNotIn(b"X-Forwarded-Host", told(TRUSTED.believe(HOP, read_request_fields(b"", 1))))

    def test_ports(self) -> None:
        """The ports are those of the connection."""
        identity = believed(b"X-Forwarded-For: 192.0.2.1:4711")
        self.assertEqual((identity.port, identity.server_port, identity.believed), (40000, 8080, True))
