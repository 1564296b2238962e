"""What is known of a client's TLS, asked of OpenSSL when somebody wants to know."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from OpenSSL.SSL import Connection

# As OpenSSL, and with it nginx, writes what RFC 4514 has no short name for.
_SHORT = {NameOID.EMAIL_ADDRESS: "emailAddress", NameOID.SERIAL_NUMBER: "serialNumber"}


class ConnectionTlsInfo:
    """See :class:`~pydsl_proxy.wire.connection.tls_info.TlsInfo`.

    A context's application data is the file of its authorities.
    """

    __slots__ = ("_asked", "_certificate", "_connection")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._certificate: x509.Certificate | None = None
        self._asked = False

    @property
    def protocol(self) -> str:
        """``TLSv1.3``."""
        return self._connection.get_protocol_version_name()

    @property
    def cipher(self) -> str:
        """The cipher suite, by OpenSSL's name."""
        return self._connection.get_cipher_name() or ""

    @property
    def application_protocol(self) -> str:
        """What was agreed to be spoken (ALPN); empty if the client did not ask."""
        return self._connection.get_alpn_proto_negotiated().decode()

    @property
    def server_name(self) -> str:
        """The name that the client asked for (SNI), in lower case; empty if it named none.

        RFC 6066 3 has it without a dot at its end; as of the Host field, one is passed over.
        """
        return (self._connection.get_servername() or b"").decode("latin-1").lower().removesuffix(".")

    def is_verified_by(self, authority: str) -> bool:
        """Whether the client has a certificate that those in the file *authority* stand for."""
        return self.certificate is not None and self._connection.get_context().get_app_data() == authority

    @property
    def certificate(self) -> x509.Certificate | None:
        """The client's certificate, if it was verified: OpenSSL ends the handshake of one that is not valid.

        One that came with a resumed TLS session was verified when that began; that it has not expired since is seen to.
        """
        if not self._asked:
            self._asked = True
            connection = self._connection
            if connection.get_context().get_app_data():
                found = connection.get_peer_certificate(as_cryptography=True)
                if found is not None and found.not_valid_after_utc >= datetime.now(UTC):
                    self._certificate = found
        return self._certificate

    @property
    def client_verified(self) -> str:
        """``SUCCESS``, or ``NONE`` if the client sent no certificate or was not asked for one."""
        return "NONE" if self.certificate is None else "SUCCESS"

    @property
    def client_certificate_subject(self) -> str:
        """The distinguished name of the certificate's owner (RFC 4514)."""
        return "" if self.certificate is None else _name(self.certificate.subject)

    @property
    def client_certificate_issuer(self) -> str:
        """The distinguished name of who signed it (RFC 4514)."""
        return "" if self.certificate is None else _name(self.certificate.issuer)

    @property
    def client_certificate_serial(self) -> str:
        """Its serial number, in hexadecimal digits."""
        if self.certificate is None:
            return ""
        digits = f"{self.certificate.serial_number:X}"
        return digits if len(digits) % 2 == 0 else f"0{digits}"

    @property
    def client_certificate_fingerprint(self) -> str:
        """SHA-256 over it, in hexadecimal digits."""
        return "" if self.certificate is None else self.certificate.fingerprint(SHA256()).hex()


def _name(name: x509.Name) -> str:
    """RFC 4514 in ASCII: what is not printable is a backslash and two hexadecimal digits for each octet (2.4)."""
    text = name.rfc4514_string(_SHORT)
    return "".join(
        each if " " <= each <= "~" else "".join(f"\\{octet:02X}" for octet in each.encode()) for each in text
    )
