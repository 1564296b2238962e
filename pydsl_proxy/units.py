"""Sizes in bytes and times in seconds: plain numbers to multiply with, as in ``8 * KiB`` or ``5 * minutes``."""

from __future__ import annotations

from typing import Final

KiB: Final = 1024
MiB: Final = 1024 * KiB
GiB: Final = 1024 * MiB

ms: Final = 0.001
seconds: Final = 1
minutes: Final = 60 * seconds
hours: Final = 60 * minutes
days: Final = 24 * hours
