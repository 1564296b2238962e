"""All that must hold, in one command: ``python -m tests``.

Every check runs, whether or not those before it passed.  The exit code is 0 if all of them did; the last line counts
the tests, and as failed also each other check that failed.  The tests with real programs wait for those most of their
time, so they run as two processes, beside the others.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parent.parent

# Seconds for all checks together, and lines shown of each.
TIME, LINES = 2400.0, 200


def python(*arguments: str) -> list[str]:
    """A command of the interpreter, and thus the environment, that runs this one."""
    return [sys.executable, *arguments]


def in_memory() -> list[str]:
    """The modules and packages of tests, but for those of real programs."""
    found = {path.relative_to(ROOT).with_suffix("").parts[:2] for path in (ROOT / "tests").rglob("test_*.py")}
    return sorted(".".join(parts) for parts in found if parts[1] != "integration")


def with_programs() -> list[str]:
    """The modules of tests that run real programs."""
    return [f"tests.integration.{path.stem}" for path in sorted((ROOT / "tests" / "integration").glob("test_*.py"))]


def trial(folder: str, *names: str) -> list[str]:
    """A run of tests whose files are in *folder*, measured."""
    measured = ("-W", "error", "-m", "coverage", "run", "-m", "twisted.trial")
    return python(*measured, f"--temp-directory=_trial_temp_{folder}", *names)


def checks() -> list[dict[str, list[str]]]:
    """Each check by its name; those of one group run three at a time, one group after the other."""
    typed = [name for name in ("pydsl_proxy", "tests", "examples") if any((ROOT / name).rglob("*.py"))]
    return [
        {
            "ruff check": python("-m", "ruff", "check", "."),
            "ruff format": python("-m", "ruff", "format", "--check", "."),
            "coverage erase": python("-m", "coverage", "erase"),
        },
        {
            "trial with programs, one half": trial("programs_1", *with_programs()[::2]),
            "trial with programs, other half": trial("programs_2", *with_programs()[1::2]),
            "trial in memory": trial("memory", *in_memory()),
            "mypy --strict": python("-m", "mypy", *typed),
        },
        {"coverage combine": python("-m", "coverage", "combine", "--quiet")},
        {"coverage report": python("-m", "coverage", "report")},
    ]


def run(command: Sequence[str], seconds: float) -> tuple[bool, list[str]]:
    """Whether *command* succeeded in time, and the lines it wrote; nothing that it started outlives it."""
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        # A group of its own, so that what tests start and forget can be ended with it.
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        late = ""
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            late = f"stopped after {seconds:.0f} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        lines = output.read().splitlines()
    return process.returncode == 0, [*lines, late] if late else lines


def tally(lines: Sequence[str]) -> tuple[int, int, int]:
    """How many tests passed, failed and were skipped, by the last line of trial; zeros if it did not get there."""
    verdicts = [line for line in lines if re.match(r"(PASSED|FAILED)\b", line)]
    counts = {word: int(number) for word, number in re.findall(r"(\w+)=(\d+)", verdicts[-1] if verdicts else "")}
    passed = counts.get("successes", 0) + counts.get("expectedFailures", 0)
    failed = counts.get("failures", 0) + counts.get("errors", 0) + counts.get("unexpectedSuccesses", 0)
    return passed, failed, counts.get("skips", 0)


def digest(name: str, succeeded: bool, lines: list[str]) -> list[str]:
    """What is worth reading of a check's output: its end; of trial's, when all is well, the reasons of skips."""
    if succeeded and name.startswith("trial"):
        rules = [number for number, line in enumerate(lines) if line.startswith("=====")]
        lines = lines[rules[0] :] if rules else lines[-3:]
    return [f"   {line}" for line in lines[-LINES:]]


def checked(name: str, command: Sequence[str], end: float) -> tuple[bool, tuple[int, int, int]]:
    """Run a check and print how it went; whether it did, and how many tests passed, failed and were skipped."""
    start = monotonic()
    succeeded, lines = run(command, max(end - start, 1.0))
    verdict = f"   {'ok' if succeeded else 'FAILED'}, {monotonic() - start:.1f} s"
    print("\n".join([f"-- {name}", *digest(name, succeeded, lines), verdict]), flush=True)
    passed, failed, skipped = tally(lines) if name.startswith("trial") else (0, 0, 0)
    return succeeded, (passed, failed if succeeded else max(failed, 1), skipped)


def main() -> int:
    """Run every check and tell how each went; the exit code."""
    end = monotonic() + TIME
    results: list[tuple[bool, tuple[int, int, int]]] = []
    for group in checks():
        with ThreadPoolExecutor(3) as pool:
            results += pool.map(lambda check: checked(check[0], check[1], end), group.items())
    passed, failed, skipped = (sum(counts[at] for _, counts in results) for at in range(3))
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 0 if all(succeeded for succeeded, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
