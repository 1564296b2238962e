"""Tests of peer addresses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.config.addresses import TcpAddress, UnixAddress, parse_address, without_https
from pydsl_proxy.errors import ConfigError
from tests.support.failing import mistake


class ParseTests(SynchronousTestCase):
    """What an address says."""

    def test_tcp(self) -> None:
        """A host and a port; IPv6 stands in brackets."""
        self.assertEqual(parse_address("app:9000"), TcpAddress("app", 9000))
        self.assertEqual(parse_address("web_1.example.com.:80"), TcpAddress("web_1.example.com.", 80))
        self.assertEqual(parse_address("10.0.0.1:65535"), TcpAddress("10.0.0.1", 65535))
        self.assertEqual(parse_address("[::1]:9000"), TcpAddress("::1", 9000))
        self.assertEqual(parse_address("[fe80::1%eth0]:9000"), TcpAddress("fe80::1%eth0", 9000))

    def test_unix(self) -> None:
        """The path of a socket."""
        self.assertEqual(parse_address("unix:/run/app.sock"), UnixAddress("/run/app.sock"))

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        """Any text is an address or a mistake, never another exception."""
        try:
            parse_address(text)
        except ConfigError as error:
            self.assertTrue(error.message)

    def test_mistakes(self) -> None:
        """Each common slip has its own words, and what to write instead."""
        for text, message, hint in (
            ("10.0.0.2", "has no port", 'write "10.0.0.2:80", or "unix:/path/to.sock"'),
            ("app:", "has no port", 'write "app:80", or "unix:/path/to.sock"'),
            ("[::1]", "has no port", 'write "[::1]:80", or "unix:/path/to.sock"'),
            ("9000", "has no host", 'write "127.0.0.1:9000"'),
            (":9000", "has no host", 'write "127.0.0.1:9000"'),
            ("app:0", "port 0 is not between 1 and 65535", 'write "app:80"'),
            ("app:65536", "port 65536 is not between 1 and 65535", 'write "app:80"'),
            ("app:" + "9" * 5000, f"port {'9' * 5000} is not between 1 and 65535", 'write "app:80"'),
            ("app:000", "port 000 is not between 1 and 65535", 'write "app:80"'),
            ("app:http", "'http' is not a port number", 'write "app:80"'),
            ("http://app:9000", "is a URL", 'write "app:9000"'),
            ("http://app", "is a URL", 'write "app:80"'),
            ("https://app/", "is a URL", 'write "https://app:443"'),
            ("wss://app:8443/chat", "is a URL", 'write "https://app:8443"'),
            (
                "http://app/v1/",
                "is a URL",
                'write "app:80", and the path where the peer is used: .proxy_to(…, path="/v1/")',
            ),
            (
                "app:80/v1",
                "has a path",
                'write "app:80", and the path where the peer is used: .proxy_to(…, path="/v1")',
            ),
            ("/run/app.sock", "is a path", 'write "unix:/run/app.sock"'),
            ("unix:///run/app.sock", "too many slashes", 'write "unix:/run/app.sock"'),
            ("unix:app.sock", "needs the full path", 'write "unix:/app.sock"'),
            ("unix:/run/app.sock:", "ends with a colon", 'write "unix:/run/app.sock"'),
            ("::1", "in brackets", 'write "[::1]:80"'),
            ("fe80::1:9000", "in brackets", 'write "[fe80::1:9000]:80" or "[fe80::1]:9000"'),
            ("fe80::1:", "has no port", 'write "[fe80::1]:80", or "unix:/path/to.sock"'),
            ("[app]:80", "'app' is not an IPv6 address", 'write "[::1]:9000"'),
            ("10.0.0.256:80", "'10.0.0.256' is not an IPv4 address", 'write "127.0.0.1:9000"'),
            ("a b:80", "'a b' is not a host name", 'write "host:port"'),
        ):
            said, told = mistake(parse_address, text)
            self.assertIn(message, said)
            self.assertEqual(told, hint, text)


class HttpsTests(SynchronousTestCase):
    """Addresses that ask for TLS."""

    def test_url(self) -> None:
        """A host, with a port if it is not 443; anything else is no such address."""
        self.assertEqual(without_https("https://app.example.com"), "app.example.com:443")
        self.assertEqual(without_https("HTTPS://10.0.0.1:8443"), "10.0.0.1:8443")
        self.assertEqual(without_https("https://[::1]"), "[::1]:443")
        for text in ("app:443", "http://app", "unix:/run/app.sock", "https", ""):
            self.assertIsNone(without_https(text))

    def test_mistakes(self) -> None:
        """A path belongs elsewhere; what remains must be an address."""
        path = 'write "https://app:8443", and the path where the peer is used: .proxy_to(…, path="/v1/")'
        self.assertEqual(mistake(without_https, "https://app:8443/v1/")[1], path)
        self.assertEqual(mistake(without_https, "https://app/")[1], 'write "https://app"')
        self.assertIn("is not a host name", mistake(without_https, "https://user@app")[0])
        self.assertIn("stands in brackets", mistake(without_https, "https://::1")[0])

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        """Any text is an address or a mistake, never another exception."""
        try:
            without_https(f"https://{text}")
        except ConfigError as error:
            self.assertTrue(error.message)
