"""Tests of ``server(http2=…)``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, server, tls
from pydsl_proxy.compiler.alpn import HTTP_1, HTTP_2, alpn_of, prefaces_of
from pydsl_proxy.config.checks.whole import check
from pydsl_proxy.errors import ConfigError

TLS = tls("cert.pem", "key.pem")


class Http2Tests(SynchronousTestCase):
    """What may be written, and what is offered."""

    def test_offered(self) -> None:
        """Over TLS it is offered unless told otherwise; without TLS it must be asked for."""
        assert alpn_of(server(443, tls=TLS)) is HTTP_2
        assert alpn_of(server(443, tls=TLS, http2=True)) is HTTP_2
        assert alpn_of(server(443, tls=TLS, http2=False)) is HTTP_1
        servers = {
            "tls": [server(443, tls=TLS)],
            "none": [server(443, tls=TLS, http2=False)],
            "plain": [server(80)],
            "prior": [server(80, http2="prior-knowledge")],
            "both": [server(443, tls=TLS, http2="prior-knowledge")],
        }
        assert prefaces_of(servers) == {"tls": False, "prior": True, "both": True}

    def test_repr(self) -> None:
        """It is in the code that makes the server again."""
        assert "http2='prior-knowledge'" in repr(server(80, http2="prior-knowledge"))

    def test_unknown(self) -> None:
        """Other words are refused with those that are known."""
        error = self.assertRaises(ConfigError, server, 80, http2="h2c")
        assert "server(http2='h2c') is not known" in str(error) and "prior-knowledge" in str(error.hint)

    def test_without_tls(self) -> None:
        """True alone means nothing on a plain port."""
        error = self.assertRaises(ConfigError, server, 80, http2=True)
        assert "needs tls" in str(error)

    def test_agree(self) -> None:
        """Servers of one listener agree; the line of the second is told."""
        first = server(443, names=["a"], tls=TLS).location("/").respond(200)
        second = server(443, names=["b"], tls=TLS, http2=False).location("/").respond(200)
        (error,) = [each for each in check(http(first, second)) if "http2" in str(each)]
        assert "differ in http2=…" in str(error) and error.origin is second.origin
