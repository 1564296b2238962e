"""OpenSSL contexts: what a server offers in a handshake."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from typing import TypeAlias

from attrs import frozen
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from OpenSSL.crypto import X509

from pydsl_proxy.net.tls.key_pairs import BadFile, KeyPair, read_certificates

# Mozilla's "intermediate" for TLS 1.2, version 5.7, without its DHE suites: those need parameters of one's own, and
# nginx without ssl_dhparam offers none either.  What TLS 1.3 has is all fit.
CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)

VERSIONS = {"TLSv1.2": SSL.TLS1_2_VERSION, "TLSv1.3": SSL.TLS1_3_VERSION}

Alpn: TypeAlias = "Sequence[bytes]"


class NoCommonProtocol(SSL.Error):
    """The client speaks none of our protocols over TLS: RFC 7301 (3.2) ends the handshake."""

    def __init__(self) -> None:
        super().__init__([("SSL routines", "", "no application protocol")])


@frozen(kw_only=True)
class Terms:
    """What holds for all servers of a listener: OpenSSL settles it before the client's server name is looked at.

    With *fin_ends* a FIN without close_notify ends the client's half of the connection, and the other half goes on.
    What is passed on as it is needs that, as nginx does it; where truncation matters its own protocol has to tell.
    """

    minimum_version: str = "TLSv1.2"
    ciphers: str | None = None
    session_tickets: bool = True
    session_timeout: int = 300
    verify_depth: int = 1
    fin_ends: bool = False


class ClientAuthorities:
    """The certificates by which those of clients are verified, and the file's name."""

    __slots__ = ("certificates", "digest", "file")

    def __init__(self, file: str) -> None:
        self.file = file
        self.certificates = read_certificates(file, 'write client_ca="clients-ca.pem", the certificates of authorities')
        self.digest = hashlib.sha256(b"".join(each.public_bytes(Encoding.DER) for each in self.certificates)).digest()


def make_context(
    pairs: Sequence[KeyPair], authorities: ClientAuthorities | None, terms: Terms, alpn: Alpn, *, resumes: bool = True
) -> SSL.Context:
    """The context of *pairs*, which are of different kinds.

    Raises :class:`~pydsl_proxy.net.tls.key_pairs.BadFile`.

    Its application data is the name of the client authorities' file, or empty.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(VERSIONS[terms.minimum_version])
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    if terms.fin_ends:
        context.set_options(SSL.OP_IGNORE_UNEXPECTED_EOF)
    # Idle connections give back the buffers of their records, some 34 KiB; so nginx.
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    _set_ciphers(context, terms.ciphers)
    _set_sessions(context, authorities, terms, resumes)
    if alpn:
        _set_protocols(context, alpn)
    context.set_verify_depth(terms.verify_depth)
    context.set_app_data("" if authorities is None else authorities.file)
    if authorities is not None:
        _verify_clients(context, authorities)
    for pair in pairs:
        try:
            _use(context, pair, alone=len(pairs) == 1)
        except SSL.Error as error:
            raise BadFile(f"OpenSSL refuses {pair.file!r}: {_reason(error)}") from None
    return context


def _set_ciphers(context: SSL.Context, ciphers: str | None) -> None:
    """All that Mozilla lists is strong, so the client's preference counts; in one's own list, one's own does."""
    if ciphers is not None:
        context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
    try:
        context.set_cipher_list((ciphers or CIPHERS).encode())
    except SSL.Error:
        raise BadFile(
            f"OpenSSL knows no cipher in {ciphers!r}", "leave ciphers=… out: the default is Mozilla's"
        ) from None


def _set_sessions(context: SSL.Context, authorities: ClientAuthorities | None, terms: Terms, resumes: bool) -> None:
    """TLS sessions are kept by the clients alone, in tickets; no memory of ours grows with them.

    OpenSSL resumes a session before it looks at the server name, so one that was begun at a server must not stand for
    a verified client at another with other authorities (CVE-2025-23419).  A session has the context of its authorities,
    and where a listener has several of them *resumes* is false.
    """
    digest = b"" if authorities is None else authorities.digest
    context.set_session_id(hashlib.sha256(b"pydsl_proxy" + digest).digest())
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_timeout(terms.session_timeout)
    if not (terms.session_tickets and resumes):
        context.set_options(SSL.OP_NO_TICKET)


def _set_protocols(context: SSL.Context, alpn: Alpn) -> None:
    def select(connection: SSL.Connection, offered: list[bytes]) -> bytes:
        for protocol in alpn:
            if protocol in offered:
                return protocol
        raise NoCommonProtocol

    context.set_alpn_select_callback(select)


def _verify_clients(context: SSL.Context, authorities: ClientAuthorities) -> None:
    """Ask for a certificate; OpenSSL ends the handshake if there is one and it is not valid.

    It must not be let through to be refused later: a session that is resumed is not verified again.
    """
    context.set_verify(SSL.VERIFY_PEER)
    store = context.get_cert_store()
    assert store is not None
    for certificate in authorities.certificates:
        store.add_cert(X509.from_cryptography(certificate))
        context.add_client_ca(certificate)


def _use(context: SSL.Context, pair: KeyPair, *, alone: bool) -> None:
    if alone:
        context.use_certificate(pair.leaf)
        for each in pair.chain[1:]:
            context.add_extra_chain_cert(each)
    else:
        # The chain above is one for all certificates of a context; only a file is read into the chain of one of them.
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"".join(each.public_bytes(Encoding.PEM) for each in pair.chain))
            file.flush()
            context.use_certificate_chain_file(file.name)
    context.use_privatekey(pair.key)
    context.check_privatekey()


def _reason(error: SSL.Error) -> str:
    queue = error.args[0] if error.args else ()
    return ", ".join(str(entry[-1]) for entry in queue) or "no reason given"
