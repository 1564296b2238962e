"""Tests of the hashes that passwords are checked against."""

from __future__ import annotations

import sys

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.features.access.password_hashes import _MAX_ROUNDS, BadHash, check_of
from tests.support.passwords import APR1, BCRYPT, BCRYPT_2B, DES, SHA1, SHA256, SHA512


class CheckTests(SynchronousTestCase):
    """The kinds that there are."""

    def test_kinds(self) -> None:
        """Each accepts its password, and no other."""
        for hashed in (BCRYPT, BCRYPT_2B, b"$2a" + BCRYPT_2B[3:], APR1, SHA256, SHA512):
            check = check_of(hashed)
            answers = [check(given) for given in (b"wonder", b"Wonder", b"wonder ", b"", b"\xff" * 100)]
            self.assertEqual(answers, [True, False, False, False, False], hashed)

    def test_sha1(self) -> None:
        """SHA-1 without salt only if that is said."""
        check = check_of(SHA1, allow_sha1=True)
        self.assertEqual([check(b"wonder"), check(b"x")], [True, False])
        with self.assertRaisesRegex(BadHash, "without salt"):
            check_of(SHA1)

    def test_long(self) -> None:
        """bcrypt looks at 72 bytes, whatever the library says of more."""
        import bcrypt

        check = check_of(bcrypt.hashpw(b"p" * 72, bcrypt.gensalt(4)))
        self.assertTrue(check(b"p" * 80))
        self.assertFalse(check(b"p" * 71))

    def test_refused(self) -> None:
        """What is no hash, a broken one, or one whose check would take minutes; the hint makes a new one."""
        for hashed, why in (
            (b"wonder", "no hash"),
            (b"", "no hash"),
            (b"{PLAIN}wonder", "not accepted"),
            (DES, "no hash"),
            (b"$1$abc$" + b"a" * 22, "not known"),
            (b"$y$j9T$abc$" + b"a" * 43, "not known"),
            (BCRYPT[:-1], "bcrypt hash is malformed"),
            (b"$2x" + BCRYPT[3:], "bcrypt hash is malformed"),
            (BCRYPT.replace(b"$04$", b"$31$"), "cost of 31"),
            (BCRYPT.replace(b"$04$", b"$03$"), "cost of 3 "),
            (APR1 + b"a", "apr1 hash is malformed"),
            (SHA256.replace(b"1000", b"999999999"), "999999999 rounds"),
            (SHA512[:-1], "SHA-512 hash is malformed"),
        ):
            with self.assertRaisesRegex(BadHash, why) as caught:
                check_of(hashed)
            self.assertIn("htpasswd -B", caught.exception.hint)

    def test_costs(self) -> None:
        """The dearest and the cheapest that are accepted, and those beyond."""
        for cost, accepted in ((3, False), (4, True), (17, True), (18, False)):
            self.accepted(BCRYPT.replace(b"$04$", b"$%02d$" % cost), accepted=accepted)
        for hashed in (SHA256, SHA512):
            for rounds, accepted in ((100_000, True), (_MAX_ROUNDS, True), (_MAX_ROUNDS + 1, False)):
                self.accepted(hashed.replace(b"rounds=1000", b"rounds=%d" % rounds), accepted=accepted)
            self.accepted(hashed.replace(b"rounds=1000$", b""), accepted=True)

    def accepted(self, hashed: bytes, *, accepted: bool) -> None:
        """Whether a hash is, which is not checked with any password."""
        try:
            check_of(hashed)
        except BadHash:
            self.assertFalse(accepted, hashed)
        else:
            self.assertTrue(accepted, hashed)

    def test_not_installed(self) -> None:
        """A library that is missing is told by the name of what installs it."""
        for name, hashed in (("bcrypt", BCRYPT), ("passlib", APR1)):
            self.addCleanup(sys.modules.__setitem__, name, __import__(name))
            sys.modules[name] = None  # type: ignore[assignment]  # so Python is told that there is none
            with self.assertRaises(ConfigError) as caught:
                check_of(hashed)
            self.assertEqual(caught.exception.hint, "pip install 'pydsl_proxy[auth]'")
