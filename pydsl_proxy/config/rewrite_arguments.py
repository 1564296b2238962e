"""Rewrites, copies and edits of cookies as users write them, checked where they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Literal

from pydsl_proxy.config.loading.meant import not_an_upstream
from pydsl_proxy.config.upstreams import Upstream, alone
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.numbers import count, redirect_status, size
from pydsl_proxy.features.headers.cookies import CookieFlags, CookieRule
from pydsl_proxy.features.mirroring import Mirror
from pydsl_proxy.features.rewriting.rewrite import Rewrite
from pydsl_proxy.features.rewriting.strip_prefix import StripPrefix
from pydsl_proxy.values.regex import Regex, quoted, quoted_raw
from pydsl_proxy.values.rewrite_template import groups_of
from pydsl_proxy.values.value import Text, ValueFunction, ValueSource, constant, value_for
from pydsl_proxy.wire.http.uri import is_plain

_REDIRECTS = (301, 302, 303, 307, 308)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def strip_prefix(prefix: str) -> StripPrefix:
    """The feature of ``.strip_prefix()``, checked."""
    if not isinstance(prefix, str):
        raise ConfigError(f"strip_prefix(): {prefix!r} is not a path", hint='write strip_prefix("/api")')
    bare = prefix.rstrip("/")
    if not bare and prefix:
        raise ConfigError("strip_prefix('/'): there is nothing to strip", hint="leave it out")
    if not bare.startswith("/"):
        raise ConfigError(f"strip_prefix({prefix!r}): it begins with a slash", hint=f'write "/{bare}"')
    if not is_plain(bare.encode(errors="replace")) and re.search(r"[%?#]|//|/\.\.?(?:/|\Z)|[\x00-\x20\x7f]", bare):
        raise ConfigError(f"strip_prefix({prefix!r}): it is no decoded path", hint='write it as a location, "/api"')
    return StripPrefix(bare)


def rewrite(pattern: str | Regex, replacement: ValueSource, *, last: bool, redirect: int | None) -> Rewrite:
    """The feature of ``.rewrite()``, checked."""
    made = pattern if isinstance(pattern, Regex) else Regex(pattern)
    value = value_for("rewrite()", replacement)
    if redirect is not None and (isinstance(redirect, bool) or redirect not in _REDIRECTS):
        meant, known = redirect_status(redirect), ", ".join(map(str, _REDIRECTS))
        hint = f"the statuses are {known}" if meant is None else f"write redirect={meant}"
        raise ConfigError(f"rewrite(redirect={redirect!r}) is not a redirect", hint=hint)
    if last and redirect is not None:
        raise ConfigError("rewrite(): a client that is redirected searches no location", hint="leave last=True out")
    _check_replacement(made, value)
    return Rewrite(made, value, last=bool(last), redirect=redirect)


def _check_replacement(pattern: Regex, value: ValueFunction) -> None:
    text = constant(value)
    parts = value.parts if isinstance(value, Text) else () if text is None else (text,)
    literals = [part for part in parts if isinstance(part, str)]
    for literal in literals:
        if found := re.search(r"[\x00-\x20\x7f]", literal):
            hint = 'write a raw string: r"/new/\\1"' if found[0] < "\x0a" else "write %20 for a space"
            raise ConfigError(f"rewrite(): {literal!r} has a space or a control character", hint=hint)
        if found := re.search(r"\$?\{(?:[\w.]*[.:])?(\d)\}", literal):
            hint = f"write {quoted_raw(literal.replace(found[0], chr(92) + found[1]))}"
            if int(found[1]) > pattern.compile().groups:
                hint = rf'write (…) around what it stands for in the pattern, and "\{found[1]}" here'
            raise ConfigError(f"rewrite(): {found[0]} is of another proxy; groups have a backslash", hint=hint)
        if found := re.search(r"\$(\d|\{?[a-z_]+)", literal):
            hint = rf'write r"\{found[1]}"' if found[1].isdigit() else 'write an f-string with a value, as f"/{host}"'
            raise ConfigError(f"rewrite(): {found[0]} is nginx's; groups are written with a backslash", hint=hint)
        if "#" in literal:
            raise ConfigError(f"rewrite(): {literal!r} has a fragment, which no request has")
    _check_groups(pattern, [group for literal in literals for group in groups_of(literal)])
    first = parts[0] if parts else None
    if isinstance(first, str) and not re.match(r"/|https?://|\\(?:\d|g<)", first):
        raise ConfigError(
            f"rewrite(): {first!r} is neither a path nor a URL", hint=f"write {quoted('/' + first)}, or https://…"
        )


def _check_groups(pattern: Regex, groups: list[str]) -> None:
    compiled = pattern.compile()
    for group in groups:
        known = int(group) <= compiled.groups if group.isdecimal() else group in compiled.groupindex
        if not known:
            raise ConfigError(
                f"rewrite(): {pattern!r} has no group {group}", hint=f"it has {compiled.groups}, counted from 1"
            )


def mirror(upstream: Upstream | str, *, percent: float, body: int, in_flight: int) -> Mirror:
    """The feature of ``.mirror()``, checked."""
    if isinstance(upstream, str):
        upstream = alone(upstream)
    elif not isinstance(upstream, Upstream):
        raise not_an_upstream("mirror", upstream, name="shadow")
    number = isinstance(percent, int | float) and not isinstance(percent, bool) and isfinite(percent)
    if not number or not 0 < percent <= 100:
        raise ConfigError(f"mirror(percent={percent!r}) is not a percentage above 0", hint="write percent=10")
    return Mirror(
        upstream,
        percent=percent,
        body=size("mirror(body=…)", body),
        in_flight=count("mirror(in_flight=…)", in_flight, least=1),
    )


def cookie_rules(attribute: Literal["domain", "path"], rules: Mapping[str | Regex, str]) -> CookieRule:
    """The feature of ``.rewrite_cookie_domain()`` and ``.rewrite_cookie_path()``, checked."""
    verb = f"rewrite_cookie_{attribute}"
    example = '{"app.internal": "example.com"}' if attribute == "domain" else '{"/": "/app/"}'
    if not isinstance(rules, Mapping) or not rules:
        raise ConfigError(f"{verb}(): {rules!r} are no rules", hint=f"write {verb}({example})")
    for old, new in rules.items():
        if not isinstance(old, str | Regex) or not old:
            raise ConfigError(f"{verb}(): {old!r} is neither a text nor a regex", hint=f"write {verb}({example})")
        if not isinstance(new, str) or re.search(r"[^!-~]|[;,]", new):
            raise ConfigError(f"{verb}(): {new!r} cannot be a cookie's {attribute} (RFC 6265 4.1.1)")
        if isinstance(old, Regex):
            _check_expansion(verb, old, new)
    return CookieRule(attribute, tuple(rules.items()))


def _check_expansion(verb: str, pattern: Regex, new: str) -> None:
    _check_groups(pattern, groups_of(new))
    compiled = pattern.compile()
    names = {at: name for name, at in compiled.groupindex.items()}
    # Groups of the same numbers and names, all of them empty.
    groups = [f"(?P<{names[at]}>)" if at in names else "()" for at in range(1, compiled.groups + 1)]
    try:
        re.compile("".join(groups).encode()).match(b"").expand(new.encode())  # type: ignore[union-attr]  # it matches
    except (re.error, IndexError) as error:
        raise ConfigError(f"{verb}(): {new!r} is no replacement for {pattern!r}: {error}") from None


def cookie_flags(
    name: str | Regex | None,
    *,
    secure: bool | None,
    httponly: bool | None,
    samesite: Literal["strict", "lax", "none", False] | None,
) -> CookieFlags:
    """The feature of ``.set_cookie_flags()``, checked."""
    if name is not None and not isinstance(name, Regex) and (not isinstance(name, str) or not _TOKEN.fullmatch(name)):
        raise ConfigError(f"set_cookie_flags(): {name!r} is not the name of a cookie", hint='write "sid"')
    for flag, value in (("secure", secure), ("httponly", httponly)):
        if value not in (True, False, None):
            raise ConfigError(f"set_cookie_flags({flag}={value!r})", hint=f"write {flag}=True")
    if samesite not in ("strict", "lax", "none", False, None):
        raise ConfigError(f"set_cookie_flags(samesite={samesite!r})", hint='write samesite="lax", "strict" or "none"')
    if secure is None and httponly is None and samesite is None:
        raise ConfigError("set_cookie_flags() sets nothing", hint='write secure=True, httponly=True, samesite="lax"')
    return CookieFlags(name, secure=secure, httponly=httponly, samesite=samesite)
