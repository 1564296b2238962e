"""Runs tests with another text in place of a module's: ``python -m tests.mutation.running``.

Each line of its input is a list in JSON: the module's name, the file with the text, and the tests; each line of its
output is the exit code.  Every list is done by a fork of a process that has imported what others have written.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from unittest import mock

from twisted.scripts import trial
from twisted.trial import util

#: For one mutant, in seconds: what takes longer goes round in circles, and is caught.
SECONDS = 180
#: For one test that waits, in seconds, in place of trial's two minutes: what has not come by then does not come.
TEST_SECONDS = 30.0
#: What takes its time to import, and is not ours.
IMPORTED = (
    "OpenSSL.SSL",
    "anyio.to_thread",
    "asyncio",
    "autobahn.websocket.protocol",
    "bcrypt",
    "brotli",
    "cryptography.x509",
    "h11",
    "h2.connection",
    "hypothesis",
    "isal.igzip",
    "passlib.apache",
    "service_identity.pyopenssl",
    "twisted.application.service",
    "twisted.internet.endpoints",
    "twisted.internet.testing",
    "twisted.logger",
    "twisted.protocols.tls",
    "twisted.trial.reporter",
    "twisted.trial.runner",
    "twisted.web.server",
    "websockets.sync.client",
    "zstandard",
)


class Edited(SourceFileLoader):
    """Loads another text as a module."""

    def __init__(self, name: str, path: str, text: bytes) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        """The other text, compiled; what is cached is of the file."""
        code: CodeType = compile(self._text, self.path, "exec", dont_inherit=True)
        return code


class Finder(MetaPathFinder):
    """Finds one module, to be loaded from another text."""

    def __init__(self, name: str, text: bytes) -> None:
        self._name, self._text = name, text

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module itself, with another loader."""
        spec = PathFinder.find_spec(fullname, path) if fullname == self._name else None
        if spec is not None:
            assert spec.origin is not None
            spec.loader = Edited(fullname, spec.origin, self._text)
        return spec


def run(module: str, file: str, *tests: str) -> None:
    """Run trial in this process, and end it."""
    sys.meta_path.insert(0, Finder(module, Path(file).read_bytes()))
    sys.dont_write_bytecode = True
    for descriptor in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    signal.alarm(SECONDS)
    util.DEFAULT_TIMEOUT_DURATION = TEST_SECONDS
    code = 1
    try:
        with mock.patch.object(sys, "argv", ["trial", "--exitfirst", f"--temp-directory={file}.trial", *tests]):
            trial.run()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        os._exit(code)


def main() -> None:
    """Do what is asked."""
    for module in IMPORTED:
        with suppress(ImportError):
            import_module(module)
    assert "twisted.internet.reactor" not in sys.modules
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(*json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
