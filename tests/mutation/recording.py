"""Runs trial, and notes which lines each test reaches: ``python -m tests.mutation.recording DATA [trial's arguments]``.

Coverage's own contexts are those of functions whose name begins with ``test_``: what the reactor calls while an
asynchronous test waits is none of theirs.
"""

from __future__ import annotations

import sys
from unittest.result import TestResult

from coverage import Coverage
from twisted.scripts import trial
from twisted.trial.unittest import SynchronousTestCase


def main() -> None:
    """Do what trial does; lines are noted for the test that runs."""
    _, data, *arguments = sys.argv
    coverage = Coverage(data_file=data, source=["pydsl_proxy"], config_file=False)
    run = SynchronousTestCase.run

    def noted(test: SynchronousTestCase, result: TestResult) -> None:
        coverage.switch_context(test.id())
        run(test, result)
        coverage.switch_context("")

    SynchronousTestCase.run = noted  # type: ignore[method-assign]  # trial has no other place for this
    sys.argv = ["trial", *arguments]
    coverage.start()
    try:
        trial.run()
    finally:
        coverage.stop()
        coverage.save()


if __name__ == "__main__":
    main()
