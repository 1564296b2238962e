"""Certificate authorities of the tests' own, and what they issue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Key: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, issuer_key: Key) -> x509.CertificateBuilder:
    """A certificate with the key identifiers that RFC 5280 demands, as Python's clients do from 3.13 on."""
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return builder.add_extension(above, critical=False)


def key_usage(*, authority: bool) -> x509.KeyUsage:
    """A key signs handshakes; that of an authority signs certificates too."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as a file has it."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: Key, password: bytes | None = None) -> bytes:
    """A key as a file has it, encrypted if there is a password."""
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


class Issued:
    """A certificate and its key, as two files in a folder, ``NAME.pem`` and ``NAME.key``."""

    def __init__(self, certificate: x509.Certificate, key: Key, chain: bytes = b"") -> None:
        self.certificate = certificate
        self.key = key
        self._chain = chain

    def save(self, folder: Path, name: str) -> tuple[str, str]:
        """Write the files, and tell their paths."""
        cert, key = folder / f"{name}.pem", folder / f"{name}.key"
        cert.write_bytes(pem(self.certificate) + self._chain)
        key.write_bytes(key_pem(self.key))
        return str(cert), str(key)


class Authority:
    """Signs certificates; *above* is the authority that signed its own, itself unless told."""

    def __init__(self, name: str = "tests", above: Authority | None = None) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(name)
        self._above = above
        issuer, key = (self.name, self.key) if above is None else (above.name, above.key)
        builder = _builder(self.name, issuer, self.key, key).not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(key_usage(authority=True), critical=True)
        self.certificate = builder.sign(key, hashes.SHA256())

    def issue(self, *names: str, ends: timedelta = DAY, begins: timedelta = -2 * DAY, key: Key | None = None) -> Issued:
        """A certificate for DNS names and IP addresses, valid for a time around now."""
        key = ec.generate_private_key(ec.SECP256R1()) if key is None else key
        builder = _builder(_name(names[0] if names else "nobody"), self.name, key, self.key)
        builder = builder.not_valid_before(NOW + begins).not_valid_after(NOW + ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(key_usage(authority=False), critical=True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        chain = b"" if self._above is None else pem(self.certificate)
        return Issued(builder.sign(self.key, hashes.SHA256()), key, chain)

    def save(self, folder: Path, name: str = "ca") -> str:
        """Write the authority's own certificate to ``NAME.pem``, and tell the path."""
        path = folder / f"{name}.pem"
        path.write_bytes(pem(self.certificate))
        return str(path)


def _alternatives(names: Sequence[str]) -> list[x509.GeneralName]:
    made: list[x509.GeneralName] = []
    for name in names:
        try:
            made.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            made.append(x509.DNSName(name))
    return made
