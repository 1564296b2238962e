"""Tests of the contexts with which peers are spoken to: handshakes in memory with OpenSSL's server."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from OpenSSL import SSL, crypto

from pydsl_proxy import upstream_tls
from pydsl_proxy.compiler.peer_tls import Files
from pydsl_proxy.config.tls.peers import UpstreamTls
from tests.compiler.test_peer_tls import Case
from tests.support.authorities import Authority, Issued


class HandshakeTests(Case):
    """A server with a certificate of the authority, or of another."""

    def server(self, issued: Issued, version: int = SSL.TLS1_3_VERSION) -> SSL.Context:
        """It asks for a certificate, speaks HTTP/2 and HTTP/1.1, and nothing newer than *version*."""
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_max_proto_version(version)
        cert, key = issued.save(self.folder, "server")
        context.use_certificate_chain_file(cert)
        context.use_privatekey_file(key)
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        context.set_alpn_select_callback(lambda _, offered: offered[0] if offered else SSL.NO_OVERLAPPING_PROTOCOLS)
        return context

    def shakes(self, terms: UpstreamTls, server: SSL.Context, **alpn: bytes) -> tuple[SSL.Connection, SSL.Connection]:
        """Both ends after the handshake; it raises what one of them says."""
        client_end = SSL.Connection(Files(terms).context(**alpn), None)
        client_end.set_app_data(SimpleNamespace(problem=None))
        client_end.set_connect_state()
        server_end = SSL.Connection(server, None)
        server_end.set_accept_state()
        waiting = [client_end, server_end]
        for _ in range(10):
            for end, other in ((client_end, server_end), (server_end, client_end)):
                try:
                    end.do_handshake()
                    waiting = [each for each in waiting if each is not end]
                except SSL.WantReadError:
                    pass
                try:
                    other.bio_write(end.bio_read(65536))
                except SSL.WantReadError:
                    pass
        assert not waiting
        return client_end, server_end

    def test_trusted(self) -> None:
        """A certificate of the authority is taken; one of another, or of none that is named, is not."""
        other = Authority("other")
        self.shakes(upstream_tls(ca=self.ca), self.server(self.authority.issue("app")))
        for terms in (upstream_tls(ca=self.ca), upstream_tls()):
            self.assertRaises(SSL.Error, self.shakes, terms, self.server(other.issue("app")))
        self.shakes(upstream_tls(verify=False), self.server(other.issue("app")))

    def test_system(self) -> None:
        """Without an authority those are trusted that the system trusts."""
        with mock.patch.dict(os.environ, {"SSL_CERT_FILE": self.ca}):
            self.shakes(upstream_tls(), self.server(self.authority.issue("app")))

    def test_several(self) -> None:
        """Each certificate of the file is trusted, be it no root."""
        below = Authority("below", self.authority)
        another = Authority("another")
        both = self.file(
            "both.pem",
            Path(below.save(self.folder, "b")).read_bytes() + Path(another.save(self.folder, "a")).read_bytes(),
        )
        for authority in (below, another):
            self.shakes(upstream_tls(ca=both), self.server(authority.issue("app")))
        self.assertRaises(SSL.Error, self.shakes, upstream_tls(ca=both), self.server(self.authority.issue("app")))

    def test_own(self) -> None:
        """A peer that asks gets our certificate with those between it and its authority, and none if there is none."""
        below = Authority("below", self.authority)
        cert, key = below.issue("proxy").save(self.folder, "proxy")
        _, server = self.shakes(upstream_tls(ca=self.ca, cert=cert, key=key), self.server(self.authority.issue("app")))
        self.assertEqual(subject(server.get_peer_certificate()), "CN=proxy")
        # On a server's side OpenSSL leaves out the first.
        self.assertEqual([subject(each) for each in server.get_peer_cert_chain() or ()], ["CN=below"])
        _, server = self.shakes(upstream_tls(ca=self.ca), self.server(self.authority.issue("app")))
        self.assertIsNone(server.get_peer_certificate())

    def test_one_file(self) -> None:
        """The key may stand beside the certificate."""
        both = self.file("both.pem", Path(self.cert).read_bytes() + Path(self.key).read_bytes())
        _, server = self.shakes(upstream_tls(ca=self.ca, cert=both), self.server(self.authority.issue("app")))
        self.assertEqual(subject(server.get_peer_certificate()), "CN=client")

    def test_protocol(self) -> None:
        """What is spoken over TLS is offered by its name."""
        client, _ = self.shakes(upstream_tls(ca=self.ca), self.server(self.authority.issue("app")))
        self.assertEqual(client.get_alpn_proto_negotiated(), b"http/1.1")
        client, _ = self.shakes(upstream_tls(ca=self.ca), self.server(self.authority.issue("app")), alpn=b"h2")
        self.assertEqual(client.get_alpn_proto_negotiated(), b"h2")

    def test_versions(self) -> None:
        """Nothing older than the least version is spoken."""
        old = self.server(self.authority.issue("app"), SSL.TLS1_2_VERSION)
        client, _ = self.shakes(upstream_tls(ca=self.ca), old)
        self.assertEqual(client.get_protocol_version_name(), "TLSv1.2")
        self.assertRaises(SSL.Error, self.shakes, upstream_tls(ca=self.ca, minimum_version="TLSv1.3"), old)

    def test_settings(self) -> None:
        """No renegotiation, no compression, no memory for idle connections, and no sessions but those kept by hand."""
        context = Files(upstream_tls(ca=self.ca)).context()
        for option in (SSL.OP_NO_RENEGOTIATION, SSL.OP_NO_COMPRESSION):
            self.assertEqual(context.set_options(0) & option, option)
        self.assertEqual(context.set_mode(0) & SSL.MODE_RELEASE_BUFFERS, SSL.MODE_RELEASE_BUFFERS)
        self.assertEqual(context.get_session_cache_mode(), SSL.SESS_CACHE_OFF)


def subject(certificate: crypto.X509 | None) -> str:
    """Whose a certificate is."""
    assert certificate is not None
    return certificate.to_cryptography().subject.rfc4514_string()
