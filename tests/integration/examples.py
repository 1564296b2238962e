"""Examples as they are, but on ports that are free."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.integration.support import ROOT, Program, folder, free_port, proxy_of

EXAMPLES = ROOT / "examples"


class Example:
    """A copy of a folder of ``examples/``, in whose files other ports stand for *ports*; the proxy's is the first."""

    def __init__(self, name: str, *ports: int) -> None:
        self.folder = folder()
        # nginx's workers are nobody.
        self.folder.chmod(0o755)
        shutil.copytree(EXAMPLES / name, self.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        self._ports = {port: free_port() for port in ports}
        self._first = ports[0]
        for file in self.folder.rglob("*.*"):
            if file.is_file():
                file.write_text(re.sub(r"\b\d{4}\b", self._elsewhere, file.read_text()))

    def _elsewhere(self, found: re.Match[str]) -> str:
        return str(self._ports.get(int(found[0]), found[0]))

    def port(self, port: int) -> int:
        """What stands for *port*."""
        return self._ports[port]

    @property
    def proxy(self) -> Path:
        """The configuration."""
        return self.folder / "proxy.py"

    def start(self) -> Program:
        """The proxy, started."""
        return proxy_of(self.proxy, self.port(self._first))
