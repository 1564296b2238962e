"""What is taken for a client's TLS in memory."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Handshake:
    """What the TLS of a scripted client came to: nothing is encrypted, and no certificate is read.

    *application_protocol* is what was agreed on (ALPN): ``h2``, or empty for HTTP/1.1.  *server_name* is the name that
    the client asked for (SNI), in lower case.  With a *client_certificate_subject* it has a certificate that the
    server's authorities stand for, whichever they are.
    """

    server_name: str = ""
    client_certificate_subject: str = ""
    client_certificate_issuer: str = ""
    client_certificate_serial: str = ""
    client_certificate_fingerprint: str = ""
    protocol: str = "TLSv1.3"
    application_protocol: str = ""
    cipher: str = "TLS_AES_128_GCM_SHA256"

    @property
    def client_verified(self) -> str:
        """``SUCCESS`` or ``NONE``."""
        return "SUCCESS" if self.client_certificate_subject else "NONE"

    def is_verified_by(self, authority: str) -> bool:
        """Whether the client has a certificate."""
        return bool(self.client_certificate_subject)
