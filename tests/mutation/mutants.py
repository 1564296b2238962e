"""The edits of a module: each is one node of its tree that is another."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from typing import TypeAlias

from attrs import frozen

#: What replaces a node: a new one for each call, as trees are changed in place.
Replace: TypeAlias = Callable[[ast.AST], ast.AST]

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
# Calls of these are words for people.
_SPEAKERS = frozenset(("log", "_log", "warn", "print"))


@frozen
class Mutant:
    """An edit: the file below the root, the line, that of the statement, what is there and what is put there."""

    path: str
    line: int
    statement: int
    before: str
    after: str
    # The node's place in a walk of the tree, and which of its replacements it is.
    _number: int
    _which: int

    @property
    def title(self) -> str:
        """One line for people, and for the list of those that change nothing."""
        return f"{self.path}:{self.line}: {self.before} -> {self.after}"

    def edited(self, source: str) -> str:
        """The file's text with the edit."""
        tree = ast.parse(source)
        target = next(each for at, each in enumerate(ast.walk(tree)) if at == self._number)
        made = list(_replacements(target))[self._which](target)
        changed = _Swap(target, made).visit(tree)
        return ast.unparse(ast.fix_missing_locations(changed))


def mutants_of(path: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a file."""
    tree = ast.parse(source)
    skipped, statements = _skipped(tree), _statements(tree)
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in skipped:
            continue
        for which, replace in enumerate(_replacements(node)):
            made = replace(copy.deepcopy(node))
            line = getattr(node, "lineno", 0)
            yield Mutant(path, line, statements.get(id(node), line), _short(node), _short(made), number, which)


def _statements(tree: ast.Module) -> dict[int, int]:
    """The line of the statement that each node is part of: inner statements come later in a walk, and count."""
    found: dict[int, int] = {}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.stmt):
            found.update((id(each), statement.lineno) for each in ast.walk(statement))
    return found


class _Swap(ast.NodeTransformer):
    def __init__(self, target: ast.AST, made: ast.AST) -> None:
        self._target, self._made = target, made

    def visit(self, node: ast.AST) -> ast.AST:
        return self._made if node is self._target else self.generic_visit(node)


def _short(node: ast.AST) -> str:
    text = f"if {ast.unparse(node.test)}:" if isinstance(node, ast.If) else " ".join(ast.unparse(node).split())
    return text if len(text) < 90 else f"{text[:87]}…"


def _replacements(node: ast.AST) -> Iterator[Replace]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in _COMPARISONS:
            other = _COMPARISONS[type(op)]
            yield lambda each: ast.Compare(each.left, [other()], each.comparators)  # type: ignore[attr-defined]
        case ast.BoolOp(op=op):
            joined = ast.Or if isinstance(op, ast.And) else ast.And
            yield lambda each: ast.BoolOp(joined(), each.values)  # type: ignore[attr-defined]
        case ast.UnaryOp(op=ast.Not()):
            yield lambda each: each.operand  # type: ignore[attr-defined]
        case ast.BinOp(op=op) if type(op) in _OPERATORS:
            turned = _OPERATORS[type(op)]
            yield lambda each: ast.BinOp(each.left, turned(), each.right)  # type: ignore[attr-defined]
        case ast.Constant(value=bool(value)):
            yield lambda each: ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield lambda each: ast.Constant(value + 1)
        case ast.IfExp():
            yield lambda each: ast.IfExp(_negated(each.test), each.body, each.orelse)  # type: ignore[attr-defined]
        case _:
            yield from _of_statement(node)


def _of_statement(node: ast.AST) -> Iterator[Replace]:
    match node:
        case ast.If(test=test) if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp):
            yield lambda each: ast.If(_negated(each.test), each.body, each.orelse)  # type: ignore[attr-defined]
        case ast.Expr(value=ast.Call(func=func)) if _root(func) not in _SPEAKERS:
            yield lambda each: ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.AugAssign() | ast.Delete() | ast.Raise():
            yield lambda each: ast.Pass()
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield lambda each: ast.Return(ast.Constant(None))
        case ast.Break():
            yield lambda each: ast.Continue()
        case ast.Continue():
            yield lambda each: ast.Break()


def _negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _root(func: ast.expr) -> str:
    while isinstance(func, ast.Attribute):
        if func.attr in _SPEAKERS:
            return func.attr
        func = func.value
    return func.id if isinstance(func, ast.Name) else ""


def _skipped(tree: ast.Module) -> frozenset[int]:
    """What decides nothing: annotations, what is for the type checker alone, spelling of code, and what is abstract."""
    found: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        match node:
            case ast.FunctionDef(name="__repr__" | "as_verb" | "__hash__") | ast.Assert():
                parts = [node]
            case ast.FunctionDef(returns=returns):
                parts = [returns, *node.decorator_list]
            case ast.ClassDef(decorator_list=decorators):
                parts = [*decorators]
            case ast.arg(annotation=annotation) | ast.AnnAssign(annotation=annotation):
                parts = [annotation]
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                parts = [node]
            case ast.Raise(exc=ast.Name(id="NotImplementedError")):
                parts = [node]
        found.update(id(each) for part in parts if part is not None for each in ast.walk(part))
    return frozenset(found)
