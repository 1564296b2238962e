"""Verbs that say who may pass."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Self

from pydsl_proxy.config.auth_request_arguments import asked_path, asked_upstream, copied_names
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.config.verbs.addresses import Addresses
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.numbers import seconds
from pydsl_proxy.features.access.auth_request import AuthRequest
from pydsl_proxy.features.access.basic_auth import BasicAuth
from pydsl_proxy.features.access.satisfy import Satisfy, SatisfyMode
from pydsl_proxy.origin.paths import from_file


class Access(Addresses):
    """Guards: addresses, passwords, and what another server says."""

    __slots__ = ()

    def basic_auth(
        self, users: str | os.PathLike[str] | None, *, realm: str = "Restricted", allow_sha1: bool = False
    ) -> Self:
        """Ask for a user and password of the htpasswd file *users*; None lifts what an outer scope asks for.

        Hashes are bcrypt (``htpasswd -B``), SHA-crypt or apr1; unsalted SHA-1 only with *allow_sha1*, plain passwords
        never.  The file is read anew when it changes.  Who gives none that is right is answered 401, with *realm* in
        the challenge.  The user is the value ``authenticated_user``; the field Authorization goes on to peers, unless
        ``.remove_request_header("Authorization")`` says otherwise.  nginx's ``auth_basic`` and
        ``auth_basic_user_file``.  Needs ``pip install 'pydsl_proxy[auth]'``.
        """
        return self._with(BasicAuth(_path(users), realm=_realm(realm), allow_sha1=bool(allow_sha1)))

    def auth_request(
        self,
        upstream: Upstream | str | None,
        *,
        path: str | None = None,
        copy: Iterable[str] = (),
        timeout: float = 30,
        pass_reply: bool = False,
        pass_cookies: bool = False,
    ) -> Self:
        """Ask another server whether the client may pass; None lifts what an outer scope asks for.

        It is an upstream, an address, or a URL as ``"http://127.0.0.1:9091/verify"``, and is sent a GET for *path*
        (``/`` by default), without a body, with the client's header fields and ``X-Original-URI``,
        ``X-Original-Method``, ``X-Forwarded-Uri``, ``X-Forwarded-Method``.  2xx: the request goes on, with the fields
        of the answer that *copy* names, of which the client's own are always removed.  401 and 403: the client is
        answered the same, with ``WWW-Authenticate``.  Anything else, or no answer within *timeout* seconds: 500.  With
        *pass_reply* an answer of 3xx or 4xx goes to the client as it is, a redirect to a login for one.  With
        *pass_cookies* the ``Set-Cookie`` of a 2xx goes to the client, with the response.  nginx's ``auth_request`` and
        ``auth_request_set``.
        """
        if upstream is None:
            return self._with(AuthRequest(None))
        return self._with(
            AuthRequest(
                asked_upstream(upstream),
                path=asked_path(upstream, path),
                copy=copied_names(copy),
                timeout=seconds("auth_request(timeout=…)", timeout),
                pass_reply=bool(pass_reply),
                pass_cookies=bool(pass_cookies),
            )
        )

    def satisfy(self, mode: SatisfyMode) -> Self:
        """Say whether ``"all"`` guards must let a client pass (by default), or ``"any"`` one of them is enough.

        Guards are ``allow`` and ``deny``, ``basic_auth``, and ``auth_request``.  With ``"any"`` they are asked together
        where the first of them stands: addresses, password, the other server.  nginx's ``satisfy``.
        """
        if mode not in ("any", "all"):
            raise ConfigError(f"satisfy(): {mode!r} is neither", hint='write .satisfy("any") or .satisfy("all")')
        return self._with(Satisfy(mode))


def _path(users: object) -> str | None:
    if users is None:
        return None
    path = os.fspath(users) if isinstance(users, str | os.PathLike) else None
    if not isinstance(path, str) or not path or "\0" in path:
        raise ConfigError(f"basic_auth(): {users!r} is not a path", hint='write .basic_auth("/etc/proxy/htpasswd")')
    return from_file(path)


def _realm(realm: str) -> str:
    if not isinstance(realm, str) or not realm.isascii() or not realm.isprintable():
        raise ConfigError(f"basic_auth(realm={realm!r}): a realm is visible ASCII", hint='write realm="Staff only"')
    return realm
