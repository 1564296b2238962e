"""FastCGI: how an upstream of PHP-FPM is spoken to."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.connectors.cgi.connection import Spoken
from pydsl_proxy.connectors.cgi.fastcgi_connection import FastCgiConnection
from pydsl_proxy.connectors.cgi.params import Checked, CustomParams, as_rules, own_params, spelled_params
from pydsl_proxy.connectors.cgi.stderr_log import StderrLog
from pydsl_proxy.connectors.preflight import Refusal, connecting, needs_length
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.interfaces import Attempt, ConnectionPool, Dial, Exchange
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.values.regex import check_cost
from pydsl_proxy.wire.cgi import fastcgi_records
from pydsl_proxy.wire.cgi.params import CgiParams
from pydsl_proxy.wire.cgi.script_paths import ScriptPaths
from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.memo import Memo


@frozen(repr=False)
class FastCgi:
    """A connector, made by :func:`fastcgi`."""

    # nginx has no directive for it either, and PHP-FPM no TLS.
    over_tls: ClassVar[bool] = False
    needs_length: ClassVar[bool] = True

    root: str | None = field(default=None, kw_only=True)
    index: str | None = field(default=None, kw_only=True)
    split_path_info: str | None = field(default=None, kw_only=True)
    only_existing: bool = field(default=False, kw_only=True)
    hidden: bool = field(default=False, kw_only=True)
    params: Checked = field(default=(), kw_only=True)
    keep_conn: bool = field(default=False, kw_only=True)

    def __repr__(self) -> str:
        rest = options(self, "root", "index", "split_path_info", "only_existing", "hidden")
        return call("fastcgi", rest, spelled_params(self.params), options(self, "keep_conn"))

    def compile(self, home: ConnectionPool, dial: Dial) -> Callable[[Attempt], Callable[[], None]]:
        """See :class:`~pydsl_proxy.interfaces.Connector`."""
        scripts = self._scripts()
        params = CgiParams(fastcgi_records.pair, scripts, as_rules(self.params))
        begin = fastcgi_records.begin_request(keep=self.keep_conn)

        def write(exchange: Exchange, head: bytes) -> bytes:
            return begin + fastcgi_records.params(params.parts(exchange, head))

        refusal = _missing(params) if self.only_existing else needs_length
        stderr = StderrLog(home)
        spoken = Spoken(home, Memo(), write, refusal)
        keep = self.keep_conn
        return connecting(dial, refusal, lambda attempt: FastCgiConnection(spoken, attempt, stderr, keep=keep))

    def _scripts(self) -> ScriptPaths | None:
        if self.root is None:
            return None
        # A dot is any octet: nginx's is no line end, which is how CVE-2019-11043 had a PATH_INFO that was not split.
        split = None if self.split_path_info is None else re.compile(self.split_path_info.encode(), re.DOTALL)
        return ScriptPaths(os.fsencode(self.root), (self.index or "").encode(), split, hidden=self.hidden)


def fastcgi(
    *,
    root: str | os.PathLike[str] | None = None,
    index: str | None = None,
    split_path_info: str | None = None,
    only_existing: bool = False,
    hidden: bool = False,
    params: CustomParams | None = None,
    keep_conn: bool = False,
) -> FastCgi:
    r"""FastCGI, for ``upstream("php", "unix:/run/php/php8.2-fpm.sock", via=fastcgi(root="/srv/www"))``.

    The path of a request, normalised, names a script below *root*, a folder as PHP sees it; it is an absolute path.
    *index* is what stands behind a slash at its end, as ``"index.php"``.  *split_path_info* is a pattern of two groups,
    as ``r"^(.+?\.php)(/.*)$"``: the script, and what it gets as ``PATH_INFO``; a dot in it is any octet.  With
    *only_existing* a request for what is no file is answered with 404, and not handed to PHP; for that the proxy must
    see the same files.  A script whose path has a segment that begins with a dot is answered with 404, unless *hidden*
    is True; ``/.well-known/`` is not hidden, as for ``serve_files``.  Without *root* there is one application, as those
    in Python or Perl, whose ``PATH_INFO`` is all of the path.

    The params are those of nginx's ``fastcgi_params``, header fields as ``HTTP_…`` beside them, but never
    ``HTTP_PROXY``.  *params* adds others, or changes these: a text, a value such as ``host``, an f-string of them, or a
    function of the request; None leaves one out.

    *keep_conn* keeps connections, as the upstream's ``keepalive`` has it.  Each of them occupies a process of PHP-FPM
    all the while.

    What the application writes to its stderr is logged.  A body of unknown length is buffered before a peer is chosen,
    as ``.buffer_request()`` does it by default.
    """
    if root is None and (index is not None or split_path_info is not None or only_existing or hidden):
        raise ConfigError(
            "fastcgi(): index=, split_path_info=, only_existing= and hidden= are about scripts below a root",
            hint='write fastcgi(root="/srv/www", …)',
        )
    for name, value in (("only_existing", only_existing), ("hidden", hidden), ("keep_conn", keep_conn)):
        if not isinstance(value, bool):
            raise ConfigError(f"fastcgi({name}=…) must be True or False, not {value!r}")
    return FastCgi(
        root=_root(root),
        index=_index(index),
        split_path_info=_split(split_path_info),
        only_existing=only_existing,
        hidden=hidden,
        params=own_params("fastcgi", params),
        keep_conn=keep_conn,
    )


def _root(given: object) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str | os.PathLike):
        raise ConfigError(f"fastcgi(root=…) must be the path of a folder, not {given!r}", hint='write "/srv/www"')
    path = os.fspath(given)
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
        raise ConfigError(
            f"fastcgi(root=…): {path!r} is not an absolute path, and PHP runs in another folder than the proxy",
            hint='write root="/srv/www", or root=Path(__file__).parent.resolve() / "www"',
        )
    return path


def _index(given: object) -> str | None:
    if given is not None and (not isinstance(given, str) or not re.fullmatch(r"[^/\0]+", given)):
        raise ConfigError(f"fastcgi(index=…): {given!r} is not the name of a file", hint='write index="index.php"')
    return given


def _split(given: object) -> str | None:
    if given is None:
        return None
    hint = r'write split_path_info=r"^(.+?\.php)(/.*)$"'
    if not isinstance(given, str):
        raise ConfigError(f"fastcgi(split_path_info=…) must be a pattern, not {given!r}", hint=hint)
    try:
        compiled = re.compile(given.encode(), re.DOTALL)
    except re.error as error:
        raise ConfigError(f"fastcgi(split_path_info=…): {given!r} is no pattern: {error}", hint=hint) from None
    if compiled.groups != 2:
        raise ConfigError(f"fastcgi(split_path_info=…): {given!r} has {compiled.groups} groups, not two", hint=hint)
    check_cost(f"fastcgi(split_path_info=…): {given!r}", compiled, hint.removeprefix("write "))
    return given


def _missing(params: CgiParams) -> Refusal:
    def refusal(exchange: Exchange) -> int | None:
        try:
            return needs_length(exchange) or (None if os.path.isfile(params.script(exchange)) else 404)
        except Malformed as error:
            return error.status

    return refusal
