"""Password hashes as htpasswd files have them, and the functions that check a password against one."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from hashlib import sha1
from hmac import compare_digest
from typing import TypeAlias

from pydsl_proxy.errors import ConfigError

Check: TypeAlias = Callable[[bytes], bool]
"""Whether a password is the one that was hashed; may take a second, and be called in a thread."""

_bcrypt = re.compile(rb"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}").fullmatch
_apr1 = re.compile(rb"\$apr1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}").fullmatch
_sha256 = re.compile(rb"\$5\$(?:rounds=([0-9]{4,9})\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}").fullmatch
_sha512 = re.compile(rb"\$6\$(?:rounds=([0-9]{4,9})\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}").fullmatch
_sha1 = re.compile(rb"\{SHA\}[A-Za-z0-9+/]{27}=").fullmatch

# What `htpasswd -C` accepts; each step doubles the time, and 17 takes some ten seconds.
_BCRYPT_COSTS = range(4, 18)
# Some seconds in Python.
_MAX_ROUNDS = 2_000_000
# bcrypt looks at so many bytes; its other implementations pass over the rest, pyca's refuses it.
_BCRYPT_LOOKS_AT = 72

# With a place for file and user.
_REHASH = "make it anew: htpasswd -B {}"


class BadHash(ValueError):
    """A hash that no password is checked against; ``hint`` says what to do, with ``{}`` for file and user."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def check_of(hashed: bytes, *, allow_sha1: bool = False) -> Check:
    """The check against *hashed*; raises :class:`BadHash`, and ConfigError if the library for it is not installed."""
    if match := _bcrypt(hashed):
        if int(match[1]) not in _BCRYPT_COSTS:
            raise BadHash(f"a bcrypt cost of {int(match[1])} is not between 4 and 17", _REHASH)
        return partial(_is_bcrypt, _bcrypt_library(), hashed)
    for scheme, matches in (("apr_md5_crypt", _apr1), ("sha256_crypt", _sha256), ("sha512_crypt", _sha512)):
        if match := matches(hashed):
            if match.lastindex and int(match[1]) > _MAX_ROUNDS:
                raise BadHash(f"{int(match[1])} rounds take too long", _REHASH)
            return partial(_passlib_check(scheme), hashed.decode())
    if _sha1(hashed):
        if not allow_sha1:
            hint = _REHASH + "; or say basic_auth(…, allow_sha1=True)"
            raise BadHash("a SHA-1 without salt is guessed a billion times a second", hint)
        return partial(_is_sha1, hashed)
    raise BadHash(_what_is_wrong(hashed), _REHASH)


def _what_is_wrong(hashed: bytes) -> str:
    for start, name in ((b"$2", "bcrypt"), (b"$apr1$", "apr1"), (b"$5$", "SHA-256"), (b"$6$", "SHA-512")):
        if hashed.startswith(start):
            return f"the {name} hash is malformed"
    if re.match(rb"\$[0-9a-z]+\$", hashed):
        return "this kind of hash is not known"
    if hashed.startswith(b"{"):
        return "this kind of hash is not accepted"
    # DES as crypt(3) had it, too: it looks at eight characters, and looks like a plain password.
    return "the password is no hash, or one of the old crypt"


def _is_bcrypt(checkpw: Callable[[bytes, bytes], bool], hashed: bytes, password: bytes) -> bool:
    return checkpw(password[:_BCRYPT_LOOKS_AT], hashed)


def _is_sha1(hashed: bytes, password: bytes) -> bool:
    return compare_digest(b"{SHA}" + b64encode(sha1(password).digest()), hashed)


def _bcrypt_library() -> Callable[[bytes, bytes], bool]:
    try:
        from bcrypt import checkpw
    except ImportError:
        raise _missing("bcrypt") from None
    return checkpw


def _passlib_check(scheme: str) -> Callable[[str, bytes], bool]:
    try:
        from passlib import hash  # type: ignore[import-untyped]  # libpass says nothing of its types
    except ImportError:
        raise _missing("libpass") from None
    verify = getattr(hash, scheme).verify
    return lambda hashed, password: bool(verify(password, hashed))


def _missing(library: str) -> ConfigError:
    return ConfigError(
        f"basic_auth(): to check these passwords, {library} has to be installed", hint="pip install 'pydsl_proxy[auth]'"
    )
