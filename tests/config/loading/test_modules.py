"""Tests of modules that a file imports from its own folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.config.loading.load import load
from pydsl_proxy.errors import ConfigErrors

PROXY = """
from pydsl_proxy import server
from mend_common import port
proxy = server(port).location("/").respond(200)
"""


class NeighbourTests(SynchronousTestCase):
    """Files in folders of their own; modules have the same names in all of them."""

    def setUp(self) -> None:
        known = dict(sys.modules)
        self.addCleanup(lambda: [sys.modules.pop(name) for name in set(sys.modules) - set(known)])

    def folder(self, files: Mapping[str, str]) -> Path:
        """One with these files."""
        folder = Path(self.mktemp()).absolute()
        self.write(folder, files)
        return folder

    def write(self, folder: Path, files: Mapping[str, str]) -> None:
        """Write files, and the folders that they are in."""
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)

    def port(self, folder: Path) -> str:
        """Where the server of the file there listens."""
        return load(folder / "proxy.py").servers[0].listen[0].removeprefix("tcp:")

    def test_edited(self) -> None:
        """One that has changed is read anew, even within a second and with the same size."""
        folder = self.folder({"proxy.py": PROXY, "mend_common.py": "port = 8001\n"})
        ports = [self.port(folder)]
        for port in ("8002", "8003"):
            self.write(folder, {"mend_common.py": f"port = {port}\n"})
            ports.append(self.port(folder))
        self.assertEqual(ports, ["8001", "8002", "8003"])

    def test_as_young(self) -> None:
        """One is found that was written in the same moment as Python has looked at the folder."""
        other = PROXY.replace("mend_common", "mend_other")
        folder = self.folder({"proxy.py": other, "mend_other.py": "port = 8001\n"})
        ports = [self.port(folder)]
        looked = folder.stat()
        self.write(folder, {"proxy.py": PROXY, "mend_common.py": "port = 8002\n"})
        os.utime(folder, ns=(looked.st_atime_ns, looked.st_mtime_ns))
        ports.append(self.port(folder))
        self.assertEqual(ports, ["8001", "8002"])

    def test_two_folders(self) -> None:
        """Each file has its own neighbours."""
        one, two = (self.folder({"proxy.py": PROXY, "mend_common.py": f"port = {port}\n"}) for port in (8001, 8002))
        self.assertEqual([self.port(one), self.port(two), self.port(one)], ["8001", "8002", "8001"])

    def test_through_others(self) -> None:
        """A module whose own text is the same is read anew with what it imports; so are packages."""
        for inner in ("mend_pkg/__init__.py", "mend_space/inner.py"):
            name = inner.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            folder = self.folder(
                {"proxy.py": PROXY, "mend_common.py": f"from {name} import port\n", inner: "port = 8001\n"}
            )
            first = self.port(folder)
            self.write(folder, {inner: "port = 8002\n"})
            self.assertEqual((first, self.port(folder)), ("8001", "8002"))

    def test_unchanged(self) -> None:
        """As long as none has changed all stay as they are: what they define is the same object."""
        text = "from mend_common import key, port\nfrom pydsl_proxy import hash_by, server, upstream\n"
        text += 'proxy = server(port).location("/").proxy_to(upstream("a", hash_by(key), "a:1"))\n'
        common = "port = 8001\ndef key(request):\n    return request.path\n"
        folder = self.folder({"proxy.py": text, "mend_common.py": common})
        first = load(folder / "proxy.py")
        self.write(folder, {"proxy.py": text + "\n"})
        self.assertEqual(load(folder / "proxy.py"), first)
        self.write(folder, {"mend_common.py": common + "\n"})
        self.assertNotEqual(load(folder / "proxy.py"), first)

    def test_new(self) -> None:
        """A module that has been added is found."""
        folder = self.folder({"proxy.py": PROXY.replace("mend_common", "mend_new")})
        self.assertRaises(ConfigErrors, load, folder / "proxy.py")
        self.write(folder, {"mend_new.py": "port = 8001\n"})
        self.assertEqual(self.port(folder), "8001")

    def test_mistakes(self) -> None:
        """If the file cannot be taken all is as before: functions of an earlier load are in force."""
        folder = self.folder({"proxy.py": PROXY, "mend_common.py": "port = 8001\n"})
        load(folder / "proxy.py")
        common, whole = sys.modules["mend_common"], sys.modules["_pydsl_proxy_proxy"]
        for text in (PROXY + "1 / 0\n", PROXY + "import mend_missing\n", PROXY.replace("proxy =", "other =")):
            self.write(folder, {"proxy.py": text, "mend_common.py": "port = 8002\n"})
            self.assertRaises(ConfigErrors, load, folder / "proxy.py")
            self.assertIs(sys.modules["mend_common"], common)
            self.assertIs(sys.modules["_pydsl_proxy_proxy"], whole)
        self.write(folder, {"proxy.py": PROXY})
        self.assertEqual(self.port(folder), "8002")

    def test_not_imported_any_more(self) -> None:
        """A module is there yet for functions of an earlier load that import it when they are called."""
        folder = self.folder({"proxy.py": PROXY, "mend_common.py": "port = 8001\n"})
        load(folder / "proxy.py")
        common = sys.modules["mend_common"]
        other = self.folder({"proxy.py": PROXY.replace("from mend_common import port", "port = 8002")})
        self.assertEqual((self.port(other), sys.modules["mend_common"]), ("8002", common))

    def test_of_others(self) -> None:
        """The rest of a package that somebody else has imported stays that one's."""
        folder = self.folder({"proxy.py": PROXY.replace("mend_common", "mend_pkg.common"), "mend_pkg/__init__.py": ""})
        self.write(folder, {"mend_pkg/common.py": "port = 8001\n"})
        sys.path.insert(0, str(folder))
        try:
            __import__("mend_pkg")
        finally:
            sys.path.remove(str(folder))
        self.port(folder)
        self.write(folder, {"mend_pkg/common.py": "port = 8002\n"})
        self.assertEqual(self.port(folder), "8001")

    def test_installed(self) -> None:
        """Installed packages stay as they are, below the folder too."""
        folder = self.folder({"proxy.py": PROXY, "lib/site-packages/mend_common.py": "port = 8001\nmade = []\n"})
        sys.path.append(str(folder / "lib/site-packages"))
        self.addCleanup(sys.path.pop)
        self.port(folder)
        made = cast("dict[str, object]", vars(sys.modules["mend_common"]))["made"]
        self.write(folder, {"lib/site-packages/mend_common.py": "port = 8002\nmade = []\n"})
        self.assertEqual(self.port(folder), "8001")
        self.assertIs(vars(sys.modules["mend_common"])["made"], made)
