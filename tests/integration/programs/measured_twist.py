"""``twist`` under coverage, as ``measured_twist.py pydsl-proxy …``.

``twist`` ends itself by the signal that stopped it, before coverage would be saved.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).resolve().parents[3]


def main() -> None:
    """Run ``twist``; what is imported from here on is measured."""
    file = os.environ.get("COVERAGE_FILE") or str(ROOT / ".coverage")
    coverage = Coverage(file, data_suffix=True, config_file=str(ROOT / "pyproject.toml"))
    coverage.start()

    from twisted.application.service import IService
    from twisted.application.twist._twist import Twist
    from twisted.internet.interfaces import IReactorCore

    def save() -> None:
        coverage.stop()
        coverage.save()

    class Measured(Twist):
        """Saves when the reactor has stopped."""

        @staticmethod
        def startService(reactor: IReactorCore, service: IService) -> None:
            """Start the service."""
            Twist.startService(reactor, service)
            reactor.addSystemEventTrigger("after", "shutdown", save)

    Measured.main(sys.argv)


if __name__ == "__main__":
    main()
