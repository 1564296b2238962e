"""``python -m tests`` counts what trial did."""

from __future__ import annotations

import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.__main__ import ROOT, checks, digest, run, tally


class TallyTests(SynchronousTestCase):
    """The numbers of the last line."""

    def test_passed(self) -> None:
        """Skips are counted apart from successes."""
        self.assertEqual(tally(["Ran 7 tests in 0.1s", "", "PASSED (skips=2, successes=5)"]), (5, 0, 2))

    def test_failed(self) -> None:
        """An error is a failure, and so is a test that was expected to fail and did not."""
        summary = "FAILED (failures=1, errors=2, unexpectedSuccesses=1, expectedFailures=3, successes=4)"
        self.assertEqual(tally([summary]), (7, 4, 0))

    def test_last(self) -> None:
        """A line that a test prints is not taken for the summary."""
        self.assertEqual(tally(["PASSED (successes=9)", "PASSED (successes=1)"]), (1, 0, 0))

    def test_none(self) -> None:
        """Without a summary nothing passed."""
        self.assertEqual(tally(["Segmentation fault"]), (0, 0, 0))


class RunTests(SynchronousTestCase):
    """One check."""

    def test_output(self) -> None:
        """Both streams are kept, and the exit code decides."""
        program = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
        succeeded, lines = run([sys.executable, "-c", program], 60)
        self.assertFalse(succeeded)
        self.assertEqual(sorted(lines), ["err", "out"])

    def test_late(self) -> None:
        """A check that hangs is stopped and has failed."""
        succeeded, lines = run([sys.executable, "-c", "import signal; signal.pause()"], 0.2)
        self.assertFalse(succeeded)
        self.assertEqual(lines, ["stopped after 0 s"])


class DigestTests(SynchronousTestCase):
    """What is shown."""

    def test_skips(self) -> None:
        """Of a good run of trial, the reasons of skips and the summary."""
        lines = ["test_x ... [OK]", "=====", "[SKIPPED]", "no nginx", "PASSED (skips=1)"]
        self.assertEqual(digest("trial", True, lines), [f"   {line}" for line in lines[1:]])


class ChecksTests(SynchronousTestCase):
    """What runs."""

    def test_every_test(self) -> None:
        """Each module of tests is part of one run of trial, and of no more."""
        commands = [command for group in checks() for name, command in group.items() if name.startswith("trial")]
        named = [argument for command in commands for argument in command if argument.startswith("tests.")]
        for path in (ROOT / "tests").rglob("test_*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            self.assertEqual(len([name for name in named if f"{module}.".startswith(f"{name}.")]), 1, module)
