"""The server that ``auth_request`` asks, and what is taken over from its answer: checked where they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydsl_proxy.config.upstreams import Upstream, alone
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.lists import listed
from pydsl_proxy.wire.http.grammar import is_token
from pydsl_proxy.wire.http.hop_by_hop import FORWARDING, REQUEST_DROPPED

_URL = re.compile(r"(?P<scheme>(?i:https?))://(?P<authority>[^/?#]+)(?P<path>[^#]*)")
# What says where a message ends or whom it is for, and what the proxy writes itself.
_NEVER_COPIED = REQUEST_DROPPED | FORWARDING | {b"host", b"content-length", b"transfer-encoding", b"trailer"}


def asked_upstream(given: Upstream | str) -> Upstream:
    """The upstream that *given* is or stands for."""
    if isinstance(given, Upstream):
        return given
    if not isinstance(given, str):
        hint = 'write upstream("auth", …), an address, or "http://127.0.0.1:9091/verify"'
        raise ConfigError(f"auth_request(): {given!r} is not an upstream", hint=hint)
    if url := _URL.fullmatch(given):
        authority = url["authority"]
        if url["scheme"].lower() == "https":
            return alone(f"https://{authority}")
        return alone(authority if ":" in authority.rpartition("]")[2] else f"{authority}:80")
    if given.startswith("/"):
        hint = f'write "127.0.0.1:9000", path="{given}"; a path alone does not say which server is asked'
        raise ConfigError(f"auth_request(): {given!r} is a path", hint=hint)
    return alone(given)


def asked_path(given: Upstream | str, path: str | None) -> str | None:
    """The request target that is asked for; None is ``/``."""
    url = _URL.fullmatch(given) if isinstance(given, str) else None
    if url and url["path"]:
        if path is not None:
            raise ConfigError(
                f"auth_request({given!r}, path={path!r}): the URL has a path too", hint="write one of them"
            )
        path = url["path"] if url["path"].startswith("/") else "/" + url["path"]
    if path is None:
        return None
    if not isinstance(path, str) or not re.fullmatch(r"/[!-\"$-~]*", path):
        hint = 'write path="/verify"; other characters are percent-encoded, as %20 for a space'
        raise ConfigError(f"auth_request(path={path!r}): a path begins with a slash and is visible ASCII", hint=hint)
    return path


def copied_names(names: Iterable[str]) -> tuple[str, ...]:
    """*names*, if they are those of fields that may be taken over."""
    checked = listed("auth_request", "copy", names, '["X-User"]', lambda name: copied_names([name]))
    seen: set[str] = set()
    for name in checked:
        if not isinstance(name, str) or not is_token(name.encode()):
            raise ConfigError(f"auth_request(copy=…): {name!r} is not a header name (RFC 9110 5.1)")
        if "_" in name:
            # The reader drops them, as nginx does.
            hint = f'write "{name.replace("_", "-")}"'
            raise ConfigError(f"auth_request(copy=…): {name!r}: names with an underscore are not sent", hint=hint)
        if name.lower().encode() in _NEVER_COPIED:
            raise ConfigError(f"auth_request(copy=…): {name} is not for the server that is asked to say")
        if name.lower() in seen:
            raise ConfigError(f"auth_request(copy=…): {name!r} stands twice", hint="write it once")
        seen.add(name.lower())
    return checked
