"""``tls()``, and servers that share a listener."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, server, tls
from pydsl_proxy.config.checks.whole import check
from pydsl_proxy.config.servers import Server
from pydsl_proxy.config.tls.server import Tls
from pydsl_proxy.errors import ConfigErrors
from pydsl_proxy.origin.paths import shown_path
from pydsl_proxy.service import verify
from tests.support.authorities import DAY, Authority
from tests.support.failing import mistake

ONE = tls("a.pem", "a.key")


def secure(terms: Tls | list[Tls] | None, name: str = "", listen: int | str = 443) -> Server:
    """A server with a location."""
    made = server(listen, names=[name] if name else [], tls=terms)
    return made.location("/").respond(200)


class TlsTests(SynchronousTestCase):
    """The value."""

    def test_code(self) -> None:
        """It is the code that made it, in a server too."""
        for made in (
            ONE,
            tls(Path("a.pem"), Path("a.key"), client_ca=Path("ca.pem"), optional=True, verify_depth=2),
            tls("a", "b", minimum_version="TLSv1.3", ciphers="X:Y", session_tickets=False, session_timeout=60),
            tls("a", "b", reject_unknown_names=True, strict_host=True, reload_every=5),
        ):
            self.assertEqual(eval(repr(made)), made)
            for terms in (made, [made, made]):
                site = secure(terms, "a.test")
                self.assertEqual(eval(repr(site)), site)

    def test_mistakes(self) -> None:
        """What cannot be meant."""
        self.assertIn("is not a path", mistake(tls, "", "key.pem")[0])
        self.assertIn("the content of a PEM file", mistake(tls, "-----BEGIN CERTIFICATE-----\n", "key.pem")[0])
        self.assertEqual(
            mistake(tls, "a", "b", optional=True),
            ("tls(optional=True) without client_ca", 'write client_ca="clients-ca.pem"'),
        )
        self.assertIn("must be True or False", mistake(tls, "a", "b", strict_host=cast("bool", "yes"))[0])
        for old in ("TLSv1", "TLSv1.1", "SSLv3"):
            self.assertIn("not secure", mistake(tls, "a", "b", minimum_version=old)[0])
        self.assertIn("is not a version", mistake(tls, "a", "b", minimum_version="1.3")[0])
        self.assertIn("not a list of ciphers", mistake(tls, "a", "b", ciphers="")[0])
        self.assertIn("more than 0 seconds", mistake(tls, "a", "b", reload_every=0)[0])
        self.assertIn("1 or more", mistake(tls, "a", "b", session_timeout=0)[0])

    def test_server_mistakes(self) -> None:
        """What a server is given."""
        self.assertIn("no certificate", mistake(server, 443, tls=[])[0])
        self.assertIn("'cert.pem' is not made by tls()", mistake(server, 443, tls=cast("Tls", "cert.pem"))[0])
        other = tls("b.pem", "b.key", client_ca="ca.pem")
        self.assertIn("of one server differ in client_ca", mistake(server, 443, tls=[ONE, other])[0])


class ListenerTests(SynchronousTestCase):
    """What servers of one listener must agree on."""

    def found(self, *servers: Server) -> list[str]:
        """The mistakes."""
        return [error.message for error in check(http(*servers))]

    def test_mixed(self) -> None:
        """A port has TLS or has not."""
        found = self.found(secure(ONE, "a.test"), secure(None, "b.test"))
        self.assertEqual(len(found), 1)
        self.assertIn("some have tls=… and some have not", found[0])
        self.assertEqual(self.found(secure(ONE, "a.test"), secure(None, "a.test", 80)), [])

    def test_settled_before_the_name(self) -> None:
        """What OpenSSL settles first is one for all."""
        new = tls("b.pem", "b.key", minimum_version="TLSv1.3", client_ca="ca.pem")
        found = self.found(secure(ONE, "a.test"), secure(new, "b.test"))
        self.assertEqual(len(found), 1)
        self.assertIn("tls(minimum_version=…), which is one for a listener", found[0])
        self.assertEqual(self.found(secure(ONE, "a.test"), secure(tls("b", "b", client_ca="c"), "b.test")), [])

    def test_elsewhere(self) -> None:
        """A redirect to port 443 while TLS is at another port alone is told, unless the port is written."""
        plain = server(80, names=["a.test"]).location("/")
        for listen, text in ((18443, "18443"), ("tcp:8443:interface=127.0.0.1", "8443")):
            secure_one = secure(ONE, "a.test", listen=listen)
            found = self.found(plain.redirect_to_https(), secure_one)
            self.assertEqual(found, [f"redirect_to_https() leads to port 443, and TLS is at {text}"])
            for port in (443, 18443):
                self.assertEqual(self.found(plain.redirect_to_https(port=port), secure_one), [])
        for listen in (443, "tcp:443:interface=127.0.0.1", 0, "systemd:domain=INET:index=0"):
            self.assertEqual(self.found(plain.redirect_to_https(), secure(ONE, "a.test", listen=listen)), [])
        two = (secure(ONE, "a.test", listen=18443), secure(ONE, "a.test", listen=443))
        self.assertEqual(self.found(plain.redirect_to_https(), *two), [])
        self.assertEqual(self.found(plain.redirect_to_https()), [])

    def test_loop(self) -> None:
        """A redirect to https must not stand where it leads to."""
        found = self.found(server(443, tls=ONE).location("/").redirect_to_https())
        self.assertIn("leads to itself", found[0])
        self.assertEqual(self.found(server(443, tls=ONE).location("/").redirect_to_https(port=8443)), [])

    def test_redirect_mistakes(self) -> None:
        """Its status and port, and HSTS."""
        opened = server(80).location("/")
        self.assertIn("is not its status", mistake(opened.redirect_to_https, 303)[0])
        self.assertIn("not between 1 and 65535", mistake(lambda: opened.redirect_to_https(port=0))[0])
        self.assertIn("the browsers' list", mistake(lambda: opened.hsts(preload=True))[0])
        self.assertIn("0 or more", mistake(lambda: opened.hsts(-1))[0])


class VerifyTests(SynchronousTestCase):
    """``--check`` reads the files."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def test_mistakes(self) -> None:
        """All that is wrong with all files is told together, with the line of each."""
        config = http(secure(tls("none.pem", "none.key"), "a.test"), secure(tls("gone.pem", "gone.key"), "b.test"))
        with self.assertRaises(ConfigErrors) as caught:
            verify(config)
        self.assertEqual(
            [error.message for error in caught.exception.errors],
            [
                f"tls(): {shown_path(name)} cannot be read: No such file or directory"
                for name in ("none.pem", "gone.pem")
            ],
        )
        self.assertEqual({error.origin.file for error in caught.exception.errors}, {__file__})

    def test_once(self) -> None:
        """A server that listens twice has its mistakes once."""
        config = server(443, 8443, tls=tls("none.pem", "none.key")).location("/").respond(200)
        with self.assertRaises(ConfigErrors) as caught:
            verify(config)
        self.assertEqual(len(caught.exception.errors), 1)

    def test_warnings(self) -> None:
        """What is only not well is a warning."""
        files = Authority().issue("a.test", ends=-DAY / 24).save(self.folder, "a")
        (warning,) = verify(secure(tls(*files)))
        self.assertTrue(warning.warning)
        self.assertIn("expired on", warning.message)
