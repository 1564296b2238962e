"""Certificates and their keys as files have them, and all that can be wrong with these."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pydsl_proxy.origin.paths import shown_path

Key: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
# Those that a server can sign a handshake with; OpenSSL holds one certificate of each kind at a time.
_KINDS: tuple[tuple[type[Key], str], ...] = (
    (rsa.RSAPrivateKey, "RSA"),
    (ec.EllipticCurvePrivateKey, "EC"),
    (ed25519.Ed25519PrivateKey, "Ed25519"),
    (ed448.Ed448PrivateKey, "Ed448"),
)


class BadFile(Exception):
    """A file that cannot be used: what is wrong, and what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class KeyPair:
    """A certificate, those that lead to its authority, and its key.

    ``names`` are the DNS names for which it stands, in lower case; ``kind`` is that of the key.
    """

    __slots__ = ("chain", "file", "key", "kind", "leaf", "names")

    def __init__(self, file: str, chain: list[x509.Certificate], key: Key, kind: str) -> None:
        self.file = file
        self.leaf = chain[0]
        self.chain = chain
        self.key = key
        self.kind = kind
        self.names = _names(chain[0])

    def complaints(self, now: datetime) -> list[str]:
        """What is not well, though it can be used."""
        leaf, found = self.leaf, []
        if now > leaf.not_valid_after_utc:
            found.append(f"the certificate in {self.file!r} expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
        if now < leaf.not_valid_before_utc:
            found.append(
                f"the certificate in {self.file!r} is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
            )
        for number, (lower, upper) in enumerate(zip(self.chain, self.chain[1:], strict=False), 2):
            if lower.issuer != upper.subject:
                found.append(
                    f"the chain in {self.file!r} is out of order: certificate {number} did not sign the one before it"
                )
        return found


def read_key_pair(certificate: str, key: str) -> KeyPair:
    """The pair in two PEM files, which may be one; raises :class:`BadFile`."""
    chain = read_certificates(certificate)
    private, kind = _read_key(key)
    public = private.public_key()
    if chain[0].public_key() != public:
        own = next((number for number, each in enumerate(chain, 1) if each.public_key() == public), None)
        if own is not None:
            raise BadFile(
                f"the chain in {certificate!r} is out of order: the server's own certificate is number {own}",
                "put it first, then the one that signed it, and so on",
            )
        raise BadFile(f"the key in {key!r} is not that of the certificate in {certificate!r}")
    return KeyPair(certificate, chain, private, kind)


def read_certificates(file: str, hint: str = "write tls(certificate, key)") -> list[x509.Certificate]:
    """The certificates in a PEM file, at least one; raises :class:`BadFile`, with *hint* if a key is in it."""
    data = read(file)
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        if b"PRIVATE KEY-----" in data and b"CERTIFICATE-----" not in data:
            raise BadFile(f"{file!r} has a key, where a certificate is wanted", hint) from None
        raise BadFile(f"there is no certificate in {file!r} that can be read: {error}", _pem(data)) from None


def _read_key(file: str) -> tuple[Key, str]:
    data = read(file)
    try:
        private = load_pem_private_key(data, None)
    except TypeError:
        raise BadFile(
            f"the key in {file!r} is encrypted", f"decrypt it: openssl pkey -in {file} -out plain.pem"
        ) from None
    except Exception as error:
        raise BadFile(f"there is no key in {file!r} that can be read: {error}", _pem(data)) from None
    for known, kind in _KINDS:
        if isinstance(private, known):
            return private, kind
    raise BadFile(f"the key in {file!r} is of a kind that TLS has no use for", "make an RSA, EC or Ed25519 key")


def read(file: str) -> bytes:
    """The bytes of a file; raises :class:`BadFile`."""
    try:
        with open(file, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise BadFile(f"{shown_path(file)} cannot be read: {error.strerror}") from None


def _pem(data: bytes) -> str | None:
    return None if b"-----BEGIN " in data else "it is not PEM, which has lines as -----BEGIN CERTIFICATE-----"


def _names(certificate: x509.Certificate) -> frozenset[bytes]:
    """Browsers look at the subjectAltName alone, and so do we (RFC 9525 2)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    return frozenset(each.lower().encode() for each in names.get_values_for_type(x509.DNSName))
