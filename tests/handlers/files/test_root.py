"""Tests of how files are kept to their folder."""

from __future__ import annotations

import os
from pathlib import Path

from pydsl_proxy.handlers.files.root import FLAGS, Root, real_path
from pydsl_proxy.handlers.files.root import _looked_up as looked_up
from tests.support.files import FilesCase


class RootTests(FilesCase):
    """What is in a folder."""

    def holds(self, root: Root, path: Path) -> bool:
        """Whether the root holds what is opened at *path*."""
        fd = os.open(path, FLAGS)
        try:
            return root.holds(fd, bytes(path))
        finally:
            os.close(fd)

    def test_below(self) -> None:
        """The folder itself and what is below it; not what only begins alike."""
        outer = self.folder(www__a="", www2__a="")
        root = Root(bytes(outer / "www"), follow=True)
        self.assertTrue(self.holds(root, outer / "www"))
        self.assertTrue(self.holds(root, outer / "www" / "a"))
        self.assertFalse(self.holds(root, outer / "www2" / "a"))
        self.assertFalse(self.holds(root, outer))

    def test_everything(self) -> None:
        """The root of the file system holds all."""
        for follow in (True, False):
            root = Root(b"/", follow=follow)
            self.assertEqual(root.path, b"")
            for path in (Path("/"), self.folder(a="").resolve() / "a"):
                self.assertTrue(self.holds(root, path))

    def test_spelling(self) -> None:
        """A root is what its path means, however it is spelled."""
        outer = self.folder(www__a="")
        for spelled in ("www/", "x/../www", "./www//"):
            self.assertEqual(Root(bytes(outer) + b"/" + spelled.encode(), follow=True).path, bytes(outer / "www"))

    def test_moved_file(self) -> None:
        """What counts is where the file is now, not where it was opened."""
        outer = self.folder(www__a="", x="")
        root = Root(bytes(outer / "www"), follow=True)
        name = outer / "www" / "a"
        fd = os.open(name, FLAGS)
        self.addCleanup(os.close, fd)
        name.rename(outer / "moved")
        self.assertFalse(root.holds(fd, bytes(name)))

    def test_without_proc(self) -> None:
        """Where the kernel tells no path, what is there must be what is open."""
        root = self.folder(a="", b="").resolve()
        (root / "link").symlink_to("a")
        fd = os.open(root / "a", FLAGS)
        self.addCleanup(os.close, fd)
        self.assertEqual(looked_up(fd, bytes(root / "link")), bytes(root / "a"))
        self.assertEqual(real_path(fd, bytes(root / "link")), bytes(root / "a"))
        self.assertEqual(looked_up(fd, bytes(root / "b")), b"")
        self.assertEqual(looked_up(fd, bytes(root / "c")), b"")
