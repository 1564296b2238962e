"""A guard that asks for user and password: nginx's ``auth_basic``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError, ProxyError, Source
from pydsl_proxy.features.access.guards import (
    GRANTED,
    Guard,
    Later,
    Opinion,
    Refusal,
    Waiting,
    guarded,
    one_authorization,
    refused,
)
from pydsl_proxy.features.access.htpasswd_file import BadFile, UsersFile
from pydsl_proxy.features.access.password_checks import RIGHT, WRONG, Outcome, PasswordChecks, runner
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.wire.fields.basic_credentials import read_basic


@frozen
class BasicAuth:
    """What ``.basic_auth()`` asks for; without a file it lifts what a scope further out asks for."""

    overrides: ClassVar[bool] = True
    rank: ClassVar[int] = 1

    users: str | None
    realm: str = field(default="Restricted", kw_only=True)
    allow_sha1: bool = field(default=False, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        return call("basic_auth", repr(self.users), options(self, "realm", "allow_sha1"))

    def guard(self, place: CompileContext) -> Guard | None:
        """The guard; a ConfigError says that the file cannot be used."""
        if self.users is None:
            return None
        clock, path, allow_sha1 = place.clock, self.users, self.allow_sha1

        def make() -> PasswordChecks:
            return PasswordChecks(UsersFile(path, clock.seconds, allow_sha1=allow_sha1), clock, runner(clock))

        checks = place.kept(self, make)
        try:
            checks.users.load()
        except BadFile as error:
            raise ConfigError(f"basic_auth(): {error}", origin=self.origin, hint=error.hint) from None
        except ConfigError as error:
            raise ConfigError(error.message, origin=self.origin, hint=error.hint) from None
        return _PasswordGuard(checks, self.realm)

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Refuse with 401, or go on."""
        return guarded(self.guard(place), inner)


class _PasswordGuard:
    """Checks the credentials that a client sends."""

    def __init__(self, checks: PasswordChecks, realm: str) -> None:
        self._checks = checks
        quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
        # RFC 7617 2.1: with charset a client sends UTF-8.
        self._challenge = ((b"WWW-Authenticate", f'Basic realm="{quoted}", charset="UTF-8"'.encode()),)

    def check(self, exchange: Exchange, later: Later) -> Opinion:
        """Read the credentials, and have them checked."""
        values = exchange.fields.all(b"authorization")
        repeated = one_authorization(values)
        if repeated is not None:
            return repeated
        given = read_basic(values[0]) if values else None
        if given is None:
            return self._refused("no user and password are given")
        return Waiting(exchange, later).begin(partial(self._begin, exchange, *given))

    def _begin(
        self, exchange: Exchange, user: bytes, password: bytes, tell: Callable[[Opinion], None]
    ) -> Callable[[ProxyError], None]:
        cancel = self._checks.ask(user, password, lambda outcome: tell(self._opinion(exchange, user, outcome)))
        return lambda error: cancel()

    def _opinion(self, exchange: Exchange, user: bytes, outcome: Outcome) -> Opinion:
        name = user.decode("utf-8", "surrogateescape")
        if outcome is RIGHT:
            exchange.user = name
            return GRANTED
        if outcome is WRONG:
            return self._refused(f"the password is wrong or there is no user {name!r}")
        return Refusal(ProxyError(Source.US, 503, "auth_busy", "too many passwords wait to be checked"))

    def _refused(self, message: str) -> Refusal:
        return refused(401, "unauthorized", message, self._challenge)

    def passed_over(self, exchange: Exchange) -> None:
        """Nobody is known by a password that was not checked."""
        exchange.user = ""
