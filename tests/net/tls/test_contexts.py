"""Handshakes with a listener's contexts, in memory: who is shown what, and what is refused."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL
from OpenSSL._util import lib
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.compiler.routing import compile_server_names
from pydsl_proxy.config.matching import as_server_name
from pydsl_proxy.errors import ConfigErrors
from pydsl_proxy.net.tls.contexts import TICKETS_LIVE, Contexts
from pydsl_proxy.net.tls.info import ConnectionTlsInfo
from pydsl_proxy.net.tls.openssl_contexts import NoCommonProtocol, Terms
from pydsl_proxy.net.tls.server_files import Pair, Secure
from pydsl_proxy.origin import NO_ORIGIN
from tests.support.authorities import DAY, Authority, Issued, key_pem, pem

AUTHORITY, OTHER = Authority("one"), Authority("two")
USUAL = Terms()
RSA_KEY = rsa.generate_private_key(65537, 2048)


class Shaken:
    """Both ends of a handshake that was carried as far as it goes."""

    def __init__(self, server: SSL.Connection, client: SSL.Connection) -> None:
        self.server = server
        self.client = client
        self.refused: SSL.Error | None = None
        self._run()

    def _run(self) -> None:
        self.server.set_accept_state()
        self.client.set_connect_state()
        for _ in range(10):
            for one, other in ((self.client, self.server), (self.server, self.client)):
                try:
                    self._go_on(one)
                    other.bio_write(one.bio_read(1 << 16))
                    # What follows the handshake, as tickets do.
                    other.recv(1)
                except SSL.WantReadError:
                    pass
                except SSL.Error as error:
                    self.refused = error
                    return

    def _go_on(self, one: SSL.Connection) -> None:
        try:
            one.do_handshake()
        except SSL.WantReadError:
            pass

    @property
    def shown(self) -> x509.Certificate:
        """The server's certificate."""
        found = self.client.get_peer_certificate(as_cryptography=True)
        assert found is not None
        return found

    @property
    def facts(self) -> ConnectionTlsInfo:
        """What the server knows."""
        return ConnectionTlsInfo(self.server)

    @property
    def resumed(self) -> bool:
        """Whether an older TLS session was resumed."""
        assert self.refused is None
        # pyOpenSSL has no name for it.
        return bool(lib.SSL_session_reused(self.server._ssl))


class ContextsCase(SynchronousTestCase):
    """A test with a folder of certificates."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def secure(self, *issued: Issued, client_ca: Authority | None = None) -> Secure:
        """A server with these certificates, in files called by their place."""
        pairs = []
        for each in issued:
            name = f"{len(list(self.folder.iterdir()))}"
            pairs.append(Pair(*each.save(self.folder, name), NO_ORIGIN))
        ca = None if client_ca is None else client_ca.save(self.folder, f"ca-{client_ca.name.rfc4514_string()}")
        return Secure(tuple(pairs), ca)

    def contexts(self, *servers: tuple[str, Secure], terms: Terms = USUAL, rejects: bool = False) -> Contexts:
        """Servers, each by its name; one with an empty name has none."""
        choose = compile_server_names(
            [([as_server_name(name)] if name else [], place) for place, (name, _) in enumerate(servers)], -1
        )
        return Contexts([secure for _, secure in servers], choose, terms, (b"http/1.1",), rejects=rejects)

    def shake(
        self,
        contexts: Contexts,
        name: str = "",
        *,
        certificate: Issued | None = None,
        again: Shaken | None = None,
        most: int = SSL.TLS1_3_VERSION,
        ciphers: str = "DEFAULT",
        protocols: tuple[bytes, ...] = (),
    ) -> Shaken:
        """A handshake of a client that trusts anybody; *again* of one that comes back."""
        if again is not None:
            client = SSL.Connection(again.client.get_context(), None)
            session = again.client.get_session()
            assert session is not None
            client.set_session(session)
            return self._shake(contexts, client, name)
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(0)
        context.set_max_proto_version(most)
        context.set_cipher_list(f"{ciphers}:@SECLEVEL=0".encode())
        if protocols:
            context.set_alpn_protos(list(protocols))
        client = SSL.Connection(context, None)
        if certificate is not None:
            # Of this connection alone: one that comes back has nothing but its session.
            client.use_certificate(certificate.certificate)
            client.use_privatekey(certificate.key)
        return self._shake(contexts, client, name)

    def _shake(self, contexts: Contexts, client: SSL.Connection, name: str) -> Shaken:
        if name:
            client.set_tlsext_host_name(name.encode())
        return Shaken(SSL.Connection(contexts.current, None), client)


def common_name(certificate: x509.Certificate) -> str:
    """That of its owner."""
    return certificate.subject.rfc4514_string()


class ChoiceTests(ContextsCase):
    """Which certificate a client is shown."""

    def test_by_server(self) -> None:
        """That of the server whose name fits, as Host would be looked up; of the first if none does."""
        contexts = self.contexts(
            ("a.test", self.secure(AUTHORITY.issue("a.test"))),
            ("*.b.test", self.secure(AUTHORITY.issue("*.b.test"))),
            ("c.*", self.secure(AUTHORITY.issue("c.test"))),
        )
        for name, shown in (
            ("a.test", "a.test"),
            ("A.Test", "a.test"),
            ("x.y.b.test", "*.b.test"),
            ("c.org", "c.test"),
            ("other.test", "a.test"),
            ("", "a.test"),
        ):
            shaken = self.shake(contexts, name)
            self.assertEqual((name, common_name(shaken.shown)), (name, f"CN={shown}"))
            self.assertEqual(shaken.facts.server_name, name.lower())

    def test_within_a_server(self) -> None:
        """Of several certificates the one for the name, itself before a wildcard; else the first."""
        made = [AUTHORITY.issue(name) for name in ("first.test", "*.w.test", "x.w.test", "third.test")]
        contexts = self.contexts(("", self.secure(*made)))
        for name, shown in (
            ("x.w.test", "x.w.test"),
            ("y.w.test", "*.w.test"),
            ("a.y.w.test", "first.test"),
            ("w.test", "first.test"),
            ("third.test", "third.test"),
            ("", "first.test"),
        ):
            self.assertEqual((name, common_name(self.shake(contexts, name).shown)), (name, f"CN={shown}"))

    def test_kinds_of_keys(self) -> None:
        """An RSA and an ECDSA certificate for one name stand side by side, each with its own chain."""
        between = Authority("between", above=AUTHORITY)
        made = self.secure(AUTHORITY.issue("a.test", key=RSA_KEY), between.issue("a.test"))
        contexts = self.contexts(("", made))
        for kind, length in (("RSA", 1), ("ECDSA", 2)):
            shaken = self.shake(contexts, "a.test", most=SSL.TLS1_2_VERSION, ciphers=f"ECDHE-{kind}-AES128-GCM-SHA256")
            chain = shaken.client.get_peer_cert_chain(as_cryptography=True)
            assert chain is not None
            self.assertEqual((kind, len(chain)), (kind, length))
            self.assertEqual(isinstance(shaken.shown.public_key(), rsa.RSAPublicKey), kind == "RSA")

    def test_unknown_names_rejected(self) -> None:
        """With nginx's ssl_reject_handshake, names of nobody get no certificate, and no name neither."""
        contexts = self.contexts(
            ("", self.secure(AUTHORITY.issue("a.test", "*.w.test"))),
            ("b.test", self.secure(AUTHORITY.issue("b.test"))),
            rejects=True,
        )
        for name in ("a.test", "x.w.test", "b.test"):
            self.assertIsNone(self.shake(contexts, name).refused)
        for name in ("c.test", "w.test", ""):
            self.assertIsNotNone(self.shake(contexts, name).refused, name)


class TermsTests(ContextsCase):
    """What is agreed on."""

    def test_versions(self) -> None:
        """TLS 1.2 and 1.3; 1.2 may be left out, 1.1 cannot be had."""
        secure = self.secure(AUTHORITY.issue("a.test"))
        contexts = self.contexts(("", secure))
        self.assertEqual(self.shake(contexts).facts.protocol, "TLSv1.3")
        self.assertEqual(self.shake(contexts, most=SSL.TLS1_2_VERSION).facts.protocol, "TLSv1.2")
        self.assertIsNotNone(self.shake(contexts, most=SSL.TLS1_1_VERSION).refused)
        contexts = self.contexts(("", secure), terms=Terms(minimum_version="TLSv1.3"))
        self.assertIsNotNone(self.shake(contexts, most=SSL.TLS1_2_VERSION).refused)

    def test_ciphers(self) -> None:
        """Without forward secrecy or authentication nothing is agreed; one's own list is obeyed."""
        secure = self.secure(AUTHORITY.issue("a.test", key=RSA_KEY))
        for weak in ("AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "aNULL"):
            shaken = self.shake(self.contexts(("", secure)), most=SSL.TLS1_2_VERSION, ciphers=weak)
            self.assertIsNotNone(shaken.refused, weak)
        own = Terms(ciphers="ECDHE-RSA-AES256-GCM-SHA384")
        shaken = self.shake(self.contexts(("", secure), terms=own), most=SSL.TLS1_2_VERSION)
        self.assertEqual(shaken.facts.cipher, "ECDHE-RSA-AES256-GCM-SHA384")
        with self.assertRaises(ConfigErrors) as caught:
            self.contexts(("", secure), terms=Terms(ciphers="NONE-SUCH"))
        self.assertIn("knows no cipher", str(caught.exception))

    def test_alpn(self) -> None:
        """http/1.1 is chosen where it is offered; who offers only others is refused (RFC 7301 3.2)."""
        contexts = self.contexts(
            ("a.test", self.secure(AUTHORITY.issue("a.test"))), ("b.test", self.secure(AUTHORITY.issue("b.test")))
        )
        for name in ("a.test", "b.test"):
            shaken = self.shake(contexts, name, protocols=(b"h2", b"http/1.1"))
            self.assertEqual(shaken.client.get_alpn_proto_negotiated(), b"http/1.1")
            self.assertIsInstance(self.shake(contexts, name, protocols=(b"h2",)).refused, NoCommonProtocol)
            self.assertIsNone(self.shake(contexts, name).refused)

    def test_sessions(self) -> None:
        """A client resumes by its ticket, also at another server; without tickets never."""
        servers = [(name, self.secure(AUTHORITY.issue(name))) for name in ("a.test", "b.test")]
        contexts = self.contexts(*servers)
        for most in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            first = self.shake(contexts, "a.test", most=most)
            self.assertEqual(self.shake(contexts, "a.test", again=first).resumed, True)
        contexts = self.contexts(*servers, terms=Terms(session_tickets=False))
        for most in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            first = self.shake(contexts, "a.test", most=most)
            self.assertEqual(self.shake(contexts, "a.test", again=first).resumed, False)


class ClientTests(ContextsCase):
    """Certificates of clients."""

    def test_key_for_authorities(self) -> None:
        """A key in the place of the authorities' certificates: the hint is about that file, not about the server's."""
        secure = self.secure(AUTHORITY.issue("a.test"))
        with self.assertRaises(ConfigErrors) as caught:
            self.contexts(("", Secure(secure.pairs, secure.pairs[0].key)))
        self.assertIn("has a key, where a certificate is wanted", str(caught.exception))
        self.assertIn("write client_ca=", str(caught.exception))

    def test_verified(self) -> None:
        """One that the authorities signed is told of; none is none."""
        contexts = self.contexts(("", self.secure(AUTHORITY.issue("a.test"), client_ca=AUTHORITY)))
        bob = AUTHORITY.issue("bob")
        facts = self.shake(contexts, certificate=bob).facts
        self.assertEqual((facts.client_verified, facts.client_certificate_subject), ("SUCCESS", "CN=bob"))
        self.assertEqual(facts.client_certificate_issuer, "CN=one")
        self.assertEqual(int(facts.client_certificate_serial, 16), bob.certificate.serial_number)
        self.assertEqual(len(facts.client_certificate_serial) % 2, 0)
        self.assertEqual(len(facts.client_certificate_fingerprint), 64)
        facts = self.shake(contexts).facts
        self.assertEqual((facts.client_verified, facts.client_certificate_subject), ("NONE", ""))

    def test_names_in_ascii(self) -> None:
        """A name that is not ASCII, or would end a header line, is escaped octet by octet (RFC 4514 2.4)."""
        odd = Authority("bözé\r\nX-Admin: 1")
        contexts = self.contexts(("", self.secure(AUTHORITY.issue("a.test"), client_ca=odd)))
        facts = self.shake(contexts, certificate=odd.issue("bob")).facts
        self.assertEqual(facts.client_certificate_issuer, "CN=b\\C3\\B6z\\C3\\A9\\0D\\0AX-Admin: 1")

    def test_refused(self) -> None:
        """One of others, or one that is expired or not valid yet, ends the handshake."""
        contexts = self.contexts(("", self.secure(AUTHORITY.issue("a.test"), client_ca=AUTHORITY)))
        for certificate in (
            OTHER.issue("bob"),
            AUTHORITY.issue("bob", ends=-timedelta(hours=1)),
            AUTHORITY.issue("bob", begins=DAY, ends=2 * DAY),
        ):
            self.assertIsNotNone(self.shake(contexts, certificate=certificate).refused)

    def test_depth(self) -> None:
        """One authority between is allowed unless told (nginx's ssl_verify_depth)."""
        one = Authority("between", above=AUTHORITY)
        ca = self.folder / "both.pem"
        ca.write_bytes(pem(AUTHORITY.certificate) + pem(one.certificate))
        secure = self.secure(AUTHORITY.issue("a.test"))
        secure = Secure(secure.pairs, str(ca))
        self.assertEqual(
            self.shake(self.contexts(("", secure)), certificate=one.issue("bob")).facts.client_verified, "SUCCESS"
        )
        contexts = self.contexts(("", secure), terms=Terms(verify_depth=0))
        self.assertIsNotNone(self.shake(contexts, certificate=one.issue("bob")).refused)

    def test_by_name(self) -> None:
        """The server that the name chooses says whether clients are asked, and by whom they are verified."""
        contexts = self.contexts(
            ("a.test", self.secure(AUTHORITY.issue("a.test"))),
            ("b.test", self.secure(AUTHORITY.issue("b.test"), client_ca=AUTHORITY)),
            ("c.test", self.secure(AUTHORITY.issue("c.test"), client_ca=OTHER)),
        )
        bob, eve = AUTHORITY.issue("bob"), OTHER.issue("eve")
        self.assertEqual(self.shake(contexts, "a.test", certificate=eve).facts.client_verified, "NONE")
        self.assertEqual(self.shake(contexts, "b.test", certificate=bob).facts.client_verified, "SUCCESS")
        self.assertEqual(self.shake(contexts, "c.test", certificate=eve).facts.client_verified, "SUCCESS")
        self.assertIsNotNone(self.shake(contexts, "b.test", certificate=eve).refused)
        self.assertIsNotNone(self.shake(contexts, "c.test", certificate=bob).refused)

    def test_first_asks(self) -> None:
        """A server that asks nobody does not inherit the first one's demand."""
        contexts = self.contexts(
            ("a.test", self.secure(AUTHORITY.issue("a.test"), client_ca=AUTHORITY)),
            ("b.test", self.secure(AUTHORITY.issue("b.test"))),
        )
        shaken = self.shake(contexts, "b.test", certificate=OTHER.issue("eve"))
        self.assertIsNone(shaken.refused)
        self.assertEqual(shaken.facts.client_certificate_subject, "")

    def test_session_elsewhere(self) -> None:
        """A session that began at a server makes nobody verified at another (CVE-2025-23419)."""
        servers = [
            ("a.test", self.secure(AUTHORITY.issue("a.test"), client_ca=AUTHORITY)),
            ("b.test", self.secure(AUTHORITY.issue("b.test"), client_ca=OTHER)),
            ("c.test", self.secure(AUTHORITY.issue("c.test"))),
        ]
        bob = AUTHORITY.issue("bob")
        for order in (servers, servers[::-1], servers[:2], servers[1::-1]):
            contexts = self.contexts(*order)
            for most in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
                first = self.shake(contexts, "a.test", most=most, certificate=bob)
                self.assertEqual(first.facts.client_verified, "SUCCESS")
                for name, _ in order:
                    if name != "a.test":
                        again = self.shake(contexts, name, again=first)
                        self.assertIsNone(again.refused)
                        self.assertEqual((name, again.facts.client_verified), (name, "NONE"))
                        self.assertEqual(again.facts.client_certificate_subject, "")

    def test_session_here(self) -> None:
        """Resumed at the same server, a client is who it was."""
        contexts = self.contexts(("", self.secure(AUTHORITY.issue("a.test"), client_ca=AUTHORITY)))
        for most in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            first = self.shake(contexts, most=most, certificate=AUTHORITY.issue("bob"))
            again = self.shake(contexts, again=first)
            self.assertTrue(again.resumed)
            self.assertEqual(again.facts.client_certificate_subject, "CN=bob")


class RenewalTests(ContextsCase):
    """Files that change while the proxy runs."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.one = self.secure(AUTHORITY.issue("old.test"))
        self.two = self.secure(AUTHORITY.issue("two.test"))
        self.all = self.contexts(("", self.one), ("two.test", self.two))
        self.all.start(self.clock)
        self.addCleanup(self.all.stop)

    def shown(self, name: str = "") -> str:
        """Who answers now."""
        return common_name(self.shake(self.all, name).shown)

    def replace(self, secure: Secure, issued: Issued) -> None:
        """Put other files in place, as certbot does: each is renamed over the old one."""
        pair = secure.pairs[0]
        cert, key = issued.save(self.folder, "new")
        os.replace(cert, pair.certificate)
        os.replace(key, pair.key)

    def test_renewed(self) -> None:
        """They are looked at every minute, and used by the handshakes from then on; a known name is none the less."""
        connection = self.shake(self.all)
        self.replace(self.one, AUTHORITY.issue("new.test"))
        self.replace(self.two, AUTHORITY.issue("new-two.test"))
        self.clock.advance(59)
        self.assertEqual(self.shown(), "CN=old.test")
        self.clock.advance(1)
        self.assertEqual((self.shown(), self.shown("two.test")), ("CN=new.test", "CN=new-two.test"))
        connection.server.send(b"still")
        self.assertRaises(SSL.WantReadError, connection.client.recv, 1)
        connection.client.bio_write(connection.server.bio_read(1000))
        self.assertEqual(connection.client.recv(10), b"still")

    def test_mismatch(self) -> None:
        """A certificate whose key is not there yet changes nothing; once it is, both are used."""
        new = AUTHORITY.issue("new.test")
        pair = self.one.pairs[0]
        Path(pair.certificate).write_bytes(pem(new.certificate))
        self.replace(self.two, AUTHORITY.issue("new-two.test"))
        self.clock.pump([60, 60])
        logged = self.flushLoggedErrors()
        self.assertEqual(logged, [])
        self.assertEqual((self.shown(), self.shown("two.test")), ("CN=old.test", "CN=new-two.test"))
        Path(pair.key).write_bytes(key_pem(new.key))
        self.clock.advance(60)
        self.assertEqual(self.shown(), "CN=new.test")

    def test_missing(self) -> None:
        """A file that is gone for a while changes nothing."""
        pair = self.one.pairs[0]
        os.rename(pair.key, f"{pair.key}.away")
        self.clock.advance(60)
        self.assertEqual(self.shown(), "CN=old.test")
        os.rename(f"{pair.key}.away", pair.key)
        self.clock.advance(60)
        self.assertEqual(self.shown(), "CN=old.test")

    def test_same_files(self) -> None:
        """While nothing changes the contexts stay, and with them the clients' tickets; but not for ever."""
        before = self.all.current
        self.clock.pump([60] * 10)
        self.assertIs(self.all.current, before)
        self.clock.pump([60] * int(TICKETS_LIVE / 60))
        self.assertIsNot(self.all.current, before)

    def test_stopped(self) -> None:
        """Nothing is left on the clock."""
        self.all.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.all.stop()


class WarningTests(ContextsCase):
    """What can be used, and is told."""

    def warnings(self, issued: Issued) -> list[str]:
        """Those of one certificate."""
        return [error.message for error in self.contexts(("", self.secure(issued))).warnings()]

    def test_dates(self) -> None:
        """A certificate that has expired, or is not valid yet."""
        self.assertEqual(self.warnings(AUTHORITY.issue("a.test")), [])
        self.assertIn("expired on", self.warnings(AUTHORITY.issue("a.test", ends=-timedelta(hours=1)))[0])
        self.assertIn("is not valid before", self.warnings(AUTHORITY.issue("a.test", begins=DAY, ends=2 * DAY))[0])

    def test_order(self) -> None:
        """A chain in which one does not sign the next."""
        issued = AUTHORITY.issue("a.test")
        wrong = Issued(issued.certificate, issued.key, pem(OTHER.certificate))
        self.assertIn("certificate 2 did not sign the one before it", self.warnings(wrong)[0])
