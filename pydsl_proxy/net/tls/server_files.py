"""The files that a server's TLS is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from attrs import frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.net.tls.key_pairs import BadFile, KeyPair, read_key_pair
from pydsl_proxy.net.tls.openssl_contexts import ClientAuthorities
from pydsl_proxy.net.tls.watched_files import WatchedFiles
from pydsl_proxy.origin import Origin


@frozen
class Pair:
    """The files of a certificate and its key, and the line that named them."""

    certificate: str
    key: str
    origin: Origin


@frozen
class Secure:
    """What one server asks of TLS; there is at least one pair."""

    pairs: tuple[Pair, ...]
    client_ca: str | None = None


class ServerFiles:
    """The files of one server, read; mistakes are added to *errors*, and then it cannot be used."""

    def __init__(self, secure: Secure, errors: list[ConfigError]) -> None:
        self._pairs: list[tuple[WatchedFiles[KeyPair], Origin]] = []
        for pair in secure.pairs:
            with collecting(errors, pair.origin):
                read = partial(read_key_pair, pair.certificate, pair.key)
                self._pairs.append((WatchedFiles((pair.certificate, pair.key), read), pair.origin))
        self._authorities: WatchedFiles[ClientAuthorities] | None = None
        self.origin = secure.pairs[0].origin
        if secure.client_ca is not None:
            with collecting(errors, self.origin):
                self._authorities = WatchedFiles((secure.client_ca,), partial(ClientAuthorities, secure.client_ca))

    @property
    def pairs(self) -> list[KeyPair]:
        """As they were read last."""
        return [pair.value for pair, _ in self._pairs]

    @property
    def authorities(self) -> ClientAuthorities | None:
        """Those of clients, as they were read last."""
        return None if self._authorities is None else self._authorities.value

    def have_changed(self) -> bool:
        """Read again what has changed; whether anything has."""
        watched = [pair for pair, _ in self._pairs]
        changed = sum(each.has_changed() for each in watched) > 0
        return (self._authorities is not None and self._authorities.has_changed()) or changed

    def warnings(self, now: datetime) -> Iterator[ConfigError]:
        """What is not well, though it can be used."""
        for pair, origin in self._pairs:
            for complaint in pair.value.complaints(now):
                yield ConfigError(f"tls(): {complaint}", origin=origin, warning=True)


@contextmanager
def collecting(errors: list[ConfigError], origin: Origin) -> Iterator[None]:
    """Let all that is wrong with files be told together."""
    try:
        yield
    except BadFile as error:
        errors.append(ConfigError(f"tls(): {error.message}", origin=origin, hint=error.hint))
