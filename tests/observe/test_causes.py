"""The table of causes in the documentation is compared with the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.test_house import ROOT, Source, read_sources

PAGE = ROOT / "docs" / "reference" / "access-log.rst"


def takers() -> dict[str, set[int]]:
    """At which place functions, methods and classes of the package take a cause, by their names."""
    found: dict[str, set[int]] = {"ProxyError": {2}}
    for source in read_sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef):
                names = [each.arg for each in node.args.args if each.arg not in ("self", "cls")]
                if "cause" in names:
                    found.setdefault(node.name, set()).add(names.index("cause"))
    return found


def constants(node: ast.expr, source: Source) -> Iterator[str]:
    """The texts that *node* can come to; a name is looked for in its module."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from constants(node.body, source)
        yield from constants(node.orelse, source)
    elif isinstance(node, ast.Name):
        for each in ast.walk(source.tree):
            if isinstance(each, ast.Assign | ast.AnnAssign) and each.value is not None:
                targets = each.targets if isinstance(each, ast.Assign) else [each.target]
                for target in targets:
                    if isinstance(target, ast.Name) and target.id == node.id:
                        yield from constants(each.value, source)
                    elif isinstance(target, ast.Tuple) and isinstance(each.value, ast.Tuple | ast.IfExp):
                        for value in [each.value] if isinstance(each.value, ast.Tuple) else _branches(each.value):
                            for name, item in zip(target.elts, value.elts, strict=False):
                                if isinstance(name, ast.Name) and name.id == node.id:
                                    yield from constants(item, source)


def _branches(node: ast.IfExp) -> list[ast.Tuple]:
    return [each for each in (node.body, node.orelse) if isinstance(each, ast.Tuple)]


def causes() -> dict[str, str]:
    """Every cause in the code, and where it stands."""
    known, found = takers(), {}
    for source in read_sources():
        if source.part == "testing":
            continue
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = [node.args[place] for place in known.get(name, ()) if place < len(node.args)]
            given += [each.value for each in node.keywords if each.arg == "cause" and name in known]
            for each in given:
                for cause in constants(each, source):
                    if re.fullmatch(r"[a-z]+(_[a-z]+)*", cause):
                        found[cause] = f"{source.name}:{node.lineno}"
    return found


def documented() -> list[str]:
    """The causes in the first column of the table, in its order."""
    text = PAGE.read_text()
    table = text[text.index("\nCauses\n") :]
    rows = re.findall(r"^   \* - (``.*)$", table, re.MULTILINE)
    return [each for row in rows for each in re.findall(r"``(\w+)``", row)]


class CauseTests(SynchronousTestCase):
    """``docs/reference/access-log.rst``."""

    def test_complete(self) -> None:
        """Every cause of the code stands in the table."""
        known = set(documented())
        missing = {cause: place for cause, place in causes().items() if cause not in known}
        self.assertEqual(missing, {}, f"write a row for each into {Path(PAGE).relative_to(ROOT)}")

    def test_no_others(self) -> None:
        """The table has no other causes, and none twice."""
        listed = documented()
        text = "".join(source.text for source in read_sources())
        self.assertEqual([each for each in listed if f'"{each}"' not in text], [])
        self.assertEqual([each for each in listed if listed.count(each) > 1], [])
