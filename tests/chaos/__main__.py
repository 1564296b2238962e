"""``python -m tests.chaos [--seconds N] [--only NAME,…] [--contenders NAME,…] [--rate N] [--json FILE]``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from attrs import asdict
from twisted.trial.unittest import SkipTest

from tests.chaos.contenders import CONTENDERS
from tests.chaos.report import table
from tests.chaos.scenarios import SCENARIOS, Result, run


def main() -> None:
    """Run every scenario with every contender, and print a table of each."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="What is lost when others misbehave.")
    parser.add_argument("--seconds", type=float, default=10, help="of load in each scenario (10)")
    parser.add_argument("--rate", type=float, default=600, help="requests a second (600)")
    parser.add_argument("--only", default=",".join(SCENARIOS), help="some of the scenarios, all by default")
    parser.add_argument("--contenders", default=",".join(CONTENDERS), help="some of the contenders, all by default")
    parser.add_argument("--json", type=Path, help="a file for the results")
    options = parser.parse_args()
    names, contenders = options.only.split(","), options.contenders.split(",")
    for name, known in [(each, SCENARIOS) for each in names] + [(each, CONTENDERS) for each in contenders]:
        if name not in known:
            parser.error(f"there is no {name!r}; there are {', '.join(known)}")
    every: list[Result] = []
    for name in names:
        results: list[Result] = []
        for contender in contenders:
            try:
                results.append(run(SCENARIOS[name], contender, CONTENDERS[contender], options.seconds, options.rate))
            except SkipTest as reason:
                print(f"without {contender}: {reason}", file=sys.stderr)
        print(table(SCENARIOS[name], results), flush=True)
        every += results
        if options.json:
            options.json.write_text(json.dumps([asdict(each) for each in every], indent=1))


if __name__ == "__main__":
    main()
