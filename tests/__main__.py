"""All that must hold, in one command: ``python -m tests``.

Every check runs, whether or not those before it passed.  The exit code is 0 if all of them did; the last line counts
the tests, and as failed also each other check that failed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parent.parent

# Seconds for all checks together, and lines shown of each.
TIME, LINES = 2400.0, 200


def python(*arguments: str) -> list[str]:
    """A command of the interpreter, and thus the environment, that runs this one."""
    return [sys.executable, *arguments]


def checks() -> dict[str, list[str]]:
    """Each check by its name, in order."""
    typed = [name for name in ("pydsl_proxy", "tests", "examples") if any((ROOT / name).rglob("*.py"))]
    return {
        "ruff check": python("-m", "ruff", "check", "."),
        "ruff format": python("-m", "ruff", "format", "--check", "."),
        "mypy --strict": python("-m", "mypy", *typed),
        "coverage erase": python("-m", "coverage", "erase"),
        "trial": python("-W", "error", "-m", "coverage", "run", "-m", "twisted.trial", "tests"),
        "coverage combine": python("-m", "coverage", "combine", "--quiet"),
        "coverage report": python("-m", "coverage", "report"),
    }


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
    if succeeded and name == "trial":
        rules = [number for number, line in enumerate(lines) if line.startswith("=====")]
        lines = lines[rules[0] :] if rules else lines[-3:]
    return [f"   {line}" for line in lines[-LINES:]]


def main() -> int:
    """Run every check and tell how each went; the exit code."""
    passed = failed = skipped = 0
    code = 0
    end = monotonic() + TIME
    for name, command in checks().items():
        print(f"-- {name}", flush=True)
        start = monotonic()
        succeeded, lines = run(command, max(end - start, 1.0))
        print("\n".join(digest(name, succeeded, lines)))
        print(f"   {'ok' if succeeded else 'FAILED'}, {monotonic() - start:.1f} s", flush=True)
        counted = tally(lines) if name == "trial" else (0, 0, 0)
        passed, skipped = passed + counted[0], skipped + counted[2]
        failed += counted[1] if succeeded else max(counted[1], 1)
        code = code if succeeded else 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
