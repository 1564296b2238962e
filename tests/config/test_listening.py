"""Tests of where a server may listen."""

from __future__ import annotations

from functools import partial
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.config.listening import endpoint
from tests.support.failing import mistake


class EndpointTests(SynchronousTestCase):
    """A port, or an endpoint string."""

    def test_port(self) -> None:
        """A port is TCP on all interfaces; 0 lets the system choose one."""
        self.assertEqual(endpoint(8080), "tcp:8080")
        self.assertEqual(endpoint(0), "tcp:0")

    def test_endpoint_strings(self) -> None:
        """Any of Twisted's is taken as it is, those of plugins too."""
        for text in (
            "tcp:8080:interface=127.0.0.1",
            r"tcp:8080:interface=\:\:1",
            "unix:/run/web.sock:mode=660",
            "systemd:domain=INET:index=0",
        ):
            self.assertEqual(endpoint(text), text)

    def test_own_tls(self) -> None:
        """TLS that an endpoint brings itself knows nothing of ALPN; the hint has the same port and files."""
        for text, hint in (
            ("ssl:443:privateKey=key.pem:certKey=cert.pem", 'write server(443, tls=tls("cert.pem", "key.pem"))'),
            ("ssl:port=8443:privateKey=both.pem", 'write server(8443, tls=tls("both.pem", "both.pem"))'),
            (
                "ssl:443:interface=127.0.0.1:privateKey=k:certKey=c",
                'write server("tcp:443:interface=127.0.0.1", tls=tls("c", "k"))',
            ),
            (
                r"ssl:443:interface=\:\:1:privateKey=k:certKey=c",
                r'write server(r"tcp:443:interface=\:\:1", tls=tls("c", "k"))',
            ),
            ("ssl:", 'write server(443, tls=tls("cert.pem", "key.pem"))'),
        ):
            message, told = mistake(endpoint, text)
            self.assertIn("TLS of an endpoint's own", message)
            self.assertEqual(told, hint)
        self.assertEqual(
            mistake(partial(endpoint, "ssl:1:privateKey=k", of="stream"))[1], 'write stream(1, tls=tls("k", "k"))'
        )

    def test_no_path(self) -> None:
        """A UNIX socket has a path."""
        for text in ("unix:", "unix:address=", "unix::mode=660"):
            self.assertEqual(mistake(partial(endpoint, text))[1], 'write server("unix:/run/web.sock")')

    def test_other_proxies_habits(self) -> None:
        """What nginx and others would take is told in our words."""
        for text, hint in (
            ("8080", "write server(8080)"),
            (":8080", "write server(8080)"),
            ("*:8080", "write server(8080)"),
            ("127.0.0.1:80", 'write server("tcp:80:interface=127.0.0.1")'),
            ("localhost:80", 'write server("tcp:80:interface=localhost")'),
            ("http://0.0.0.0:80/", 'write server("tcp:80:interface=0.0.0.0")'),
            ("[::1]:80", r'write server(r"tcp:80:interface=\:\:1")'),
            ("example.com", 'write server(80, names=["example.com"])'),
            ("*.example.com:8080", 'write server(8080, names=["*.example.com"])'),
            ("https://example.com", 'write server(443, names=["example.com"], tls=tls("cert.pem", "key.pem"))'),
            ("localhost", 'write server(80, names=["localhost"])'),
            ("443 ssl http2", 'write server(443, tls=tls("cert.pem", "key.pem"))'),
            ("80 default_server", "write server(80)"),
            ("tpc:80", 'write server("tcp:80")'),
            ("/run/web.sock", 'write server("unix:/run/web.sock")'),
        ):
            message, told = mistake(endpoint, text)
            self.assertEqual(message, f"server(): {text!r} is not an endpoint string")
            self.assertEqual(told, hint)

    def test_mistakes_within(self) -> None:
        """What comes after the colon is looked at as well."""
        for text, message in (
            ("tcp:http", "'http' is not a port number"),
            ("tcp:80:iface=1", "it does not know 'iface'"),
            ("tcp:", "'' is not a port number"),
            ("unix:/a:b:c:d:e", "it has too many or too few parts"),
            ("tcp:80:backlog=x", "invalid literal"),
            ("tcp:65536", "is not between 0 and 65535"),
            ("tcp:port=65536", "is not between 0 and 65535"),
            ("nothing", "is not an endpoint string"),
        ):
            self.assertIn(message, mistake(endpoint, text)[0])

    def test_other_types(self) -> None:
        """A port is a number, not a truth or a fraction."""
        self.assertIn("port 65536", mistake(endpoint, 65536)[0])
        for wrong in (True, 80.0, None):
            self.assertIn("is not something to listen on", mistake(endpoint, cast("int", wrong))[0])
