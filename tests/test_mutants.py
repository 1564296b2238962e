"""``python -m tests.mutation`` edits what decides, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.__main__ import ROOT
from tests.mutation.mutants import mutants_of
from tests.mutation.reached import parts


def edits(source: str) -> list[str]:
    """What becomes of one line, edit by edit."""
    return [each.edited(source).splitlines()[-1].strip() for each in mutants_of("x.py", source)]


class MutantTests(SynchronousTestCase):
    """Edits."""

    def test_edits(self) -> None:
        """Bounds, conditions, numbers, calls and results are edited, one at a time."""
        for line, expected in (
            ("a < b", ["a <= b"]),
            ("a is not b", ["a is b"]),
            ("a and not b", ["a or not b", "a and b"]),
            ("a + 1", ["a - 1", "a + 2"]),
            ("x = True", ["x = False"]),
            ("a()", ["pass"]),
            ("x.y = a", ["pass"]),
            ("x = a if b else c", ["x = a if not b else c"]),
        ):
            self.assertEqual(edits(line), expected, line)
        self.assertEqual(edits("def f():\n    return a"), ["return None"])
        self.assertEqual(edits("for a in b:\n    break"), ["continue"])

    def test_nothing_decided(self) -> None:
        """Annotations, words for people, and what is for the type checker alone, are left as they are."""
        for line in ("def f(a: Literal[1]) -> None: ...", "log.info('1')", "if TYPE_CHECKING:\n    import a", "'text'"):
            self.assertEqual(edits(line), [], line)

    def test_titles(self) -> None:
        """A mutant tells where it is and what it changes, and which statement has to be reached."""
        _, mutant = mutants_of("x.py", "f(\n    a < b,\n)\n")
        self.assertEqual((mutant.title, mutant.statement), ("x.py:2: a < b -> a <= b", 1))


class PartsTests(SynchronousTestCase):
    """Which tests one process runs."""

    def test_all(self) -> None:
        """Every test is in one part; a part is from everywhere in the list, and no longer than asked for."""
        tests = list("abcdefg")
        self.assertEqual(parts(tests, 3), [["a", "d", "g"], ["b", "e"], ["c", "f"]])
        self.assertEqual(parts(tests, 7), [tests])
        self.assertEqual(parts([], 3), [])


class RunningTests(SynchronousTestCase):
    """Tests that run with an edit."""

    def test_text(self) -> None:
        """The module is another one for the tests, and its file is as it was."""
        file = Path(self.mktemp()).resolve()
        edited = json.dumps(["pydsl_proxy.units", str(file), "tests.test_units"])
        for text, code in ((b"", "1\n"), ((ROOT / "pydsl_proxy" / "units.py").read_bytes(), "0\n")):
            file.write_bytes(text)
            command = [sys.executable, "-m", "tests.mutation.running"]
            done = subprocess.run(command, cwd=ROOT, input=edited, capture_output=True, text=True, timeout=120)
            self.assertEqual(done.stdout, code, done.stderr)
