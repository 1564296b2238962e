"""Reading the code of a value that is made of others, as it stands between the marks of a text."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Final

from pydsl_proxy.values.lookup import map_value
from pydsl_proxy.values.regex import regex
from pydsl_proxy.values.split import split_clients
from pydsl_proxy.values.value import SIMPLE_VALUES, VALUE_MAKERS, Value

_FUNCTIONS: Final[Mapping[str, Callable[..., object]]] = {
    **VALUE_MAKERS,
    "map_value": map_value,
    "split_clients": split_clients,
    "regex": regex,
}


def read_composed(code: str) -> Value:
    """The value whose repr is *code*; a ValueError says that it is another text.

    Nothing is called but what makes values, so a text that a stranger wrote can do no harm.
    """
    try:
        made = _read(ast.parse(code, mode="eval").body)
    except (SyntaxError, TypeError, RecursionError) as error:
        raise ValueError(f"{code!r} is no value") from error
    if not isinstance(made, Value):
        raise ValueError(f"{code!r} is no value")
    return made


def _read(node: ast.expr) -> object:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name) and node.id in SIMPLE_VALUES:
        return Value(node.id)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {_read(key): _read(item) for key, item in pairs if key is not None}
    if isinstance(node, ast.JoinedStr):
        return "".join([str(_read(part)) for part in node.values])
    if isinstance(node, ast.FormattedValue):
        return _read(node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return f"{_read(node.left)}{_read(node.right)}"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
        options = {option.arg: _read(option.value) for option in node.keywords if option.arg is not None}
        return _FUNCTIONS[node.func.id](*map(_read, node.args), **options)
    raise ValueError(f"{ast.unparse(node)!r} is no value")
