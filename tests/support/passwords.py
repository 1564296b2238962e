"""Files of users, and checks of passwords that a test lets come to their end."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

from pydsl_proxy.features.access.password_hashes import Check

#: Each of these is "wonder", hashed with as little work as there can be; all but ``SHA1`` and ``DES`` are accepted.
BCRYPT = b"$2y$04$AMcND6rf9G2xcBwjOYJOJ.86lbNfiNmiWS2DrzFsWeqsyJMTq5MWe"
BCRYPT_2B = b"$2b$04$R84of4bRZ1stJFsBqGKZp.xQihXMAcyUV0ow.Lay7qRq.jQXrjMNq"
APR1 = b"$apr1$Rj43kFvs$9Gl0Xt04kuLMJadoVPJPV1"
SHA256 = b"$5$rounds=1000$ll7z8u2GJcGCKq3h$foxWKfKOa35.4.GrNTzjc48sCUfC8.ByH41rK.nwVPA"
SHA512 = (
    b"$6$rounds=1000$tQJb4qsdivL4bI7K$HRtcqiuODJvygzpYYquYcbNR4pxm63BPkSoWLZP9opkqN8GE/LJaGKu31o0WW"
    b"/h8eg.xuoZ.Z.Z2cIyQSu.nm."
)
SHA1 = b"{SHA}w3QkzGJswDXW5OKZHAJw0FELjfM="
DES = b"bx2BwIBfqqWyg"

ALICE = b"alice:" + BCRYPT


def basic(user: str, password: str) -> dict[str, str]:
    """The field that a client sends."""
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


def users_file(folder: str, *lines: bytes) -> Path:
    """An htpasswd file of these lines in *folder*."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    path /= "htpasswd"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


class HeldChecks:
    """Runs checks when it is told to, as threads do that are slow."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Check, bytes, Callable[[bool | None], None]]] = []

    def run(self, check: Check, password: bytes, told: Callable[[bool | None], None]) -> None:
        """Keep it."""
        self.waiting.append((check, password, told))

    def finish(self) -> None:
        """Run all that are kept."""
        waiting, self.waiting = self.waiting, []
        for check, password, told in waiting:
            told(check(password))
