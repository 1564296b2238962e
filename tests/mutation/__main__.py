"""``python -m tests.mutation [--sample N] [--seed N] [--packages NAME,…] [--data FILE] [--survivors FILE]``.

A sample of all mutants, each against the tests in memory that reach its line; the score of each package.  Those that
survive are printed as they are found.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import random
import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from time import monotonic

from tests.__main__ import ROOT, python
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.reached import Reached, parts, record

#: What decides; the rest describes, reports or tests.
PACKAGES = (
    "runtime",
    "net",
    "connectors",
    "frontends",
    "features",
    "balancing",
    "wire",
    "values",
    "compiler",
    "config",
    "handlers",
)
#: Tests that one process runs at most; those that remain are for what these do not notice.
MAX_TESTS = 400
EQUIVALENTS = Path(__file__).with_name("equivalents.txt")


def every_mutant(packages: list[str]) -> list[Mutant]:
    """All of some packages, but for those that are known to change nothing."""
    known = {line.partition(" | ")[0] for line in EQUIVALENTS.read_text().splitlines()}
    found = []
    for package in packages:
        for path in sorted((ROOT / "pydsl_proxy" / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            found += [each for each in mutants_of(name, path.read_text()) if _unnumbered(each.title) not in known]
    return found


def _unnumbered(title: str) -> str:
    return re.sub(r"^([^:]*):\d+:", r"\1:", title)


class Runner:
    """The process that runs the tests of one mutant after the other."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "mutant.py"
        command = python("-W", "error", "-m", "tests.mutation.running")
        # Each fork imports the package; what is not edited is compiled once, also where Python is to write no bytecode.
        for name in ("pydsl_proxy", "tests"):
            compileall.compile_dir(ROOT / name, quiet=1)
        pipe = subprocess.PIPE
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, text=True)

    def survives(self, mutant: Mutant, tests: list[str]) -> bool:
        """Whether all *tests* pass."""
        self._file.write_text(mutant.edited((ROOT / mutant.path).read_text()))
        module = mutant.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return all(self._pass(module, part) for part in parts(tests, MAX_TESTS))

    def _pass(self, module: str, tests: list[str]) -> bool:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([module, str(self._file), *tests]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline()) == 0

    def end(self) -> None:
        """No more of them."""
        self._process.kill()
        self._process.communicate()


def main() -> None:
    """Try a sample, and print the scores."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="What no test would notice.")
    parser.add_argument("--sample", type=int, default=300, help="how many mutants (300)")
    parser.add_argument("--seed", type=int, default=1, help="another sample for another number (1)")
    parser.add_argument("--packages", default=",".join(PACKAGES), help="those that decide, by default")
    parser.add_argument("--data", type=Path, help="where it is kept which tests reach which line; else it is not kept")
    parser.add_argument("--survivors", type=Path, help="a file for those that no test has noticed")
    options = parser.parse_args()
    every = every_mutant(options.packages.split(","))
    chosen = random.Random(options.seed).sample(every, min(options.sample, len(every)))
    print(f"{len(chosen)} of {len(every)} mutants", flush=True)
    with tempfile.TemporaryDirectory(prefix="mutation-") as temporary:
        folder = Path(temporary)
        data = options.data or folder / "reached"
        if not data.exists():
            record(data.resolve())
        survivors = tried(chosen, Reached(data), folder, options.survivors)
    report(chosen, survivors)


def tried(chosen: list[Mutant], reached: Reached, folder: Path, file: Path | None) -> list[Mutant]:
    """Those that survive."""
    survivors: list[Mutant] = []
    start, runner = monotonic(), Runner(folder)
    for number, mutant in enumerate(chosen, 1):
        if runner.survives(mutant, reached.tests(mutant.path, mutant.line, mutant.statement)):
            survivors.append(mutant)
            print(f"{mutant.title}", flush=True)
            if file is not None:
                file.write_text("".join(f"{each.title}\n" for each in survivors))
        if number % 25 == 0:
            print(f"… {number} tried in {monotonic() - start:.0f} s, {len(survivors)} survive", flush=True)
    runner.end()
    return survivors


def report(chosen: list[Mutant], survivors: list[Mutant]) -> None:
    """Print how many were caught in each package."""
    tries = Counter(Path(each.path).parts[1] for each in chosen)
    lived = Counter(Path(each.path).parts[1] for each in survivors)
    rows = [(name, count, lived[name]) for name, count in sorted(tries.items())]
    for name, count, left in [*rows, ("all", len(chosen), len(survivors))]:
        print(f"{name:<12} {count - left:>4} of {count:>4}  {1 - left / count:>4.0%}")


if __name__ == "__main__":
    main()
