"""Tests of the choice of locations and servers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.compiler.routing import (
    compile_locations,
    compile_server_names,
    find_duplicate_names,
    find_duplicates,
    matched_prefix,
    slash_redirects,
)
from pydsl_proxy.config.matching import Exact, Match, ServerName, as_server_name, exact, prefix, regex
from tests.support.reference_router import choose_location, choose_server

LOCATIONS: list[tuple[Match, str]] = [
    (exact("/exact"), "= /exact"),
    (prefix("/exact"), "/exact"),
    (prefix("/img/", stop=True), "^~ /img/"),
    (regex(r"\.png$"), r"~ \.png$"),
    (regex(r"\.PNG$", ignore_case=True), r"~* \.PNG$"),
    (prefix("/img/deep/"), "/img/deep/"),
    (prefix("/"), "/"),
    (regex("^/exact"), "~ ^/exact"),
]

SEGMENTS = st.lists(st.sampled_from(["a", "b", "ab", "é"]), max_size=4).map("/".join)
MATCHES = st.one_of(
    SEGMENTS.map(lambda text: prefix("/" + text)),
    SEGMENTS.map(lambda text: prefix("/" + text, stop=True)),
    SEGMENTS.map(lambda text: exact("/" + text)),
    st.sampled_from([regex("^/a/"), regex("B", ignore_case=True), regex("b$"), regex("a/b")]),
)

HOSTS = st.lists(st.sampled_from(["a", "b", "www"]), min_size=1, max_size=4).map(".".join)
NAMES = st.one_of(
    st.just(""),
    HOSTS,
    HOSTS.map("*.{}".format),
    HOSTS.map(".{}".format),
    HOSTS.map("{}.*".format),
    st.sampled_from([regex("^www"), regex("A$"), regex(r"\.b\.")]),
).map(as_server_name)


def names(*texts: str) -> list[ServerName]:
    """Server names as a user lists them."""
    return [as_server_name(text) for text in texts]


class LocationTests(SynchronousTestCase):
    """The choice of a location."""

    def test_as_nginx(self) -> None:
        """Exact, then the longest prefix with stop, then regexes, then that prefix (observed on nginx 1.22.1)."""
        choose = compile_locations(LOCATIONS)
        for path, expected in [
            (b"/exact", "= /exact"),
            (b"/exact/", "~ ^/exact"),
            (b"/exactly", "~ ^/exact"),
            (b"/img/a.png", "^~ /img/"),
            (b"/img/deep/a.png", r"~ \.png$"),
            (b"/img/deep/a", "/img/deep/"),
            (b"/x.png", r"~ \.png$"),
            (b"/x.PNG", r"~* \.PNG$"),
            (b"/", "/"),
            (b"/img", "/"),
        ]:
            self.assertEqual(choose(path), expected, path)

    def test_order(self) -> None:
        """The order of the file matters to regexes only."""
        choose = compile_locations(LOCATIONS[::-1])
        self.assertEqual(choose(b"/exact"), "= /exact")
        self.assertEqual(choose(b"/img/a.png"), "^~ /img/")
        self.assertEqual(choose(b"/x.png"), r"~* \.PNG$")

    def test_root_alone(self) -> None:
        """A single location for "/" takes every path."""
        for match in (prefix("/"), prefix("/", stop=True)):
            self.assertEqual(compile_locations([(match, 1)])(b"/any/path"), 1)

    def test_none(self) -> None:
        """A path may have no location."""
        self.assertIsNone(compile_locations([])(b"/"))
        self.assertIsNone(compile_locations([(exact("/"), 1)])(b"/a"))
        self.assertIsNone(compile_locations([(prefix("/a/"), 1)])(b"/a"))
        self.assertIsNone(compile_locations([(prefix("/a/b"), 1), (regex("x"), 2)])(b"/a/c"))

    def test_non_ascii(self) -> None:
        """Locations are compared as UTF-8."""
        self.assertEqual(compile_locations([(prefix("/é/"), 1)])("/é/x".encode()), 1)

    @given(st.lists(MATCHES, max_size=10), SEGMENTS)
    def test_reference(self, matches: list[Match], path: str) -> None:
        """The compiled choice is that of the plain rules, also among duplicates."""
        locations = [(match, position) for position, match in enumerate(matches)]
        target = b"/" + path.encode()
        self.assertEqual(compile_locations(locations)(target), choose_location(locations, target))

    def test_matched_prefix(self) -> None:
        """A prefix and an exact path stand for octets, a regex does not."""
        self.assertEqual(matched_prefix(prefix("/é")), b"/\xc3\xa9")
        self.assertEqual(matched_prefix(exact("/a")), b"/a")
        self.assertIsNone(matched_prefix(regex("a")))


class DuplicateLocationTests(SynchronousTestCase):
    """Locations defined twice."""

    def test_none(self) -> None:
        """An exact path, a prefix and a regex of the same text are different."""
        matches: list[Match] = [exact("/a"), prefix("/a"), regex("/a"), regex("/a", ignore_case=True), prefix("/a/")]
        self.assertEqual(find_duplicates([(match, 0) for match in matches]), [])

    def test_pairs(self) -> None:
        """Each later one is told with the first; stop makes no difference."""
        matches: list[Match] = [
            prefix("/a"),
            exact("/a"),
            prefix("/a", stop=True),
            regex("x"),
            prefix("/a"),
            exact("/a"),
            regex("x"),
        ]
        pairs = find_duplicates([(match, position) for position, match in enumerate(matches)])
        self.assertEqual(pairs, [(0, 2), (0, 4), (1, 5), (3, 6)])


class SlashRedirectTests(SynchronousTestCase):
    """Requests that lack the slash of a proxied location."""

    def redirects(self, *matches: Match) -> list[tuple[Exact, Match]]:
        return slash_redirects([(match, match) for match in matches], lambda match: True)

    def test_redirected(self) -> None:
        """A prefix, or an exact path, that ends in a slash (both observed on nginx 1.22.1)."""
        for match in (prefix("/a/"), prefix("/a/", stop=True), exact("/a/")):
            self.assertEqual(self.redirects(match), [(exact("/a"), match)])

    def test_not_redirected(self) -> None:
        """Not where nothing is proxied, nothing ends in a slash, or the path without it has its own location."""
        self.assertEqual(slash_redirects([(prefix("/a/"), 1)], lambda value: value != 1), [])
        self.assertEqual(self.redirects(prefix("/"), prefix("/a"), regex("/a/")), [])
        self.assertEqual(self.redirects(prefix("/a/"), prefix("/a")), [])
        self.assertEqual(self.redirects(prefix("/a/"), exact("/a")), [])

    def test_once(self) -> None:
        """A path is redirected once, to the location that was listed first."""
        self.assertEqual(self.redirects(prefix("/a/"), exact("/a/")), [(exact("/a"), prefix("/a/"))])

    def test_before_regexes(self) -> None:
        """The redirect goes before regexes and shorter prefixes (observed on nginx 1.22.1)."""
        locations: list[tuple[Match, str]] = [
            (regex("^/rx"), "regex"),
            (prefix("/"), "root"),
            (prefix("/rx/a/"), "proxied"),
        ]
        added = [(match, "redirect") for match, _ in slash_redirects(locations, lambda value: value == "proxied")]
        choose = compile_locations([*locations, *added])
        self.assertEqual(choose(b"/rx/a"), "redirect")
        self.assertEqual(choose(b"/rx/a/"), "regex")
        self.assertEqual(choose(b"/rx/b"), "regex")


class ServerTests(SynchronousTestCase):
    """The choice of a server."""

    def test_as_nginx(self) -> None:
        """Exact, longest suffix, longest prefix, first regex, default (observed on nginx 1.22.1)."""
        choose = compile_server_names(
            [
                (names("d"), "default"),
                ([], "nameless"),
                (names(".ex.com"), "dot"),
                (names("*.a.ex.com"), "star"),
                (names("www.*"), "www"),
                ([as_server_name(regex("^WWW[.]q|^q"))], "regex"),
            ],
            "default",
        )
        for host, expected in [
            (b"", "nameless"),
            (b"other", "default"),
            (b"ex.com", "dot"),
            (b"www.ex.com", "dot"),
            (b"a.ex.com", "dot"),
            (b"x.a.ex.com", "star"),
            (b"www.q", "www"),
            (b"www.zz.yy", "www"),
            (b"www", "default"),
            (b"notex.com", "default"),
            (b"q.zz", "regex"),
        ]:
            self.assertEqual(choose(host), expected, host)

    def test_longest(self) -> None:
        """Of names that end or begin a host the longest counts, of however many labels and in whatever order."""
        for listed in ([("www.*", 1), ("www.ex.*", 2)], [("www.ex.*", 2), ("www.*", 1)]):
            choose = compile_server_names([(names(name), value) for name, value in listed], 0)
            hosts = (b"www.ex.org", b"www.ex.co.uk", b"www.org", b"www.ex", b"www.exa.org", b"www.", b"ex.org")
            self.assertEqual([choose(host) for host in hosts], [2, 2, 1, 1, 1, 1, 0])
        for listed in ([("*.org", 1), ("*.ex.org", 2)], [("*.ex.org", 2), ("*.org", 1)]):
            choose = compile_server_names([(names(name), value) for name, value in listed], 0)
            endings = (b"www.ex.org", b"a.b.ex.org", b"ex.org", b"org", b"www.exa.org")
            self.assertEqual([choose(host) for host in endings], [2, 2, 1, 0, 1])

    def test_names_only(self) -> None:
        """Exact names alone are a table."""
        choose = compile_server_names([(names("a"), 1), (names("b", "a"), 2)], 1)
        self.assertEqual([choose(host) for host in (b"a", b"b", b"c", b"")], [1, 2, 1, 1])

    @given(st.lists(st.lists(NAMES, max_size=3), max_size=4), st.one_of(st.just(""), HOSTS))
    def test_reference(self, listed: list[list[ServerName]], host: str) -> None:
        """The compiled choice is that of the plain rules, also among duplicates."""
        servers = [(of_one, position) for position, of_one in enumerate(listed)]
        choose = compile_server_names(servers, -1)
        self.assertEqual(choose(host.encode()), choose_server(servers, -1, host.encode()))


class DuplicateNameTests(SynchronousTestCase):
    """Names that two servers claim."""

    def test_none(self) -> None:
        """A server may repeat itself; names of different kinds do not conflict."""
        servers = [(names("a.com", ".a.com"), 1), (names("b.com"), 2), (names("*.b.com"), 3), (names("b.*", ""), 4)]
        self.assertEqual(find_duplicate_names(servers), [])

    def test_conflicts(self) -> None:
        """The name is told as the later server has it, once."""
        pattern = as_server_name(regex("^a"))
        servers = [
            (names(".a.com"), 1),
            ([*names("a.com"), pattern], 2),
            (names("*.a.com", "www.*"), 3),
            ([as_server_name(regex("^a", ignore_case=True))], 4),
            (names(".a.com", "www.*"), 5),
        ]
        self.assertEqual(
            [
                (name.text if isinstance(name.text, str) else "^a", first, later)
                for name, first, later in find_duplicate_names(servers)
            ],
            [("a.com", 1, 2), ("*.a.com", 1, 3), ("^a", 2, 4), (".a.com", 1, 5), ("www.*", 3, 5)],
        )

    def test_nameless(self) -> None:
        """Two servers without names claim the same requests."""
        self.assertEqual(find_duplicate_names([([], 1), ([], 2)]), [(ServerName(""), 1, 2)])
