"""Which tests reach which line: coverage's contexts of one run of the tests in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from unittest import TestCase, TestSuite

from coverage import CoverageData
from twisted.trial.runner import TestLoader

from tests.__main__ import ROOT, in_memory

#: Tests of what modules define: they run none of it, so that coverage does not see what they look at.
DEFINED = ("tests.test_frozen_values.", "tests.test_numbers.")
SETTINGS = """
[run]
source = pydsl_proxy
dynamic_context = test_function
data_file = {data}
"""


def record(data: Path) -> None:
    """Run the tests in memory, once, and keep which lines each of them reaches in *data*."""
    settings = data.with_suffix(".cfg")
    settings.write_text(SETTINGS.format(data=data))
    measured = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", "-m", "twisted.trial"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*measured, f"--temp-directory={data}.trial", *in_memory()], cwd=ROOT, env=env, check=False)
    if done.returncode:
        print("some tests failed: mutants that they would catch are taken for survivors", file=sys.stderr)


class Reached:
    """The tests of each line."""

    def __init__(self, data: Path) -> None:
        self._data = CoverageData(str(data))
        self._data.read()
        self._lines: dict[str, dict[int, list[str]]] = {}
        self._tests = _named()

    def tests(self, path: str, *lines: int) -> list[str]:
        """Those that reach one of the lines, those of the module's own package first.

        Of what only imports run, or a reactor, it is not known: those of the whole module, and of all definitions.
        """
        known = self._lines.get(path)
        if known is None:
            known = self._lines[path] = self._data.contexts_by_lineno(str(ROOT / path))
        contexts = {context for line in lines for context in known.get(line, ())}
        if contexts == {""}:
            contexts = {context for every in known.values() for context in every}
            contexts |= {context for context in self._tests if context.startswith(DEFINED)}
        found = {test for context in contexts for test in self._tests.get(context, ())}
        package = f"tests.{Path(path).parts[1]}."
        return sorted(found, key=lambda test: (not test.startswith(package), test))


def _named() -> dict[str, list[str]]:
    """The tests by what coverage calls them: the function, which several classes may inherit."""
    named: dict[str, list[str]] = {}
    waiting: list[object] = [TestLoader().loadByNames(in_memory())]
    while waiting:
        each = waiting.pop()
        if isinstance(each, TestSuite):
            waiting += each
        elif isinstance(each, TestCase):
            function = getattr(each, each.id().rpartition(".")[2]).__func__
            named.setdefault(f"{function.__module__}.{function.__qualname__}", []).append(each.id())
    return named


def parts(tests: list[str], most: int) -> list[list[str]]:
    """All of them, as many at a time as one process runs, each part from everywhere in the list."""
    count = -(-len(tests) // most)
    return [tests[start::count] for start in range(count)]
