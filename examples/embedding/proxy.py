"""A program that has a proxy inside: once with a port of its own, once as a resource of a Site.

python examples/embedding/proxy.py
curl http://127.0.0.1:8080/        (the proxy's own port)
curl -i http://127.0.0.1:8081/     (the Site of the program)
curl http://127.0.0.1:8081/app/    (the proxy, below the Site's root)
"""

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import react
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.util import Redirect

from pydsl_proxy import as_resource, build, http, server, upstream

app = upstream("app", "127.0.0.1:9001", "127.0.0.1:9002")

proxy = http(server("tcp:8080:interface=127.0.0.1").location("/").proxy_to(app))
below = http(server(80).location("/app/").proxy_to(app, path="/"), access_log=None)


def site(reactor: PosixReactorBase) -> Site:
    """The program's own Site, with the proxy at ``/app``; *below* says what it answers, its port is not bound."""
    root = Resource()
    root.putChild(b"", Redirect(b"/app/"))
    root.putChild(b"app", as_resource(below, reactor))
    return Site(root, parsePOSTFormSubmission=False)


def main(reactor: PosixReactorBase) -> Deferred[None]:
    """Run until interrupted, or until a port cannot be bound."""
    done: Deferred[None] = Deferred()
    service = build(proxy, reactor)
    service.startService().addErrback(done.errback)
    serverFromString(reactor, "tcp:8081:interface=127.0.0.1").listen(site(reactor)).addErrback(done.errback)
    # Exchanges under way may end.
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    return done


if __name__ == "__main__":
    react(main)
