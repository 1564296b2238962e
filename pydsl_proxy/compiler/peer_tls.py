"""TLS to peers, compiled: the files are read, and become a context of OpenSSL."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto

from pydsl_proxy.config.tls.peers import UpstreamTls
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.net.tls.openssl_contexts import VERSIONS
from pydsl_proxy.net.tls.peer_certificates import note_problem
from pydsl_proxy.origin.paths import shown_path

# X509_V_FLAG_PARTIAL_CHAIN, which pyOpenSSL names since 24.3: what the file lists is trusted, be it no root.
_PARTIAL_CHAIN = crypto.X509StoreFlags.PARTIAL_CHAIN


class Files:
    """The contents of the files that *config* names; raises :class:`ConfigError` if one cannot be read.

    ``digest`` is the same for the same contents.
    """

    def __init__(self, config: UpstreamTls) -> None:
        self._config = config
        self._ca = None if config.ca is None else self._read("ca", config.ca)
        self._cert = None if config.cert is None else self._read("cert", config.cert)
        self._key = None if config.key is None else self._read("key", config.key)
        digest = hashlib.sha256()
        for data in (self._ca, self._cert, self._key):
            digest.update(b"-" if data is None else hashlib.sha256(data).digest())
        self.digest = digest.digest()

    def _read(self, what: str, path: str) -> bytes:
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError as error:
            raise self._mistake(f"{what}={shown_path(path)}) cannot be read: {error.strerror}") from None

    def context(self, alpn: bytes = b"http/1.1") -> SSL.Context:
        """What connections to the peers are made with, and *alpn* is offered by (RFC 7301).

        Raises :class:`ConfigError` if a file is not what it should.
        """
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(VERSIONS[self._config.minimum_version])
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_alpn_protos([alpn])
        # Kept by hand, one for each peer.
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        if self._config.verify:
            context.set_verify(SSL.VERIFY_PEER, note_problem)
            self._trust(context)
        self._identify(context)
        return context

    def _trust(self, context: SSL.Context) -> None:
        if self._ca is None:
            context.set_default_verify_paths()
            return
        store = context.get_cert_store()
        assert store is not None
        for certificate in self._certificates("ca", self._config.ca, self._ca):
            store.add_cert(crypto.X509.from_cryptography(certificate))
        store.set_flags(_PARTIAL_CHAIN)

    def _identify(self, context: SSL.Context) -> None:
        """Our own certificate, for peers that ask for one."""
        config = self._config
        if self._cert is None:
            return
        own, *between = self._certificates("cert", config.cert, self._cert)
        context.use_certificate(own)
        for certificate in between:
            context.add_extra_chain_cert(certificate)
        key = self._cert if self._key is None else self._key
        what, path = ("cert", config.cert) if config.key is None else ("key", config.key)
        try:
            context.use_privatekey(load_pem_private_key(key, None))  # type: ignore[arg-type]  # any other kind raises
        except SSL.Error:
            raise self._mistake(
                f"{what}={path!r}) is not the key of the certificate in {config.cert!r}",
                hint="name the two files that were made together",
            ) from None
        except TypeError:
            raise self._mistake(
                f"{what}={path!r}): the key is encrypted or of no use for TLS",
                hint=f"decrypt it once: openssl pkey -in {path} -out plain.pem",
            ) from None
        except ValueError:
            hint = 'write key="client.key" for the file that has it' if config.key is None else None
            raise self._mistake(f"{what}={path!r}) has no private key in PEM", hint=hint) from None

    def _certificates(self, what: str, path: str | None, data: bytes) -> list[x509.Certificate]:
        try:
            return x509.load_pem_x509_certificates(data)
        except ValueError:
            raise self._mistake(
                f"{what}={path!r}) has no certificate in PEM", hint='one begins with "-----BEGIN CERTIFICATE-----"'
            ) from None

    def _mistake(self, text: str, hint: str | None = None) -> ConfigError:
        return ConfigError(f"upstream_tls({text}", origin=self._config.origin, hint=hint)
