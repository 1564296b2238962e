"""Tests of which script a path names."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.cgi.script_paths import ScriptPaths
from pydsl_proxy.wire.http.grammar import Malformed

SPLIT = re.compile(rb"^(.+?\.php)(/.*)$")


class ScriptPathTests(SynchronousTestCase):
    """nginx's fastcgi_index and fastcgi_split_path_info."""

    def test_whole(self) -> None:
        """Without either the path is the script."""
        scripts = ScriptPaths(b"/srv/www/")
        self.assertEqual(scripts.of(b"/a/b.php"), (b"/a/b.php", b""))
        self.assertEqual(scripts.of(b"/a/"), (b"/a/", b""))
        self.assertEqual(scripts.filename(b"/a/b.php"), b"/srv/www/a/b.php")
        self.assertFalse(scripts.splits)

    def test_index(self) -> None:
        """It stands behind a slash at the end only."""
        scripts = ScriptPaths(b"/srv", b"index.php")
        self.assertEqual(scripts.of(b"/")[0], b"/index.php")
        self.assertEqual(scripts.of(b"/a/")[0], b"/a/index.php")
        self.assertEqual(scripts.of(b"/a")[0], b"/a")

    def test_hidden(self) -> None:
        """A script with a segment that begins with a dot is not there; its PATH_INFO may have one."""
        scripts = ScriptPaths(b"/srv/.www", b".index.php", SPLIT)
        for path in (b"/.hidden.php", b"/.git/hooks/a.php", b"/a/.b.php/c", b"/.php/x", b"/", b"/.well-known/.a.php"):
            self.assertEqual(self.assertRaises(Malformed, scripts.of, path).status, 404, path)
        shown = ScriptPaths(b"/srv", b".index.php", SPLIT, hidden=True)
        self.assertEqual(shown.of(b"/.hidden.php/.x")[0], b"/.hidden.php")
        self.assertEqual(shown.of(b"/")[0], b"/.index.php")
        self.assertEqual(scripts.of(b"/a.php/.b"), (b"/a.php", b"/.b"))
        self.assertEqual(scripts.of(b"/.well-known/a.php")[0], b"/.well-known/a.php")
        self.assertEqual(scripts.of(b"/a..php/.")[0], b"/a..php")

    def test_split(self) -> None:
        """Two groups: script and rest; a path that the pattern does not find is not split."""
        scripts = ScriptPaths(b"/srv", b"index.php", SPLIT)
        self.assertEqual(scripts.of(b"/a.php/b/c"), (b"/a.php", b"/b/c"))
        self.assertEqual(scripts.of(b"/a.php/"), (b"/a.php", b"/"))
        self.assertEqual(scripts.of(b"/a.php"), (b"/a.php", b""))
        self.assertEqual(scripts.of(b"/a/"), (b"/a/index.php", b""))
        self.assertTrue(scripts.splits)

    def test_first_script(self) -> None:
        """A pattern that is not greedy takes the first script; what is no script before it is part of its name."""
        scripts = ScriptPaths(b"/srv", b"", SPLIT)
        self.assertEqual(scripts.of(b"/a.php/b.php/c"), (b"/a.php", b"/b.php/c"))
        self.assertEqual(scripts.of(b"/upload.jpg/x.php"), (b"/upload.jpg/x.php", b""))

    def test_not_below_the_root(self) -> None:
        """A script's name begins with a slash, or it would change the root's."""
        for pattern in (rb"([^/]+\.php)(/.*)$", rb"^/()(.*)$", rb"^(x)?(.*)$"):
            error = self.assertRaises(Malformed, ScriptPaths(b"/srv", b"", re.compile(pattern)).of, b"/a/b.php/c")
            self.assertEqual(error.status, 404)
