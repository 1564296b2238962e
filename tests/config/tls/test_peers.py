"""Tests of TLS to peers as users write it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import upstream_tls
from pydsl_proxy.config.tls.peers import UpstreamTls
from tests.support.failing import mistake

# What is of another type, past the type checker.
make = cast("Callable[..., object]", upstream_tls)


class UpstreamTlsTests(SynchronousTestCase):
    """upstream_tls()."""

    def test_defaults(self) -> None:
        """Peers are verified, by what the system trusts, and nothing is told of ourselves."""
        self.assertEqual(
            upstream_tls(), UpstreamTls(ca=None, name=None, cert=None, key=None, verify=True, minimum_version="TLSv1.2")
        )
        self.assertEqual(repr(upstream_tls()), "upstream_tls()")

    def test_repr(self) -> None:
        """The code that makes it; paths are text."""
        made = upstream_tls(
            ca=Path("/etc/ca.pem"), name="app.test", cert="c.pem", key="c.key", minimum_version="TLSv1.3"
        )
        code = "upstream_tls(ca='/etc/ca.pem', name='app.test', cert='c.pem', key='c.key', minimum_version='TLSv1.3')"
        self.assertEqual(repr(made), code)
        self.assertEqual(eval(code), made)
        self.assertEqual(repr(upstream_tls(verify=False)), "upstream_tls(verify=False)")

    def test_names(self) -> None:
        """A DNS name, or an IP address, with or without brackets."""
        self.assertEqual(upstream_tls(name="app.test").name, "app.test")
        self.assertEqual(upstream_tls(name="[2001:DB8::1]").name, "2001:db8::1")
        for name in ("", "app:443", "https://app", "a b", "256.1.1.1", "bücher.example", "*.test"):
            self.assertIn("is not a host name", mistake(make, name=name)[0], name)
        self.assertIn("must be a string, not 7", mistake(make, name=7)[0])

    def test_paths(self) -> None:
        """Files are named, not given."""
        for given in ("", "a\0b", 7, b"ca.pem"):
            self.assertIn("is not a path", mistake(make, ca=given)[0])
        self.assertIn("upstream_tls(cert=…): this is the content", mistake(make, cert="-----BEGIN CERTIFICATE-----")[0])

    def test_combinations(self) -> None:
        """What has no effect is a mistake."""
        self.assertIn("nothing is looked up", mistake(make, ca="ca.pem", verify=False)[0])
        message, hint = mistake(make, key="client.key")
        self.assertEqual(message, "upstream_tls(key=…) without a certificate")
        self.assertEqual(hint, "write cert=\"client.pem\" beside key='client.key'")
        self.assertIn("must be True or False", mistake(make, verify="off")[0])
        self.assertIn("'TLSv1.1' is not a version", mistake(make, minimum_version="TLSv1.1")[0])
