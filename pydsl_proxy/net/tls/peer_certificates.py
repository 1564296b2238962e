"""What is wrong with a peer's certificate, in words."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from service_identity.pyopenssl import extract_patterns, verify_hostname, verify_ip_address

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Name
    from OpenSSL.crypto import X509

_CODES = SSL.X509VerificationCodes
_EXPIRED = _CODES.ERR_CERT_HAS_EXPIRED
_NOT_YET = _CODES.ERR_CERT_NOT_YET_VALID
_SELF_SIGNED = _CODES.ERR_DEPTH_ZERO_SELF_SIGNED_CERT
_UNKNOWN = frozenset(
    (
        _CODES.ERR_SELF_SIGNED_CERT_IN_CHAIN,
        _CODES.ERR_UNABLE_TO_GET_ISSUER_CERT,
        _CODES.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        _CODES.ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
    )
)
_WORDS = {getattr(_CODES, name): name for name in dir(_CODES) if name.startswith("ERR_")}

# Names of a certificate that a message has at most.
_MAX_NAMES = 5


def note_problem(connection: SSL.Connection, certificate: X509, code: int, depth: int, valid: int) -> bool:
    """OpenSSL's question whether it may go on, for ``SSL.Context.set_verify``; the protocol is told what is wrong."""
    if not valid:
        connection.get_app_data().problem = problem_of(certificate.to_cryptography(), code)
    return bool(valid)


def problem_of(certificate: Certificate, code: int) -> str:
    """What OpenSSL's *code* says of *certificate*, the one in the chain that it is about."""
    try:
        subject, issuer = _name(certificate.subject), _name(certificate.issuer)
    except ValueError:
        # What names it has cannot be read.
        subject = issuer = "?"
    if code == _EXPIRED:
        return f"that of {subject} has expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
    if code == _NOT_YET:
        return f"that of {subject} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}"
    if code == _SELF_SIGNED:
        return f"it is signed by itself, {subject}, and not trusted"
    if code in _UNKNOWN:
        return f"its issuer {issuer} is not trusted"
    return f"that of {subject}: {_WORDS.get(code, f'error {code}').removeprefix('ERR_').replace('_', ' ').lower()}"


def _name(name: Name) -> str:
    # The peer has written it: nothing in it may end a line of a log.
    return ascii(name.rfc4514_string())


def mismatch(connection: SSL.Connection, host: str, *, is_ip: bool) -> str | None:
    """Why the certificate at the other end is not for *host* (RFC 9525); None if it is."""
    try:
        if is_ip:
            verify_ip_address(connection, host.partition("%")[0])
        else:
            verify_hostname(connection, host.rstrip("."))
    except VerificationError:
        certificate = connection.get_peer_certificate()
        assert certificate is not None
        return f"it is for {_names(certificate)}, not for {host}"
    except CertificateError as error:
        # There is no name that can be read; a common name is none.
        return f"its names are of no use: {str(error)!a}"
    except ValueError as error:
        return f"it cannot be read: {str(error)!a}"
    return None


def _names(certificate: X509) -> str:
    """For whom it is."""
    names = []
    for pattern in extract_patterns(certificate):
        value = getattr(pattern, "pattern", b"?")
        names.append(value.decode("ascii", "backslashreplace") if isinstance(value, bytes) else str(value))
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(ascii(name)[1:-1] for name in names[:_MAX_NAMES]) + more


def is_ip(host: str) -> bool:
    """Whether *host* is an IP address, with or without a zone."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
