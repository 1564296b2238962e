"""Error pages as users write them, checked where they are written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from pydsl_proxy.config.loading.meant import without_list
from pydsl_proxy.config.matching import Named
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.features.error_pages.error_pages import REDIRECTS, ErrorPage
from pydsl_proxy.values.value import Constant, Text, ValueFunction, ValueSource, body_for, constant, value_for
from pydsl_proxy.wire.http.grammar import is_value
from pydsl_proxy.wire.http.statuses import has_no_body

_URL = re.compile(r"https?://[^/]")


def error_page(
    statuses: Sequence[int],
    *,
    to: ValueSource | Named | None,
    body: bytes | ValueSource | None,
    content_type: str,
    status: int | Literal["target"] | None,
    intercept: bool,
) -> ErrorPage:
    """The feature of ``.error_page()``, checked."""
    _check_statuses(statuses)
    if (to is None) == (body is None):
        hint = 'write to="/404.html", to=named("fallback"), or body="<h1>Not here</h1>"'
        raise ConfigError("error_page() wants either to= or body=", hint=hint)
    if (
        not isinstance(content_type, str)
        or not content_type
        or not content_type.isascii()
        or not is_value(content_type.encode())
    ):
        raise ConfigError(f"error_page(): {content_type!r} is not a media type", hint='write content_type="text/html"')
    target = None if to is None else _target(to)
    _check_status(status, target)
    return ErrorPage(
        tuple(statuses),
        to=target,
        body=None if body is None else _body(body),
        content_type=content_type,
        status=status,
        intercept=bool(intercept),
    )


def _body(given: bytes | ValueSource) -> ValueFunction:
    if isinstance(given, bytes):
        return Constant(given.decode("utf-8", "surrogateescape"))
    return body_for("error_page(body=…)", given)


def _check_statuses(statuses: Sequence[object]) -> None:
    if not statuses:
        raise ConfigError("error_page() without a status", hint='write error_page(404, to="/404.html")')
    for index, each in enumerate(statuses):
        if isinstance(each, list | tuple | set | frozenset) and each:
            _check_statuses(tuple(each))
            listed = ", ".join(map(repr, each))
            code = without_list("error_page", index, listed, before='location("/").')
            raise ConfigError(f"error_page(): the statuses are in a {type(each).__name__}", hint=f"write {code}")
        if isinstance(each, str) and re.fullmatch(r"[\dx]+(?:[\s,-]+\d+)*", each):
            numbers = ", ".join(re.findall(r"\b\d{3}\b", each)) or "404, 502"
            hint = f"write {numbers}" + ("" if "-" not in each else ", and those between, each by itself")
            raise ConfigError(f"error_page(): {each!r} is not a status but a text", hint=hint)
        if isinstance(each, str | Named):
            raise ConfigError(f"error_page(): {each!r} is not a status", hint=f"write to={each!r}")
        # nginx: from 300 to 599, and not 499, as nobody is there to see it.
        if not isinstance(each, int) or isinstance(each, bool) or not 300 <= each <= 599 or each == 499:
            raise ConfigError(f"error_page(): {each!r} is not the status of an error", hint="write 404, 502")


def _check_status(status: object, target: ValueFunction | None) -> None:
    if status is None:
        return
    text = None if target is None else constant(target)
    if text is not None and _URL.match(text):
        if status not in REDIRECTS:
            known = ", ".join(map(str, REDIRECTS))
            raise ConfigError(f"error_page(status={status!r}): a URL is redirected to", hint=f"write one of {known}")
    elif status == "target":
        if target is None:
            raise ConfigError("error_page(status='target'): a body has no status of its own", hint="write status=200")
    elif not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599 or has_no_body(status):
        raise ConfigError(
            f"error_page(status={status!r}): a page cannot have it", hint='write status=200, or status="target"'
        )


def _target(to: ValueSource | Named) -> ValueFunction:
    if isinstance(to, Named):
        return Constant(to.path)
    value = value_for("error_page(to=…)", to)
    start = constant(value)
    if start is None and isinstance(value, Text) and isinstance(value.parts[0], str):
        start = value.parts[0]
    elif start is not None and re.search(r"[\x00-\x20\x7f#]", start):
        raise ConfigError(f"error_page(to={start!r}): a space, a '#' or a control character is no part of a target")
    if start is not None and not re.match("/|https?://", start):
        if start.startswith("@"):
            hint = f"write to=named({start[1:]!r})"
        else:
            hint = f'write to="/{start}", or a URL with https://'
        raise ConfigError(f"error_page(to={start!r}): it is neither a path nor a URL", hint=hint)
    return value
