"""Which tests reach which line: coverage's contexts of one run of the tests in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from coverage import CoverageData

from tests.__main__ import ROOT, in_memory

#: Tests of what modules define: they run none of it, so that coverage does not see what they look at.
DEFINED = frozenset(("tests.test_frozen_values", "tests.test_numbers", "tests.test_signatures"))


def record(data: Path) -> None:
    """Run the tests in memory, once, and keep which lines each of them reaches in *data*."""
    noted = [sys.executable, "-m", "tests.mutation.recording", str(data), f"--temp-directory={data}.trial"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*noted, *in_memory()], cwd=ROOT, env=env, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        print("some tests failed: mutants that they would catch are taken for survivors", file=sys.stderr)


class Reached:
    """The tests of each line."""

    def __init__(self, data: Path) -> None:
        self._data = CoverageData(str(data))
        self._data.read()
        self._lines: dict[str, dict[int, list[str]]] = {}

    def tests(self, path: str, *lines: int) -> list[str]:
        """Those that reach one of the lines, those of the module's own package first.

        Of what only imports run it is not known: those of the whole module, and of all definitions.
        """
        known = self._lines.get(path)
        if known is None:
            known = self._lines[path] = self._data.contexts_by_lineno(str(ROOT / path))
        found = {test for line in lines for test in known.get(line, ())} - {""}
        if not found and any(line in known for line in lines):
            found = ({test for every in known.values() for test in every} | DEFINED) - {""}
        package = f"tests.{Path(path).parts[1]}."
        return sorted(found, key=lambda test: (not test.startswith(package), test))


def parts(tests: list[str], most: int) -> list[list[str]]:
    """All of them, as many at a time as one process runs, each part from everywhere in the list."""
    count = -(-len(tests) // most)
    return [tests[start::count] for start in range(count)]
