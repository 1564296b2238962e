"""Trying what the user is to paste, so that no hint shows what would be refused itself."""

from __future__ import annotations

import ast
import re
import sys
from contextvars import copy_context
from typing import Final

from pydsl_proxy.config.loading.opened_locations import noticing
from pydsl_proxy.errors import ConfigError

_NAME: Final = __name__.partition(".")[0]
# The text of an argument that is no literal may do anything when it runs.
_HARMLESS: Final = (
    ast.Expression,
    ast.Constant,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.Set,
    ast.Call,
    ast.keyword,
    ast.Attribute,
    ast.Name,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.UnaryOp,
    ast.USub,
    ast.BinOp,
    ast.Mult,
    ast.Load,
)


def refusal(code: str, given: object = None) -> str | None:
    """Why *code* is refused, None if it is accepted or is not tried: it has names of the user's own.

    What *code* calls ``_`` is *given*.
    """
    public = public_names()
    try:
        tree = ast.parse(code, mode="eval")
    except SyntaxError as error:
        return error.msg
    for node in ast.walk(tree):
        if not isinstance(node, _HARMLESS) or (isinstance(node, ast.Name) and node.id not in {*public, "_"}):
            return None
    names = {each: getattr(sys.modules[_NAME], each) for each in public} | {"_": given, "__builtins__": {}}
    return copy_context().run(_refusal, compile(tree, "<hint>", "eval"), names)


def _refusal(code: object, names: dict[str, object]) -> str | None:
    try:
        with noticing(lambda: None):
            eval(code, names)  # type: ignore[arg-type]  # of compile()
    except ConfigError as error:
        return error.message if error.hint is None else f"{error.message}: {error.hint}"
    except Exception as error:
        unknown = re.search(r"unexpected keyword argument ('\w+')", str(error))
        return str(error) if unknown is None else f"it has no option {unknown[1]}"
    return None


def public_names() -> list[str]:
    """The names that users import.  They stand above this package, which may not import them."""
    return list(sys.modules[_NAME].__all__)
