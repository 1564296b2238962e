"""Options of ``server()``, ``http()`` and others that are called as if they were verbs: ``server(80).names("x")``."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Mapping
from typing import Final

from pydsl_proxy.config.loading.pasting import Written, calls_at
from pydsl_proxy.config.loading.trial import public_names, refusal
from pydsl_proxy.config.locations import Location, OpenLocation
from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.config.streams.stream import OpenStream, Stream
from pydsl_proxy.config.upstreams import Peer, Upstream
from pydsl_proxy.errors.other_words import ATTRIBUTES, LOGS
from pydsl_proxy.origin import Origin

_NAME: Final = __name__.partition(".")[0]
_FUNCTIONS: Final = {
    Server: "server",
    OpenStream: "stream",
    Stream: "stream",
    Http: "http",
    Location: "location",
    OpenLocation: "location",
    Upstream: "upstream",
    Peer: "peer",
}


def attribute_called(origin: Origin, names: Mapping[str, object]) -> tuple[str, str] | None:
    """What is wrong with the call at *origin* of what is no function, and what to write; None for no such attribute.

    *names* are those of the user, with what they stand for.
    """
    for written in calls_at(origin):
        called = written.call.func
        if isinstance(called, ast.Attribute):
            function = _made_by(called.value, names)
            if function is not None and (hint := _hint(function, called.attr, called.value, written)):
                what = f"{called.attr} is no verb of {function}(…)"
                if called.attr in _options(function):
                    what = f"{called.attr} is an option of {function}(), and no verb"
                return what, hint
    return None


def _made_by(node: ast.expr, names: Mapping[str, object]) -> str | None:
    """The function that makes what *node* gives, as far as that is seen without running it."""
    if isinstance(node, ast.Name):
        value = names.get(node.id)
        return next((function for kind, function in _FUNCTIONS.items() if isinstance(value, kind)), None)
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Name):
        value = names.get(node.func.id)
        name = getattr(value, "__name__", "")
        return name if name in public_names() and getattr(sys.modules[_NAME], name) is value else None
    if isinstance(node.func, ast.Attribute):
        owner = _made_by(node.func.value, names)
        if node.func.attr == "location" and owner in ("server", "location"):
            return "location"
        if owner == "location" and node.func.attr in _handlers() and not _free(node.func.value, names):
            return "server"
        return owner
    return None


def _free(node: ast.expr, names: Mapping[str, object]) -> bool:
    """Whether the chain begins with the free function ``location``, or with one that it made."""
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Attribute) and node.attr == "location":
            return False
        node = node.func if isinstance(node, ast.Call) else node.value
    return True


def _handlers() -> set[str]:
    return {each for each in vars(OpenLocation) if not hasattr(Server, each)} - {"when", "internal"}


def _options(function: str) -> list[str]:
    made = getattr(sys.modules[_NAME], function)
    return [each.name for each in inspect.signature(made).parameters.values() if each.kind is each.KEYWORD_ONLY]


def _hint(function: str, name: str, owner: ast.expr, written: Written) -> str | None:
    rows = [row for row in ATTRIBUTES if row.words == name and function in row.calls.split()]
    for row in rows:
        if row.write is None:
            return row.note
        code, lost = written.filled(row.write)
        chain = f"{written.code(owner)}.{code}"
        if not lost and refusal(chain) is None:
            return f"write {chain}"
        return row.note
    if name not in _options(function):
        return None
    value = _value(name, written)
    at_hand = isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name)
    if value is None or not at_hand or not isinstance(owner, ast.Call):
        return f"give it to the function: {function}(…, {name}={value or '…'})"
    inner = Written(owner, written.source)
    rest = ", ".join(map(inner.code_of, inner.arguments))
    code = f"{inner.name}({rest}{', ' if rest else ''}{name}={value})"
    return f"write {code}" if refusal(code) is None else f"give it to the function: {function}(…, {name}={value})"


def _value(name: str, written: Written) -> str | None:
    """The code of the option that the arguments of the call mean."""
    arguments = written.call.args
    codes = list(map(written.code_of, written.arguments))
    if name in ("tls", "clients") and codes:
        is_made = len(codes) == 1 and arguments and not isinstance(arguments[0], ast.Constant)
        return codes[0] if is_made else f"{name}({', '.join(codes)})"
    if written.call.keywords or any(isinstance(each, ast.Starred) for each in arguments):
        return None
    if name in ("names", "trusted_proxies", "proxy_protocol"):
        is_list = len(arguments) == 1 and not isinstance(arguments[0], ast.Constant)
        return codes[0] if is_list else f"[{', '.join(codes)}]"
    if name == "access_log" and len(arguments) == 1 and isinstance(arguments[0], ast.Constant):
        word = str(arguments[0].value).lower()
        code = next((code for code, words in LOGS.items() if word in words.split()), None)
        return codes[0] if code is None else code.removeprefix("access_log=")
    return codes[0] if len(codes) == 1 else "True" if not codes else None
