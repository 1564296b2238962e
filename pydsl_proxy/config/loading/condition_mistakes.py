"""Telling ``.when(method == "POST")``, which compares two objects of the configuration, from a condition."""

from __future__ import annotations

import ast
import linecache

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.values.conditions import ConditionSource


def told_comparison(condition: ConditionSource) -> ConditionSource:
    """*condition*, unless it is the bool that a comparison comes to; then the error says what to write instead."""
    if not isinstance(condition, bool):
        return condition
    origin = here()
    written = _compared(origin)
    if written is None:
        return condition
    raise ConfigError(
        f"when({ast.unparse(written)}): it compares the value itself, now, and is {condition} for every request",
        origin=origin,
        hint=f"write .when({_instead(written)})",
    )


def _compared(origin: Origin) -> ast.Compare | None:
    """The comparison in the last ``when(…)`` of the call at *origin*."""
    lines = [linecache.getline(origin.file, number).encode() for number in range(origin.line, origin.end_line + 1)]
    if not any(lines) or not origin.end_column:
        return None
    lines[-1] = lines[-1][: origin.end_column]
    lines[0] = lines[0][origin.column :]
    try:
        call = ast.parse(b"(" + b"".join(lines) + b")", mode="eval").body
    except SyntaxError:
        return None
    if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Compare):
        return call.args[0]
    return None


def _instead(written: ast.Compare) -> str:
    left, right, operator = written.left, written.comparators[0], written.ops[0]
    if isinstance(left, ast.Constant):
        left, right = right, left
    method = "is_in" if isinstance(operator, ast.In | ast.NotIn) else "equals"
    negated = "~" if isinstance(operator, ast.NotEq | ast.NotIn | ast.IsNot) else ""
    argument = ast.unparse(right).replace("'", '"')
    return f"{negated}{ast.unparse(left)}.{method}({argument})"
