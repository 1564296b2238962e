"""Certificates and keys in files, and what is said when they cannot be used."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import x25519
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.net.tls.key_pairs import BadFile, read_key_pair
from tests.support.authorities import Authority, Issued, key_pem, pem

AUTHORITY = Authority()
ISSUED = AUTHORITY.issue("A.test", "*.b.test")


class ReadingTests(SynchronousTestCase):
    """``read_key_pair``."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def file(self, name: str, content: bytes) -> str:
        """A file with this content."""
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)

    def mistake(self, certificate: bytes | None, key: bytes | None) -> tuple[str, str | None]:
        """What is said of files with these contents, without the folder; None is no file."""
        paths = [str(self.folder / name) for name in ("cert.pem", "key.pem")]
        for path, content in zip(paths, (certificate, key), strict=True):
            Path(path).unlink(missing_ok=True)
            if content is not None:
                Path(path).write_bytes(content)
        with self.assertRaises(BadFile) as caught:
            read_key_pair(*paths)
        hint = caught.exception.hint
        folder = f"{self.folder}/"
        return caught.exception.message.replace(folder, ""), None if hint is None else hint.replace(folder, "")

    def test_read(self) -> None:
        """Names are in lower case; both may stand in one file."""
        pair = read_key_pair(*ISSUED.save(self.folder, "a"))
        self.assertEqual((pair.names, pair.kind), (frozenset((b"a.test", b"*.b.test")), "EC"))
        both = self.file("both.pem", key_pem(ISSUED.key) + pem(ISSUED.certificate))
        self.assertEqual(read_key_pair(both, both).leaf, ISSUED.certificate)

    def test_missing(self) -> None:
        """Which file it is."""
        cert, key = pem(ISSUED.certificate), key_pem(ISSUED.key)
        self.assertEqual(self.mistake(None, key), ("'cert.pem' cannot be read: No such file or directory", None))
        self.assertEqual(self.mistake(cert, None)[0], "'key.pem' cannot be read: No such file or directory")

    def test_nonsense(self) -> None:
        """What is in it instead."""
        cert, key = pem(ISSUED.certificate), key_pem(ISSUED.key)
        self.assertEqual(
            self.mistake(key, cert),
            ("'cert.pem' has a key, where a certificate is wanted", "write tls(certificate, key)"),
        )
        message, hint = self.mistake(b"", key)
        self.assertIn("no certificate in 'cert.pem' that can be read", message)
        self.assertEqual(hint, "it is not PEM, which has lines as -----BEGIN CERTIFICATE-----")
        self.assertIn("no key in 'key.pem' that can be read", self.mistake(cert, cert)[0])
        self.assertIn("no certificate", self.mistake(cert.replace(b"M", b"!", 1), key)[0])

    def test_encrypted(self) -> None:
        """Nobody is there to ask for the password; the command that decrypts it is told."""
        message, hint = self.mistake(pem(ISSUED.certificate), key_pem(ISSUED.key, b"secret"))
        self.assertEqual(message, "the key in 'key.pem' is encrypted")
        self.assertEqual(hint, "decrypt it: openssl pkey -in key.pem -out plain.pem")

    def test_other_key(self) -> None:
        """A key of another certificate."""
        other = AUTHORITY.issue("other.test")
        message, _ = self.mistake(pem(ISSUED.certificate), key_pem(other.key))
        self.assertEqual(message, "the key in 'key.pem' is not that of the certificate in 'cert.pem'")

    def test_chain_from_the_root(self) -> None:
        """A chain that ends with the server's own certificate is told where that stands."""
        chain = pem(AUTHORITY.certificate) + pem(ISSUED.certificate)
        message, hint = self.mistake(chain, key_pem(ISSUED.key))
        self.assertIn("out of order: the server's own certificate is number 2", message)
        self.assertEqual(hint, "put it first, then the one that signed it, and so on")

    def test_useless_key(self) -> None:
        """A key that cannot sign."""
        key = x25519.X25519PrivateKey.generate()
        data = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.assertIn("is of a kind that TLS has no use for", self.mistake(pem(ISSUED.certificate), data)[0])

    def test_no_names(self) -> None:
        """A certificate without a subjectAltName stands for no name (RFC 9525 2), whatever its common name is."""
        bare = AUTHORITY.issue()
        self.assertEqual(read_key_pair(*Issued(bare.certificate, bare.key).save(self.folder, "b")).names, frozenset())
