"""What limits have in common: their keys, how they refuse, and how they tell of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from ipaddress import ip_network
from secrets import token_bytes
from typing import Final

from twisted.logger import Logger

from pydsl_proxy.errors import ConfigError, ProxyError, Source
from pydsl_proxy.errors.key_words import key_word
from pydsl_proxy.errors.rate_limited import RateLimited, more
from pydsl_proxy.interfaces import Exchange
from pydsl_proxy.values.value import ValueFunction, ValueSource, constant, value_for
from pydsl_proxy.wire.http1.response_writer import error_page

log = Logger()

# Digests are keyed: a key may be a password, which a dictionary would find from an unkeyed digest.
_SECRET: Final = token_bytes(16)


def read_key(verb: str, source: ValueSource) -> ValueFunction:
    """The value that requests are told apart by."""
    value = value_for(f"{verb}(key=…)", source)
    if constant(value) == "":
        raise ConfigError(
            f'{verb}(key=""): requests with an empty key are not limited', hint='one key for all: write key="all"'
        )
    text = constant(value)
    if text is not None and (code := key_word(text)) is not None:
        raise ConfigError(
            f"{verb}(key={text!r}): the text is one key for all requests, and not the value that it names",
            hint=f'write key={code}; one key for all is key="all"',
        )
    return value


def check_status(verb: str, status: int) -> None:
    """Refuse what is no status of an error; nginx has the same bounds."""
    if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status <= 599:
        text = f"{verb}(status={status!r}): a status between 400 and 599 is expected"
        raise ConfigError(text, hint="write status=429, or 503 as nginx's default")


def refuse(
    exchange: Exchange, status: int, cause: str, message: str, fields: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    """Answer that the client has asked for too much; *message* goes to the log."""
    exchange.error = ProxyError(Source.CLIENT, status, cause, message)
    body, typed = error_page(status)
    exchange.respond(status, body, (*typed, *fields))


class Notices:
    """Tells the error log what a limit does: its first act at once, then a sum every ten seconds while there is one."""

    __slots__ = ("_limit", "limit")

    def __init__(self, seconds: Callable[[], float]) -> None:
        #: The call that made the limit, and its line.
        self.limit = ""
        self._limit = RateLimited(seconds)

    def note(self, act: str, key: bytes) -> None:
        """*act* was done to a request with *key*."""
        if acts := self._limit.note():
            text = "{limit}: {act}, key '{key}'{more}"
            log.warn(text, limit=self.limit, act=act, key=loggable_key(key), more=more(acts))


def loggable_key(key: bytes) -> str:
    """An address or a network as it is, and of any other key a digest: it may be a password or a token.

    Within one process the digest of a key stays the same.
    """
    # Of a link-local address the zone is left out.
    text = key.decode("latin-1").partition("%")[0]
    try:
        if text != "unix:":
            ip_network(text)
    except ValueError:
        return f"digest {blake2b(key, digest_size=8, key=_SECRET).hexdigest()}"
    return text
