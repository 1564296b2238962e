"""What is measured."""

from __future__ import annotations

from attrs import frozen

# Bytes of a large body.
LARGE = 10_000_000


@frozen(kw_only=True)
class Scenario:
    """A load: *connections* clients at once that ask for *path*.

    *sends* is the length of each request's body in bytes.  *unique* makes every header section new; *pooled* lets the
    proxy keep connections to the peer; *idle* connections ask once and are then held.  *fastcgi* says that the peer
    is PHP-FPM.  With *passed* connections are passed on as they are.  With *streams* the connections are of HTTP/2 over
    TLS, each with so many streams at once.  *websocket* is ``"tunnel"`` or ``"bridge"``: each connection sends binary
    messages of *sends* bytes, one after the echo of the other.
    """

    name: str
    title: str
    path: str = "/small"
    connections: int = 64
    sends: int = 0
    unique: bool = False
    pooled: bool = True
    bulk: bool = False
    idle: bool = False
    fastcgi: bool = False
    passed: bool = False
    streams: int = 0
    websocket: str = ""

    @property
    def unit(self) -> str:
        """What the CPU time, or the memory, is divided by."""
        if self.idle:
            return "bytes a connection"
        if self.websocket:
            return "CPU µs an echo"
        return "CPU s/GB" if self.bulk else "CPU µs a request"


SCENARIOS = {
    each.name: each
    for each in (
        Scenario(name="small", title="200 bytes, connections kept on both sides"),
        Scenario(name="unique", title="the same, every request's header section new", unique=True),
        Scenario(name="newpeer", title="the same, a new connection to the peer for each request", pooled=False),
        Scenario(name="download", title="responses of 10 MB, 4 at a time", path="/large", connections=4, bulk=True),
        Scenario(
            name="upload", title="requests of 10 MB, 4 at a time", path="/sink", connections=4, sends=LARGE, bulk=True
        ),
        Scenario(name="stream", title="the first, its connections passed on as they are", passed=True),
        Scenario(
            name="streambulk",
            title="responses of 10 MB, 4 at a time, passed on as they are",
            path="/large",
            connections=4,
            bulk=True,
            passed=True,
        ),
        Scenario(
            name="http2",
            title="200 bytes over HTTP/2 and TLS, 8 clients with 10 streams each",
            connections=8,
            streams=10,
        ),
        *(
            Scenario(
                name=way, title=f"echoes of 128 bytes of WebSockets, a {way}", connections=100, sends=128, websocket=way
            )
            for way in ("tunnel", "bridge")
        ),
        Scenario(name="latency", title="200 bytes, one at a time", connections=1),
        Scenario(
            name="fastcgi",
            title="200 bytes of a script, from PHP-FPM over a UNIX socket",
            path="/small.php",
            pooled=False,
            fastcgi=True,
        ),
        Scenario(name="idle", title="connections that have asked once and wait", connections=1000, idle=True),
    )
}
