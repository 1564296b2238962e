"""Finding locations that were built and lost, because the result of a chain was not kept."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Iterator, Mapping

from pydsl_proxy.config.loading.opened_locations import Noticed
from pydsl_proxy.config.locations import Location, OpenLocation
from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.config.streams.stream import OpenStream, Stream
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.origin import Origin


def forgotten(noticed: Noticed, file: str, names: Mapping[str, object]) -> Iterator[ConfigError]:
    """An error for each location or stream opened in *file* that none of the module's *names* leads to.

    What a name leads to is kept, be it part of ``proxy`` or not: a variant for another day is no mistake.
    """
    kept = {id(origin) for value in names.values() for origin in _origins(value)}
    for origin, code in noticed.opened:
        if origin.file != file or id(origin) in kept:
            continue
        if id(origin) in noticed.closed:
            text = f"{code} is lost: what its chain gives back is not kept"
            yield ConfigError(text, origin=origin, hint=_hint(origin, code))
        else:
            is_stream = code.startswith("stream(")
            text = f"{code} is lost: it has no {'upstream' if is_stream else 'handler'}, and is not kept"
            others = "" if is_stream else ", .respond(…) or .redirect_to(…)"
            yield ConfigError(text, origin=origin, hint=f"end it with .proxy_to(…){others}")


def _origins(value: object) -> Iterator[Origin]:
    """The origins of the locations and streams in *value*."""
    inside: Iterable[object] = ()
    if isinstance(value, Location | OpenLocation | Stream | OpenStream):
        yield value.origin
        inside = (value.owner,) if isinstance(value, OpenLocation) else ()
    elif isinstance(value, Http):
        inside = (*value.servers, *value.streams)
    elif isinstance(value, Server):
        inside = value.locations
    elif isinstance(value, dict):
        inside = value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        inside = value
    for each in inside:
        yield from _origins(each)


def _hint(origin: Origin, code: str) -> str:
    """The statement with its result kept, as far as it can be told from the source."""
    if code.startswith("stream("):
        return "keep the result, and give it to http(…): db = stream(…).proxy_to(…)"
    name = _root(origin)
    verb = code if len(code) < 40 else "location(…)"
    if name is None:
        return "keep the result: web = web.location(…)…"
    return f"write {name} = {name}.{verb}…"


def _root(origin: Origin) -> str | None:
    """The name with which the statement around *origin* begins, as ``web`` in ``web.location("/").respond(200)``."""
    try:
        tree = ast.parse("".join(linecache.getlines(origin.file)))
    except SyntaxError:
        return None
    for statement in ast.walk(tree):
        if not isinstance(statement, ast.Expr) or not _covers(statement, origin.line):
            continue
        value = statement.value
        while isinstance(value, ast.Call | ast.Attribute):
            value = value.func if isinstance(value, ast.Call) else value.value
        return value.id if isinstance(value, ast.Name) else None
    return None


def _covers(statement: ast.Expr, line: int) -> bool:
    return statement.lineno <= line <= (statement.end_lineno or statement.lineno)
