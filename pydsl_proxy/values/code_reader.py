"""Reading the code of a value that is made of others, as it stands between the marks of a text."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping


class CodeReader:
    """Reads code that consists of *names* and of calls of *functions*, and of texts and tables of these.

    Nothing else is called, so a text that a stranger wrote can do no harm.
    """

    def __init__(self, names: Mapping[str, object], functions: Mapping[str, Callable[..., object]]) -> None:
        self._names = names
        self._functions = functions

    def read(self, code: str) -> object:
        """What *code* makes; raises ValueError for any other text."""
        try:
            return self._made(ast.parse(code, mode="eval").body)
        except (SyntaxError, TypeError, RecursionError) as error:
            raise ValueError(f"{code!r} is no value") from error

    def _made(self, node: ast.expr) -> object:
        made = self._made
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name) and node.id in self._names:
            return self._names[node.id]
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            return {made(key): made(item) for key, item in pairs if key is not None}
        if isinstance(node, ast.JoinedStr):
            return "".join([str(made(part)) for part in node.values])
        if isinstance(node, ast.FormattedValue):
            return made(node.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return f"{made(node.left)}{made(node.right)}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self._functions:
            options = {option.arg: made(option.value) for option in node.keywords if option.arg is not None}
            return self._functions[node.func.id](*map(made, node.args), **options)
        raise ValueError(f"{ast.unparse(node)!r} is no value")
