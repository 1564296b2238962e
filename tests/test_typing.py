"""What a type checker finds in a configuration: the files in ``typing/`` that it must accept and must refuse."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

_FOLDER = Path(__file__).parent / "typing"
_FOUND = re.compile(r"(?P<file>[^:]+):(?P<line>\d+): error: (?P<text>.*)")
_EXPECTED = re.compile(r"# E: (.*)$")


class TypingTests(SynchronousTestCase):
    """Mypy, run once over all the files."""

    def test_files(self) -> None:
        """Each mistake is refused on its line with the words beside it, and nothing else is."""
        found = _found()
        for file in sorted(_FOLDER.glob("*.py")):
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                said = found.pop((file.name, number), "")
                expected = _EXPECTED.search(line)
                self.assertEqual(bool(said), bool(expected), f"{file.name}:{number}: {said or 'accepted'}")
                self.assertIn(expected[1] if expected else "", said, f"{file.name}:{number}")
        self.assertEqual(found, {})


def _found() -> dict[tuple[str, int], str]:
    """The errors in the files, by name and line."""
    # Named one by one: the project's own check leaves the files out that must be refused.
    files = sorted(map(str, _FOLDER.glob("*.py")))
    command = [sys.executable, "-m", "mypy", "--no-error-summary", *files]
    run = subprocess.run(command, cwd=_FOLDER.parents[1], capture_output=True, text=True, check=False)
    if run.stderr:
        raise AssertionError(run.stderr)
    lines = (_FOUND.match(line) for line in run.stdout.splitlines())
    return {
        (Path(m["file"]).name, int(m["line"])): m["text"]
        for m in lines
        if m and Path(m["file"]).parent.name == "typing"
    }
