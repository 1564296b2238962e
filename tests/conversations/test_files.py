"""Conversations at locations that serve files."""

from __future__ import annotations

import os
from pathlib import Path

from pydsl_proxy import Server, exact, header, named, path, prefix, query, query_string, regex, server
from pydsl_proxy.handlers.files.serving import SMALL
from pydsl_proxy.testing import Response, run
from tests.support.files import THEN, WHEN, FilesCase, write

ETAG = f'"{WHEN:x}-5"'
LARGE = os.urandom(1000) * 1000


def get(web: Server, target: str, method: str = "GET", **fields: str) -> Response:
    """The answer to one request; underscores in the names of *fields* are hyphens."""
    client, _ = run(web)
    return client.request(method, target, {name.replace("_", "-"): value for name, value in fields.items()})


class WholeTests(FilesCase):
    """A file as a whole."""

    def test_get(self) -> None:
        """A file comes with its type, its length, and what tells one state of it from another."""
        answer = get(server(80).location("/").serve_files(self.folder(a_css="body{")), "/a.css?v=1")
        self.assertEqual((answer.status, answer.body), (200, b"body{"))
        fields = {"content-type": "text/css; charset=utf-8", "content-length": "5", "etag": ETAG}
        fields |= {"last-modified": THEN, "accept-ranges": "bytes", "server": "pydsl_proxy"}
        self.assertEqual(dict(answer.headers), fields | {"date": answer.headers["date"]})

    def test_head(self) -> None:
        """HEAD has the same head, and no body; of a large file too."""
        for content in (b"12345", LARGE):
            web = server(80).location("/").serve_files(self.folder(a_txt=content))
            client, _ = run(web)
            head, whole = client.request("HEAD", "/a.txt"), client.request("GET", "/a.txt")
            self.assertEqual((head.status, head.body, head.headers), (200, b"", whole.headers))

    def test_other_methods(self) -> None:
        """All other methods are refused."""
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            answer = get(server(80).location("/").serve_files(self.folder(a_txt="x")), "/a.txt", method)
            self.assertEqual((answer.status, answer.headers["allow"]), (405, "GET, HEAD"))

    def test_large(self) -> None:
        """A file of any size comes whole; as large as the one that is sent in one piece, and a byte more."""
        for size in (0, SMALL, SMALL + 1, len(LARGE)):
            content = LARGE[:size]
            answer = get(server(80).location("/").serve_files(self.folder(a_bin=content)), "/a.bin")
            self.assertTrue(answer.body == content)
            self.assertEqual(answer.headers["content-length"], str(size))

    def test_repeated(self) -> None:
        """What is kept of a file is not used when the file has changed, or is gone."""
        root = self.folder(a_txt="first")
        client, _ = run(server(80).location("/").serve_files(root))
        for _ in range(4):
            self.assertEqual(client.request("GET", "/a.txt").body, b"first")
        (root / "a.txt").write_bytes(b"other")
        for _ in range(4):
            self.assertEqual(client.request("GET", "/a.txt").body, b"other")
        (root / "a.txt").unlink()
        self.assertEqual(client.request("GET", "/a.txt").status, 404)

    def test_kept(self) -> None:
        """A file that has long been as it is is read once, and yet never served when it is another."""
        root = self.folder(a_txt="first")
        running = run(server(80).location("/").serve_files(root))
        client = running[0]
        # Beyond the times of the file, which the operating system's clock made.
        running.clock.advance(2**31)
        client = running.client()
        for _ in range(4):
            self.assertEqual(client.request("GET", "/a.txt").body, b"first")
        before = (root / "a.txt").stat()
        (root / "new").write_bytes(b"other")
        os.utime(root / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
        (root / "new").rename(root / "a.txt")
        self.assertEqual(client.request("GET", "/a.txt").body, b"other")
        (root / "a.txt").unlink()
        self.assertEqual(client.request("GET", "/a.txt").status, 404)

    def test_date(self) -> None:
        """The date is that of the answer, also where the rest of the head was made before."""
        running = run(server(80).location("/").serve_files(self.folder(a_txt="x")))
        client = running[0]
        dates = []
        for _ in range(2):
            dates += [client.request("GET", "/a.txt").headers["date"] for _ in range(2)]
            running.clock.advance(1)
        self.assertEqual((dates[0], dates[2]), (dates[1], dates[3]))
        self.assertNotEqual(dates[0], dates[2])

    def test_types(self) -> None:
        """Types of one's own, and the default."""
        root = self.folder(a_md="x", b_html="x", c="x")
        client, _ = run(server(80).location("/").serve_files(root, types={".MD": "a/b"}, default_type="text/plain"))
        found = [client.request("GET", target).headers["content-type"] for target in ("/a.md", "/b.html", "/c")]
        self.assertEqual(found, ["a/b", "text/html; charset=utf-8", "text/plain"])

    def test_cache_control(self) -> None:
        """It is with files and with 304, and not with errors."""
        client, _ = run(server(80).location("/").serve_files(self.folder(a_txt="12345"), cache_control="max-age=60"))
        for fields in ({}, {"Range": "bytes=0-1"}, {"If-None-Match": ETAG}):
            self.assertEqual(client.request("GET", "/a.txt", fields).headers["cache-control"], "max-age=60")
        for target, also in (("/b.txt", {}), ("/a.txt", {"Range": "bytes=9-"}), ("/a.txt", {"If-Match": '"x"'})):
            self.assertNotIn("cache-control", client.request("GET", target, also).headers)

    def test_fields_of_the_location(self) -> None:
        """Fields that are set or hidden are, with HTTP/1.0 too, and before a close."""
        web = server(80).location("/").hide_response_header("ETag").set_response_header("X-A", "b")
        client, _ = run(web.serve_files(self.folder(a_txt="x")))
        client.sends(b"GET /a.txt HTTP/1.0\r\n\r\n")
        self.assertIn(b"\r\nX-A: b\r\n", client.received)
        self.assertIn(b"\r\nConnection: close\r\n\r\nx", client.received)
        self.assertNotIn(b"ETag", client.received)
        self.assertTrue(client.is_closed)


class ConditionTests(FilesCase):
    """Conditional requests, and ranges."""

    def asks(self, method: str = "GET", **fields: str) -> Response:
        """The answer for a file of five bytes."""
        return get(server(80).location("/").serve_files(self.folder(a_txt="12345")), "/a.txt", method, **fields)

    def test_not_modified(self) -> None:
        """304 tells the validators, and neither type nor length."""
        for method in ("GET", "HEAD"):
            answer = self.asks(method, If_None_Match=ETAG)
            self.assertEqual((answer.status, answer.body, answer.headers["etag"]), (304, b"", ETAG))
            self.assertEqual(answer.headers["last-modified"], THEN)
            self.assertNotIn("content-length", answer.headers)
            self.assertNotIn("content-type", answer.headers)
        self.assertEqual(self.asks(If_Modified_Since=THEN).status, 304)
        self.assertEqual(self.asks(If_None_Match='"x"', If_Modified_Since=THEN).status, 200)

    def test_failed(self) -> None:
        """412 where the client wants another state than there is."""
        self.assertEqual(self.asks(If_Match='"x"').status, 412)
        self.assertEqual(self.asks(If_Unmodified_Since="Sun, 06 Nov 1994 08:49:36 GMT").status, 412)
        self.assertEqual(self.asks(If_Match=ETAG).body, b"12345")

    def test_range(self) -> None:
        """One range."""
        answer = self.asks(Range="bytes=1-2")
        self.assertEqual((answer.status, answer.body), (206, b"23"))
        self.assertEqual(answer.headers["content-range"], "bytes 1-2/5")
        self.assertEqual(answer.headers["content-type"], "text/plain; charset=utf-8")

    def test_ranges(self) -> None:
        """Several ranges are the parts of one body."""
        answer = self.asks(Range="bytes=3-,0-1")
        kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
        self.assertEqual((answer.status, kind), (206, "multipart/byteranges"))
        part = "\r\n--{}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {}/5\r\n\r\n{}"
        parts = part.format(boundary, "3-4", "45"), part.format(boundary, "0-1", "12"), f"\r\n--{boundary}--\r\n"
        self.assertEqual(answer.text, "".join(parts))

    def test_large_ranges(self) -> None:
        """Ranges of more than one piece."""
        web = server(80).location("/").serve_files(self.folder(a_bin=LARGE))
        answer = get(web, "/a.bin", Range="bytes=1-600000")
        self.assertTrue(answer.body == LARGE[1:600001])
        answer = get(web, "/a.bin", Range="bytes=0-399999,500000-")
        self.assertEqual(answer.headers["content-length"], str(len(answer.body)))
        self.assertIn(b"\r\n\r\n" + LARGE[:400000] + b"\r\n--", answer.body)
        self.assertIn(LARGE[500000:], answer.body)

    def test_if_range(self) -> None:
        """What the client has begun to fetch has changed: the whole."""
        self.assertEqual(self.asks(Range="bytes=1-", If_Range=ETAG).status, 206)
        self.assertEqual(self.asks(Range="bytes=1-", If_Range='"x"').status, 200)

    def test_unsatisfiable(self) -> None:
        """416 tells the length."""
        answer = self.asks(Range="bytes=5-")
        self.assertEqual((answer.status, answer.headers["content-range"]), (416, "bytes */5"))

    def test_head_has_no_ranges(self) -> None:
        """Of all methods only GET has ranges (RFC 9110 14.2)."""
        answer = self.asks("HEAD", Range="bytes=1-2")
        self.assertEqual((answer.status, answer.headers["content-length"]), (200, "5"))


class PathTests(FilesCase):
    """Which file a path is."""

    def test_prefix(self) -> None:
        """What follows the prefix is looked up; with keep_prefix all of the path."""
        root = self.folder(a_txt="a", static__a_txt="static a")
        self.assertEqual(get(server(80).location("/static/").serve_files(root), "/static/a.txt").body, b"a")
        web = server(80).location("/static/").serve_files(root, keep_prefix=True)
        self.assertEqual(get(web, "/static/a.txt").body, b"static a")

    def test_prefix_without_slash(self) -> None:
        """A path that only begins like the location is none below it: nginx's alias leads out of the folder."""
        outer = self.folder(files__a_txt="a", secret_txt="secret", files2__a_txt="other")
        web = server(80).location("/f").serve_files(outer / "files")
        for target, expected in (("/f/a.txt", 200), ("/f../secret.txt", 404), ("/f2/a.txt", 404), ("/fa.txt", 404)):
            self.assertEqual(get(web, target).status, expected, target)
        self.assertEqual(get(web, "/f").headers["location"], "http://localhost/f/")

    def test_regex(self) -> None:
        """A regex has no prefix: all of the path is below the folder."""
        web = server(80).location(regex(r"\.txt$")).serve_files(self.folder(a__b_txt="x"))
        self.assertEqual(get(web, "/a/b.txt").body, b"x")

    def test_exact(self) -> None:
        """At an exact path the root may be one file."""
        web = server(80).location(exact("/favicon.ico")).serve_files(self.folder(f_ico="x") / "f.ico")
        answer = get(web, "/favicon.ico")
        self.assertEqual((answer.body, answer.headers["content-type"]), (b"x", "image/x-icon"))

    def test_names(self) -> None:
        """Names are decoded once, and are octets."""
        root = self.folder()
        write(root, {"a b.txt": "1", "%41.txt": "2", "é.txt": "3", "a;b.txt": "4", "a\\b.txt": "5", "a+b.txt": "6"})
        (Path(os.fsdecode(bytes(root) + b"/\xff.txt"))).write_bytes(b"7")
        client, _ = run(server(80).location("/").serve_files(root))
        targets = ["/a%20b.txt", "/%2541.txt", "/%C3%A9.txt", "/a;b.txt", "/a%5Cb.txt", "/a+b.txt", "/%ff.txt"]
        self.assertEqual([client.request("GET", target).body for target in targets], [b"%d" % n for n in range(1, 8)])

    def test_missing(self) -> None:
        """404: no such file, a file in the place of a folder, and a name that is too long."""
        client, _ = run(server(80).location("/").serve_files(self.folder(a_txt="x")))
        for target in ("/b.txt", "/a.txt/", "/a.txt/b", "/" + "x" * 300, "/b/", "/a/" * 1000):
            self.assertEqual(client.request("GET", target).status, 404, target[:20])

    def test_named(self) -> None:
        """At a named location, which has no prefix, all of the path is below the folder."""
        root = self.folder(index_html="root")
        web = server(80).location("/a").serve_files(root, try_files=[path, named("files")])
        web = web.location(named("files")).serve_files(root, try_files=["/index.html", 404])
        self.assertEqual(get(web, "/a/b").body, b"root")

    def test_hidden(self) -> None:
        """Names that begin with a dot are not there, unless wanted or well-known."""
        root = self.folder(_env="1", a__b_txt="2")
        write(root, {".git/config": "3", ".well-known/acme": "4", ".well-known/.x": "5", "a/.well-known/x": "6"})
        web = server(80).location("/").serve_files(root)
        targets = ("/.env", "/.git/config", "/.git/", "/.well-known/.x", "/a/.well-known/x", "/%2eenv", "/.git")
        self.assertEqual([get(web, target).status for target in targets], [404] * 7)
        self.assertEqual(get(web, "/.well-known/acme").body, b"4")
        shown = server(80).location("/").serve_files(root, hidden=True)
        self.assertEqual(get(shown, "/.git/config").body, b"3")
        below = server(80).location("/.git/").serve_files(root / ".git")
        self.assertEqual(get(below, "/.git/config").body, b"3")


class FolderTests(FilesCase):
    """Folders."""

    def test_slash(self) -> None:
        """A folder without a slash is redirected, with the query, escaped."""
        root = self.folder()
        (root / "a b").mkdir()
        client, _ = run(server(80).location("/s/").serve_files(root))
        answer = client.request("GET", "/s/a%20b?x=%20", {"Host": "example.com:8080"})
        self.assertEqual((answer.status, answer.headers["location"]), (301, "http://example.com:8080/s/a%20b/?x=%20"))
        self.assertEqual(client.request("GET", "/s").headers["location"], "http://localhost/s/")
        client.sends(b"GET //s/a%20b HTTP/1.0\r\n\r\n")
        self.assertIn(b"\r\nLocation: /s/a%20b/\r\n", client.received)

    def test_index(self) -> None:
        """The first index that there is stands for the folder; without one it is forbidden."""
        root = self.folder(a__index_htm="a", b__x="")
        client, _ = run(server(80).location("/").serve_files(root, index=["index.html", "index.htm"]))
        self.assertEqual(client.request("GET", "/a/").body, b"a")
        self.assertEqual(client.request("GET", "/a/").headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual([client.request("GET", target).status for target in ("/b/", "/", "/c/")], [403, 403, 404])

    def test_index_elsewhere(self) -> None:
        """An index that another location is for is answered there, as in nginx; one that is not there is not."""
        root = self.folder(index_html="x", sub__y="")
        web = server(80).location("/").set_response_header("X-At", "/").serve_files(root)
        web = (
            web.location(exact("/index.html")).set_response_header("X-At", "index").serve_files(root, keep_prefix=True)
        )
        web = web.location(exact("/sub/index.html")).respond(500)
        self.assertEqual(get(web, "/").headers["x-at"], "index")
        self.assertEqual(get(web, "/?a").body, b"x")
        self.assertEqual(get(web, "/sub/").status, 403)

    def test_listing(self) -> None:
        """A list has folders first, and what it shows is escaped."""
        root = self.folder(a_txt="12345", z__x="")
        write(root, {'<b>&".txt': "", "a:b": "", ".hidden": ""})
        (Path(os.fsdecode(bytes(root) + b"/\xff"))).write_bytes(b"")
        answer = get(server(80).location("/s/").serve_files(root, browse=True), "/s/")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertLess(answer.text.index(">z/</a>"), answer.text.index(">a.txt</a>"))
        self.assertIn('<a href="./%3Cb%3E%26%22.txt">&lt;b&gt;&amp;&quot;.txt</a>', answer.text)
        self.assertIn('<a href="./a%3Ab">', answer.text)
        self.assertIn('<a href="./%FF">\ufffd</a>', answer.text)
        self.assertIn("<td>1994-11-06 08:49</td><td>5</td>", answer.text)
        self.assertIn("Index of /s/", answer.text)
        self.assertNotIn("hidden", answer.text)

    def test_listing_is_bounded(self) -> None:
        """Of a large folder a part is shown, and the page says so."""
        root = self.folder()
        for number in range(1001):
            (root / f"{number:04}").touch()
        answer = get(server(80).location("/").serve_files(root, browse=True), "/")
        self.assertEqual(answer.text.count("<tr>"), 1000)
        self.assertIn("Only 1000 of the entries are shown", answer.text)

    def test_listing_of_links(self) -> None:
        """Links that lead nowhere, or out of the root, are not listed, and none where links are not followed."""
        root = self.folder(a="")
        (root.parent / "secret").write_text("secret")
        (root / "file").symlink_to("../secret")
        (root / "folder").symlink_to("..")
        (root / "good").symlink_to("a")
        (root / "bad").symlink_to("nowhere")
        text = get(server(80).location("/").serve_files(root, browse=True), "/").text
        self.assertEqual([name for name in ("good", "bad", "file", "folder/") if f">{name}<" in text], ["good"])
        text = get(server(80).location("/").serve_files(root, browse=True, follow_symlinks=False), "/").text
        self.assertNotIn(">good<", text)

    def test_index_before_listing(self) -> None:
        """A folder with an index is not listed."""
        self.assertEqual(
            get(server(80).location("/").serve_files(self.folder(index_html="x"), browse=True), "/").body, b"x"
        )


class LinkTests(FilesCase):
    """Links, and all else that is no file."""

    def test_within(self) -> None:
        """Links within the folder are followed, unless that is not wanted."""
        root = self.folder(a__x_txt="x")
        (root / "link").symlink_to("a")
        (root / "y.txt").symlink_to(root / "a" / "x.txt")
        web = server(80).location("/").serve_files(root)
        self.assertEqual([get(web, target).body for target in ("/link/x.txt", "/y.txt")], [b"x", b"x"])
        strict = server(80).location("/").serve_files(root, follow_symlinks=False)
        self.assertEqual(
            [get(strict, target).status for target in ("/link/x.txt", "/y.txt", "/a/x.txt")], [403, 403, 200]
        )

    def test_out(self) -> None:
        """Links out of the folder are not followed; to files, folders and indexes."""
        outer = self.folder(secret_txt="secret", www__a="", www__sub__a="", www2__x="x", other__index_html="secret")
        root = outer / "www"
        (root / "file").symlink_to("../secret.txt")
        (root / "folder").symlink_to("..")
        (root / "twin").symlink_to("../www2")
        (root / "sub" / "index.html").symlink_to("../../secret.txt")
        (root / "other").symlink_to("../other")
        running = run(server(80).location("/").serve_files(root, browse=True))
        for target in ("/file", "/folder", "/folder/", "/folder/secret.txt", "/twin/x", "/sub/", "/other/"):
            answer = running[0].request("GET", target)
            self.assertEqual(answer.status, 403, target)
            self.assertNotIn(b"secret", answer.body)
        self.assertEqual(running.exchanges[0].cause, "outside_root")

    def test_changed_link(self) -> None:
        """A file that was served is not when a link has taken its place."""
        outer = self.folder(secret_txt="secret", www__a_txt="public")
        root = outer / "www"
        client, _ = run(server(80).location("/").serve_files(root))
        self.assertEqual([client.request("GET", "/a.txt").status for _ in range(3)], [200] * 3)
        (root / "a.txt").unlink()
        (root / "a.txt").symlink_to("../secret.txt")
        self.assertEqual(client.request("GET", "/a.txt").status, 403)

    def test_root_moves(self) -> None:
        """The root may be a link that comes to lead elsewhere, as deployments do it."""
        outer = self.folder(one__a_txt="one", two__a_txt="two")
        (outer / "current").symlink_to("one")
        client, _ = run(server(80).location("/").serve_files(outer / "current"))
        self.assertEqual(client.request("GET", "/a.txt").body, b"one")
        (outer / "new").symlink_to("two")
        (outer / "new").rename(outer / "current")
        self.assertEqual(client.request("GET", "/a.txt").body, b"two")

    def test_no_files(self) -> None:
        """FIFOs are not waited for, and like sockets and devices they are no files."""
        root = self.folder()
        os.mkfifo(root / "fifo")
        (root / "null").symlink_to("/dev/null")
        client, _ = run(server(80).location("/").serve_files(root))
        self.assertEqual([client.request("GET", target).status for target in ("/fifo", "/null")], [404, 403])

    def test_cycle(self) -> None:
        """A link to itself is no file."""
        root = self.folder()
        (root / "x").symlink_to("x")
        self.assertEqual(get(server(80).location("/").serve_files(root), "/x").status, 404)

    def test_missing_root(self) -> None:
        """A root that is not there has no files, and has them once it is."""
        root = self.folder() / "later"
        running = run(server(80).location("/").serve_files(root))
        self.assertEqual(running[0].request("GET", "/a.txt").status, 404)
        write(root, {"a.txt": "x"})
        self.assertEqual(running[0].request("GET", "/a.txt").body, b"x")


class TryTests(FilesCase):
    """try_files."""

    def test_order(self) -> None:
        """The first that is there; the last is a status."""
        root = self.folder(a_html="a", b="b", b_html="not this")
        web = server(80).location("/").serve_files(root, try_files=[path, f"{path}.html", 410])
        answers = [get(web, target) for target in ("/a", "/b", "/c")]
        self.assertEqual([answer.body for answer in answers[:2]], [b"a", b"b"])
        self.assertEqual(answers[0].headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual(answers[2].status, 410)

    def test_single_page(self) -> None:
        """What is no file is answered with the page of the application, as a path of its own."""
        root = self.folder(index_html="app", a_js="js")
        web = server(80).location("/").serve_files(root, try_files=[path, "/index.html"])
        self.assertEqual(
            [get(web, target).body for target in ("/", "/a.js", "/users/1", "/.env")], [b"app", b"js", b"app", b"app"]
        )
        cached = web.location(exact("/index.html")).serve_files(root, keep_prefix=True, cache_control="no-cache")
        self.assertEqual(get(cached, "/users/1").headers["cache-control"], "no-cache")

    def test_page_is_missing(self) -> None:
        """Where the last is not there either, nginx answers 500 for a cycle; here it is 404."""
        web = server(80).location("/").serve_files(self.folder(), try_files=[path, "/index.html"])
        self.assertEqual([get(web, target).status for target in ("/users", "/index.html")], [404, 404])

    def test_application(self) -> None:
        """What is no file goes to the application, with method, body and target as they are."""
        root = self.folder(a_txt="a")
        web = server(80).location("/").serve_files(root, try_files=[path, named("app")])
        client, peers = run(web.location(named("app")).proxy_to("app:1"))
        self.assertEqual(client.request("GET", "/a.txt").body, b"a")
        peers["app:1"].answers(201, b"made")
        self.assertEqual(client.request("POST", "/users?a=%20", (), b"body").status, 201)
        asked = peers["app:1"].requests[-1]
        self.assertEqual((asked.method, asked.target, asked.body), ("POST", "/users?a=%20", b"body"))
        self.assertEqual(client.request("POST", "/a.txt").status, 405)

    def test_folders(self) -> None:
        """A candidate with a slash at the end is a folder."""
        root = self.folder(a__index_html="a", b__x="", c="c")
        web = server(80).location("/").serve_files(root, try_files=[path, f"{path}/", 410])
        client, _ = run(web)
        self.assertEqual(client.request("GET", "/a/").body, b"a")
        self.assertEqual(client.request("GET", "/a").headers["location"], "http://localhost/a/")
        self.assertEqual([client.request("GET", target).status for target in ("/b/", "/c", "/d")], [403, 200, 410])
        self.assertEqual(client.request("POST", "/a/").status, 405)
        files_only = server(80).location("/").serve_files(root, try_files=[path, 410])
        self.assertEqual([get(files_only, target).status for target in ("/a/", "/a", "/")], [410] * 3)
        other = server(80).location("/").serve_files(root, try_files=["/a/", 404])
        self.assertEqual(get(other, "/x").body, b"a")

    def test_post_to_a_folder(self) -> None:
        """Its index gets it where that is another location's, as with nginx; without its slash it is no folder."""
        root = self.folder(index_php="", a__index_php="", b__index_html="", c__x="")
        index, there = ["index.html", "index.php"], server(80).location("/")
        for web in (
            there.serve_files(root, index=index),
            there.serve_files(root, index=index, try_files=[path, f"{path}/", 404]),
        ):
            client, peers = run(web.location(regex(r"\.php$")).proxy_to("php:1"))
            peers["php:1"].answers(201, b"made")
            for target in ("/a/?b=c", "/?b=c"):
                self.assertEqual(client.request("POST", target, (), b"body").status, 201)
                asked = peers["php:1"].requests[-1]
                self.assertEqual(asked.target, target.replace("?", "index.php?"))
                self.assertEqual((asked.method, asked.body), ("POST", b"body"))
            others = [("POST", "/a"), ("POST", "/b/"), ("POST", "/c/"), ("PUT", "/a/")]
            self.assertEqual([client.request(*each).status for each in others], [405] * 4)

    def test_target(self) -> None:
        """The last may have a query; values in it are escaped."""
        web = (
            server(80).location("/").serve_files(self.folder(), try_files=["/x", f"/php{path}?q={path}&{query_string}"])
        )
        client, peers = run(web.location("/php/").proxy_to("php:1"))
        peers["php:1"].answers(200)
        client.request("GET", "/a%20b%3Fc?d=%20")
        self.assertEqual(peers["php:1"].requests[-1].target, "/php/a%20b%3Fc?q=/a%20b%3Fc&d=%20")

    def test_values(self) -> None:
        """A candidate may depend on anything in the request, and still leads out of nothing."""
        outer = self.folder(secret="secret", www__de__a="deutsch", www__a="english")
        web = (
            server(80)
            .location("/")
            .serve_files(outer / "www", try_files=[f"/{header('x-language')}{path}", lambda request: request.path, 404])
        )
        for language, expected in (("de", b"deutsch"), ("fr", b"english"), ("..", b"english"), ("../..", b"english")):
            self.assertEqual(get(web, "/a", X_Language=language).body, expected)
        self.assertEqual(get(web, "/secret", X_Language="..").status, 404)
        web = server(80).location("/").serve_files(outer / "www", try_files=[f"/{query('file')}", 404])
        self.assertEqual([get(web, f"/?file={name}").status for name in ("a", "a%00", "../secret")], [200, 404, 404])

    def test_prefix(self) -> None:
        """A candidate that begins with the location's prefix loses it."""
        root = self.folder(a_txt="a", b_html="b")
        web = server(80).location(prefix("/s/")).serve_files(root, try_files=[path, f"{path}.html", "/s/a.txt"])
        self.assertEqual([get(web, target).body for target in ("/s/a.txt", "/s/b", "/s/x")], [b"a", b"b", b"a"])

    def test_named(self) -> None:
        """At a named location a last candidate that is the path itself is looked up there."""
        root = self.folder(a="a")
        web = server(80).location("/").serve_files(self.folder(), try_files=[path, named("more")])
        web = web.location(named("more")).serve_files(root, try_files=[f"{path}.x", path])
        self.assertEqual(get(web, "/a").body, b"a")

    def test_no_content(self) -> None:
        """A status without a body has none."""
        answer = get(server(80).location("/").serve_files(self.folder(), try_files=[path, 204]), "/x")
        self.assertEqual((answer.status, answer.body), (204, b""))


class PrecompressedTests(FilesCase):
    """Files that were compressed beforehand."""

    def test_chosen(self) -> None:
        """What the client likes best of what there is, with the type of the file itself and a tag of its own."""
        root = self.folder(a_js="plain", a_js_gz="gzip..", a_js_br="br")
        client, _ = run(server(80).location("/").serve_files(root, precompressed=True))
        for accepted, body, coding in (
            ("gzip, br", b"br", "br"),
            ("gzip, br;q=0.5", b"gzip..", "gzip"),
            ("zstd, gzip", b"gzip..", "gzip"),
            ("br;q=0, *", b"gzip..", "gzip"),
            ("identity", b"plain", None),
            ("", b"plain", None),
        ):
            for _ in range(2):
                answer = client.request("GET", "/a.js", {"Accept-Encoding": accepted})
                self.assertEqual((answer.body, answer.headers.get("content-encoding")), (body, coding), accepted)
                self.assertEqual(answer.headers["content-type"], "text/javascript; charset=utf-8")
                self.assertEqual(answer.headers["vary"], "Accept-Encoding")
                self.assertEqual(answer.headers["etag"], f'"{WHEN:x}-{len(body):x}"')

    def test_some(self) -> None:
        """Only the codings that are named."""
        root = self.folder(a_js="plain", a_js_gz="gzip", a_js_br="br")
        web = server(80).location("/").serve_files(root, precompressed=["gzip"])
        self.assertEqual(get(web, "/a.js", Accept_Encoding="br, gzip").body, b"gzip")
        self.assertEqual(get(web, "/a.js", Accept_Encoding="br").body, b"plain")

    def test_missing(self) -> None:
        """Where only the compressed file is there, that it is missing to others depends on what they understand."""
        root = self.folder()
        (root / "only.css.gz").write_bytes(b"x")
        for web in (
            server(80).location("/").serve_files(root, precompressed=True),
            server(80).location("/").serve_files(root, precompressed=True, try_files=[path, 404]),
        ):
            client, _ = run(web)
            for fields, status in (({"Accept-Encoding": "gzip"}, 200), ({}, 404)):
                answer = client.request("GET", "/only.css", fields)
                self.assertEqual((answer.status, answer.headers.all("Vary")), (status, ["Accept-Encoding"]))

    def test_itself(self) -> None:
        """Asked for by its own name it is a file like others; and so it is without precompressed."""
        root = self.folder(a_js="plain", a_js_gz="gzip")
        for precompressed in (True, False):
            client, _ = run(server(80).location("/").serve_files(root, precompressed=precompressed))
            client.request("GET", "/a.js", {"Accept-Encoding": "gzip"})
            answer = client.request("GET", "/a.js.gz", {"Accept-Encoding": "gzip"})
            self.assertEqual((answer.body, answer.headers["content-type"]), (b"gzip", "application/gzip"))
            self.assertNotIn("content-encoding", answer.headers)

    def test_not_out(self) -> None:
        """A folder in its place, or a link out, is passed over."""
        outer = self.folder(secret="secret", www__a_js="plain", www__b_js="plain", www__b_js_gz__x="")
        (outer / "www" / "a.js.gz").symlink_to("../secret")
        web = server(80).location("/").serve_files(outer / "www", precompressed=True)
        self.assertEqual(
            [get(web, target, Accept_Encoding="gzip").body for target in ("/a.js", "/b.js")], [b"plain"] * 2
        )
