"""The words of nginx, Caddy, Traefik, HAProxy, Apache and Express, and what is written here instead: a table.

A row has words, an example of how they are used, and what to paste in place of the call.  What is pasted may have gaps:
``{0}`` is the first argument of the user's call, ``{*}`` are all of them, ``{cert}`` is the argument of a keyword.
``{0|seconds}`` reads the argument in a certain way, see ``config/loading/pasting.py``; what follows ``=`` stands there if the
call has no such argument, or one that cannot be read so.  ``tests/config/loading/test_hints.py`` tries each row.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class Word:
    """A row.  *words* are lower-case, without underscores, and may be of several proxies; *note* is for a person."""

    words: str
    #: The arguments of the example.
    example: str
    #: What is pasted in place of the call, without the dot; None if this version has nothing like it.
    write: str | None
    note: str = ""


def _none(words: str, note: str, example: str = "") -> Word:
    return Word(words, example, None, note)


#: Verbs of a server, a location or the whole.
VERBS: Final = (
    Word("upstream", '"app", "127.0.0.1:9000"', "proxy_to(upstream({*}))"),
    Word(
        "proxypass reverseproxy proxy forward forwardto passto to sendto backend usebackend defaultbackend upstream"
        " service createproxymiddleware httpproxy proxyrequests",
        '"http://127.0.0.1:9000"',
        'proxy_to({0|target="127.0.0.1:9000"})',
    ),
    Word("peers servers backends upstreams", '"127.0.0.1:9000", "127.0.0.1:9001"', 'proxy_to(upstream("app", {*="127.0.0.1:9000"}))'),
    Word("proxypass reverseproxy proxy forward forwardto backend usebackend to", '"127.0.0.1:9000", "127.0.0.1:9001"', 'proxy_to(upstream("app", {*|address="127.0.0.1:9000"}))'),
    Word("fastcgipass phpfastcgi fcgi php proxyfcgi", '"127.0.0.1:9000"', 'proxy_to(upstream("php", {0|fastcgi="127.0.0.1:9000"}, via=fastcgi(root="/srv/www")))'),
    Word("uwsgipass uwsgi", '"127.0.0.1:3031"', 'proxy_to(upstream("app", {0|uwsgi="127.0.0.1:3031"}, via=uwsgi()))'),
    Word("scgipass scgi", '"127.0.0.1:4000"', 'proxy_to(upstream("app", {0|scgi="127.0.0.1:4000"}, via=scgi()))'),
    Word("grpcpass grpc", '"grpc://127.0.0.1:50051"', 'proxy_to(upstream("app", {0|grpc="127.0.0.1:50051"}, via=http2()))'),
    Word("websocket websockets ws proxyws", '"127.0.0.1:9000"', 'websocket_to({0|address="127.0.0.1:9000"})'),
    Word("root alias static staticfiles fileserver files serve servestatic servestaticfiles sendfile documentroot directory sendfromdirectory", '"/srv/www"', 'serve_files({0|text="/srv/www"})'),
    Word("tryfiles fallbackresource", '"$uri", "/index.html"', 'serve_files("/srv/www", try_files=[{*|value=path, "/index.html"}])'),
    Word("autoindex browse", '"on"', 'serve_files("/srv/www", browse=True)'),
    Word("directoryindex index", '"index.html"', 'serve_files("/srv/www", index=[{*|text="index.html"}])'),
    Word("redir redirect redirectpermanent permanentredirect rewriteto redirectregex moved", '"https://example.com/"', 'redirect_to({0|value="https://example.com"}{1|redirect})'),
    _none("proxyredirect", "Location fields of peers are mapped back by proxy_to(…, path=…) and strip_prefix(…)", '"off"'),
    Word("redirectscheme httpsredirect forcehttps sslredirect httpsonly redirecthttps tohttps", "", "redirect_to_https()"),
    Word("return staticresponse answer reply response status httprequestreturn deny404", '200, "ok"', 'respond({0|port=200}, {1|value})'),
    Word("return staticresponse reply redir redirect", '301, "https://example.com/"', "redirect_to({1|url}, status={0|moved})"),
    Word("send end text", '"ok"', 'respond(200, {0|value="ok"})'),
    Word("json", '{"a": 1}', 'respond(200, {0|json="[]"}, content_type="application/json")'),
    Word("addheader headers responseheader setheader setresponse addresponseheader headerdown moresetheaders customresponseheaders rspadd", '"X-Frame-Options", "DENY"', 'set_response_header({0|text="X-Frame-Options"}, {1|value="DENY"}{2|set})'),
    Word("header", '"set", "X-Frame-Options", "DENY"', 'set_response_header({1|text="X-Frame-Options"}, {2|value="DENY"}{0|set})'),
    Word("proxysetheader requestheader headerup addrequestheader customrequestheaders reqadd fastcgiparam", '"Host", "$host"', 'set_request_header({0|text="X-Real-IP"}, {1|value=client_address})'),
    Word("proxyhideheader removeheader deleteheader hideheader removeresponseheader delheader headerremove moreclearheaders unsetheader", '"X-Powered-By"', 'hide_response_header({0|text="X-Powered-By"})'),
    Word("deleterequestheader unsetrequestheader hiderequestheader delrequestheader", '"X-Powered-By"', 'remove_request_header({0|text="X-Powered-By"})'),
    Word("authbasic", '"Restricted", "/etc/proxy/htpasswd"', 'basic_auth({1|text="/etc/proxy/htpasswd"}, realm={0|text="Restricted"})'),
    Word("basicauth basicauthentication httpauth authbasicuserfile auth login htpasswd authuserfile authtype userlist", '"/etc/proxy/htpasswd"', 'basic_auth({0|path="/etc/proxy/htpasswd"})'),
    _none("httprequest httpresponse", "there is a verb for each action: deny(…), set_request_header(…, …), respond(403), redirect_to(…)", '"deny"'),
    Word("forwardauth externalauth subrequestauth", '"http://127.0.0.1:9091/verify"', 'auth_request({0|text="http://127.0.0.1:9091/verify"})'),
    Word("encode", '"zstd", "gzip"', "compress({*})"),
    Word("gzip compression brotli zstd deflate compressresponse", '"on"', "compress()"),
    Word("ratelimit limitreq throttle limit limiter expressratelimit sticktable", '"10r/s"', 'limit_requests({0|rate="10/s"})'),
    Word("limitconn", '"addr", 10', "limit_connections({1|int=10}{0|zone})"),
    Word("inflightreq maxconn maxconnections concurrency limitconcurrency", "10", "limit_connections({0|int=10})"),
    Word("clientmaxbodysize requestbody maxbodysize bodylimit limitrequestbody maxsize", '"8m"', "limit_body({0|size=8 * MiB})"),
    Word("timeout readtimeout proxyreadtimeout servertimeout responsetimeout proxytimeout", '"30s"', "timeouts(read={0|seconds=60})"),
    Word("connecttimeout proxyconnecttimeout dialtimeout", '"5s"', "timeouts(connect={0|seconds=5})"),
    Word("sendtimeout proxysendtimeout writetimeout", '"30s"', "timeouts(send={0|seconds=60})"),
    Word("retries proxynextupstream attempts trymoretimes redispatch", "3", "retry({0|int=2})"),
    Word("stripprefix striplocation handlepath stripuriprefix uristripprefix pathstrip", '"/api"', 'strip_prefix({0|prefix="/api"})'),
    Word("rewritepath replacepath replacepathregex pathregexp urlrewrite rewriterule uri", 'r"^/old/(.*)$", r"/new/\\1"', r'rewrite({0|text=r"^/old/(.*)$"}, {1|text=r"/new/\\1"})'.replace("\\\\", "\\")),
    Word("errors errorpages handleerrors customerrors errorfile errordocument", '404, "/404.html"', 'error_page({0|int=404}, to={1|text="/404.html"})'),
    Word("ipallowlist ipwhitelist whitelist allowlist allowfrom remoteip requireip", '"10.0.0.0/8"', 'allow({0|text="10.0.0.0/8"}).deny("all")'),
    Word("denyfrom blacklist blocklist denylist ipdenylist block", '"192.0.2.0/24"', 'deny({0|text="192.0.2.0/24"})'),
    Word("cors crossorigin accesscontrolalloworigin", '"https://app.example.com"', 'set_response_header("Access-Control-Allow-Origin", {0|text="https://app.example.com"})', "there is no verb for CORS: set its fields"),
    Word("cache proxycache httpcache proxycachevalid cachevalid", "", 'set_response_header("Cache-Control", "public, max-age=60")', "this version keeps no responses: browsers and caches in front can"),
    Word("cachecontrol", '"no-store"', 'set_response_header("Cache-Control", {0|text="max-age=3600"})'),
    Word("expires maxage", '"30d"', 'set_response_header("Cache-Control", {0|maxage="max-age=3600"})'),
    Word("stricttransportsecurity sts hstsheader", "", "hsts()"),
    Word("requestmirror shadow teeto copyto", '"127.0.0.1:9001"', 'mirror({0|address="127.0.0.1:9001"})'),
    Word("middleware use plugin lua", "", None, "a step or a filter of your own: .step(…), .filter(…)"),
    _none("healthcheck healthchecks check activehealth healthuri optionhttpchk", "this version asks no peer by itself: a peer that fails is left alone, peer(\"host:port\", max_fails=3, fail_timeout=10)"),
    _none("sticky stickysession stickycookie sessionaffinity affinity", 'this version sets no cookie for that: give the upstream a strategy, hash_by(cookie("sid")) or ip_hash()'),
    _none("log accesslog logging errorlog customlog httplog", "the access log is one for the whole: http(…, access_log=\"/var/log/proxy/access.log\")"),
    _none("get head post put patch delete methods allowmethods limitexcept", 'methods are a condition: .when(method.is_in(["GET", "HEAD"])); another path is location("/a") of the server'),
    _none("if matcher", 'a location answers only some requests with .when(…), as .when(method.equals("POST"))'),
    _none("require requireall requireany", 'guards are verbs: .allow("10.0.0.0/8").deny("all") for addresses, .basic_auth("/etc/proxy/htpasswd") for users'),
    _none("proxysslverify proxysslname proxyssltrustedcertificate proxysslcertificate proxysslservername", 'TLS to peers is of the upstream: upstream("app", "127.0.0.1:9443", tls=upstream_tls(ca="ca.pem", name="app.example.com"))'),
    _none("sslpreread", 'TLS is passed on unopened by a stream: stream(8443, names=["example.com"]).proxy_to("127.0.0.1:9443")'),
    _none("metrics prometheus stubstatus statuspage stats statsuri dashboard ping", "this version has no page of its own figures: the access log has them for each request"),
    _none("subfilter substitute replaceresponse ssi templates", "this version does not change the text of responses: .filter(…) takes an object of your own that does"),
    _none("circuitbreaker", "this version has none of that name: a peer that fails is left alone, peer(\"host:port\", max_fails=3, fail_timeout=10)"),
    _none("acme letsencrypt autohttps autocert", 'this version fetches no certificates: server(443, tls=tls("cert.pem", "key.pem")) reads those of certbot, and sees when they change'),
    _none("listen bind port", "where a server listens is its first argument: server(8080)"),
    _none("servername serveralias hostname domain names", 'names are an argument of the server: server(8080, names=["example.com"])'),
    _none("sslcertificate ssl sslcertificatekey certificate https tls", 'TLS is an argument of the server: server(443, tls=tls("cert.pem", "key.pem"))'),
    _none("loadbalancer loadbalance balance lbpolicy strategy lb", 'the strategy is an argument of the upstream: upstream("app", least_conn(), "127.0.0.1:9000")'),
    _none("proxybuffering flushinterval proxyhttpversion", "nothing is to be written: responses are passed on as they come, and connections to peers are kept"),
)  # fmt: skip

#: Verbs of a stream.
OF_STREAMS: Final = (
    Word("proxypass forward forwardto to backend usebackend upstream", '"127.0.0.1:5432"', 'proxy_to({0|address="127.0.0.1:5432"})'),
    Word("proxytimeout timeout idletimeout", '"10m"', "timeouts(idle={0|seconds=600})"),
    Word("proxyconnecttimeout connecttimeout", '"5s"', "timeouts(connect={0|seconds=5})"),
    Word("limitconn maxconn", '"addr", 10', "limit_connections({1|int=10}{0|zone})"),
    Word("proxynextupstream proxynextupstreamtries retries", "2", "retry({0|int=2})"),
    _none("sslpreread preread", 'names choose by the name that a client\'s TLS asks for: stream(8443, names=["example.com"])'),
    _none("location respond servefiles redirectto", "a stream has no requests: paths and answers are of server(…)"),
)  # fmt: skip

_HANDLER: Final = 'its handler follows, as .respond(200, "ok")'

#: Verbs of a server alone, by which others open a location.
OPENING: Final = (
    Word("route path handle mountpath pathprefix routes any all when", '"/api/"', 'location({0|prefix="/"})'),
    Word("get", '"/a"', 'location({0|prefix="/"}).when(method.is_in(["GET", "HEAD"]))', _HANDLER),
    Word("head", '"/a"', 'location({0|prefix="/"}).when(method.equals("HEAD"))', _HANDLER),
    Word("post", '"/a"', 'location({0|prefix="/"}).when(method.equals("POST"))', _HANDLER),
    Word("put", '"/a"', 'location({0|prefix="/"}).when(method.equals("PUT"))', _HANDLER),
    Word("patch", '"/a"', 'location({0|prefix="/"}).when(method.equals("PATCH"))', _HANDLER),
    Word("delete", '"/a"', 'location({0|prefix="/"}).when(method.equals("DELETE"))', _HANDLER),
    Word("handlepath", '"/api/*"', 'location({0|prefix="/api/"}).strip_prefix()'),
)  # fmt: skip


@frozen
class Option:
    """A row: *calls* take no keyword of *words*; the whole call is written anew.

    *words* may be groups, divided by ``|``; in *write* the first word of a group stands for the argument of whichever of
    the group is there.  ``{=}`` stands for all other arguments of the call, ``{=1}`` for those but the first, and
    ``{call}`` for the name of the function.
    """

    calls: str
    words: str
    example: str
    write: str | None
    note: str = ""


OPTIONS: Final = (
    Option("server", "cert certificate sslcertificate certfile sslcertfile sslcert crt | key keyfile sslcertificatekey privatekey sslkey sslkeyfile", '443, cert="a.pem", key="a.key"', 'server({=}, tls=tls({cert|text="cert.pem"}, {key|text="key.pem"}))'),
    Option("server stream", "listen", "8080, listen=8081", "{call}({listen|items}, {=})", "each place is an argument of its own"),
    Option("server stream", "check checks healthcheck healthchecks health healthuri", '8080, check="/health"', "{call}({=}, {check|dropped})", 'a health check belongs to an upstream, and this version asks no peer by itself: upstream("app", peer("127.0.0.1:9000", max_fails=3, fail_timeout=10)) leaves a peer alone that fails'),
    Option("proxyto", "check checks healthcheck healthchecks health healthuri", '"127.0.0.1:9000", check="/health"', "{call}({=}, {check|dropped})", 'this version asks no peer by itself: upstream("app", peer("127.0.0.1:9000", max_fails=3, fail_timeout=10)) leaves a peer alone that fails'),
    Option("server", "acme letsencrypt autohttps autocert", '443, acme="me@example.com"', None, 'this version fetches no certificates: server(443, tls=tls("cert.pem", "key.pem")) reads those of certbot, and sees when they change'),
    Option("server stream", "defaultserver default", "8080, default_server=True", None, "the first server of a listener takes what no name fits: list it first, without this option"),
    Option("server", "errorlog", '8080, error_log="error.log"', None, "errors go to the log of Twisted: twist … --log-file=error.log"),
    Option("stream", "udp protocol", "5353, udp=True", None, "this version passes on TCP alone"),
    Option("streamtimeouts", "read send client server tunnel proxytimeout", "read=3", "timeouts(idle={read|seconds=600}, {=})", "idle is for both sides of a stream"),
    Option("stream", "sslpreread", "8443, ssl_preread=True", None, 'names=["example.com"] without tls= chooses by the name that a client\'s TLS asks for'),
    Option("server", "ssl https secure", "443, ssl=True", 'server({=}, tls=tls("cert.pem", "key.pem"))'),
    Option("server", "address ip interface | port", 'address="127.0.0.1", port=8080', "server({address|interface}, {=})"),
    Option("server", "port bind address", "port=8080", "server({port|port=8080}, {=})"),
    Option("server stream", "name host hosts hostname hostnames servername servernames domain domains", '8080, host="example.com"', "{call}({=}, names={name|list})"),
    Option("server", "locations routes rules handlers", '8080, routes=[location("/a").respond(200)]', "server({=}).including({locations|items})"),
    Option("server", "accesslog log logfile logging", '8080, log="access.log"', None, "the access log is one for the whole: http(server(…), access_log=\"access.log\")"),
    Option("server", "upstream upstreams backend backends proxypass", '8080, upstream="127.0.0.1:9000"', 'server({=}).location("/").proxy_to({upstream|address="127.0.0.1:9000"})'),
    Option("server", "root static documentroot", '8080, root="/srv/www"', 'server({=}).location("/").serve_files({root|text="/srv/www"})'),
    Option("server", "timeout timeouts readtimeout", "8080, timeout=3", None, "times are given by a verb: server(8080).timeouts(read=60)"),
    Option("server", "maxbody bodylimit clientmaxbodysize limitbody", '8080, max_body="8m"', None, "a body is bounded by a verb: server(8080).limit_body(8 * MiB)"),
    Option("server", "compress gzip compression", "8080, gzip=True", None, "responses are compressed by a verb: server(8080).compress()"),
    Option("server", "headers addheader", "8080, headers={}", None, 'fields are set by a verb: server(8080).set_response_header("X-A", "b")'),
    Option("tls", "protocols sslprotocols versions", '"cert.pem", "key.pem", protocols=["TLSv1.2"]', None, 'write the oldest one: minimum_version="TLSv1.2" or "TLSv1.3"'),
    Option("upstream", "peers servers backends targets hosts nodes endpoints members addresses", '"app", peers=["127.0.0.1:9000"]', "upstream({=}, {peers|items})"),
    Option("upstream", "strategy lb lbpolicy policy method algorithm balance balancer loadbalancing loadbalancer", '"app", "127.0.0.1:9000", strategy="least_conn"', "upstream({0}, {strategy|strategy=round_robin()}, {=1})"),
    Option("upstream", "ssl https secure scheme", '"app", "127.0.0.1:9443", ssl=True', "upstream({=}, tls=upstream_tls())"),
    Option("upstream", "protocol transport", '"app", "127.0.0.1:9000", protocol="fastcgi"', "upstream({=}, via={protocol|connector=http2()})"),
    Option("upstream", "weights", '"app", "127.0.0.1:9000", weights=[3]', None, 'each peer has its own: write peer("127.0.0.1:9000", weight=3) in place of the address'),
    Option("upstream", "zone", '"app", "127.0.0.1:9000", zone="app"', None, "leave it out: a process keeps its own counts, and shares no memory"),
    Option("upstream", "slowstart", '"app", "127.0.0.1:9000", slow_start="30s"', None, "this version has no slow start: a peer that comes back gets its share at once"),
    Option("upstream", "weight maxfails failtimeout maxconns backup down maxconn", '"app", "127.0.0.1:9000", max_fails=3', None, 'each peer has its own: write peer("127.0.0.1:9000", max_fails=3) in place of the address'),
    Option("upstream", "healthcheck check health healthuri option", '"app", "127.0.0.1:9000", health_check="/"', None, 'this version asks no peer by itself: a peer that fails is left alone, peer("127.0.0.1:9000", max_fails=3)'),
    Option("upstream", "sticky stickycookie cookie affinity", '"app", "127.0.0.1:9000", sticky=True', 'upstream({0}, hash_by(cookie("sid")), {=1})', "this version sets no cookie of its own: it can use one of the application"),
    Option("upstream", "timeout timeouts readtimeout connecttimeout", '"app", "127.0.0.1:9000", timeout=5', None, "times are of a location, a server or the whole: .timeouts(connect=5, read=60)"),
    Option("peer", "host hostname ip address server | port", 'host="127.0.0.1", port=9000, weight=2', "peer({host|hostport}, {=})"),
    Option("peer", "port", '"127.0.0.1", port=9000', "peer({0|hostport}, {=1})"),
    Option("peer", "slowstart", '"127.0.0.1:9000", slow_start="30s"', None, "this version has no slow start: a peer that comes back gets its share at once"),
    Option("peer", "check healthcheck inter rise", '"127.0.0.1:9000", check=True', None, "this version asks no peer by itself: a peer that fails is left alone, max_fails=3, fail_timeout=10"),
    Option("peer", "maxconn maxconnections connections", '"127.0.0.1:9000", maxconn=5', "peer({=}, max_conns={maxconn})"),
    Option("peer", "disabled offline", '"127.0.0.1:9000", disabled=True', "peer({=}, down={disabled})"),
    Option("peer", "fails fall maxfailures", '"127.0.0.1:9000", fails=3', "peer({=}, max_fails={fails})"),
    Option("location", "methods method verbs verb", '"/a", methods=["GET"]', 'location({=}).when(method.{methods|methods=equals("GET")})'),
    Option("location", "exact", '"/a", exact=True', "location(exact({0|text=\"/\"}))"),
    Option("location", "regex regexp", '"^/a", regex=True', "location(regex({0|text=\"^/\"}))"),
    Option("proxyto", "timeout readtimeout", '"127.0.0.1:9000", timeout=60', "timeouts(read={timeout|seconds=60}).proxy_to({=})"),
    Option("proxyto", "uri rewrite prefix targetpath", '"127.0.0.1:9000", uri="/v1/"', 'proxy_to({=}, path={uri|text="/"})'),
    Option("proxyto", "ws websockets upgrade tunnel", '"127.0.0.1:9000", ws=True', 'proxy_to({=}, websocket="tunnel")'),
    Option("proxyto", "changeorigin hostheader preservehost", '"127.0.0.1:9000", change_origin=True', 'set_request_header("Host", "app.example.com").proxy_to({=})'),
    Option("proxyto", "urls urllist targets servers backends peers", 'urls=["127.0.0.1:9000", "127.0.0.1:9001"]', 'proxy_to(upstream("app", {urls|items}), {=})'),
    Option("proxyto", "target upstreamurl url backend to", 'target="http://127.0.0.1:9000"', 'proxy_to({target|address="127.0.0.1:9000"}, {=})'),
    Option("proxyto", "retries tries", '"127.0.0.1:9000", retries=2', "retry({retries|port}).proxy_to({=})"),
    Option("timeouts", "timeout total response server request", "timeout=30", "timeouts(read={timeout|seconds=60}, {=})"),
    Option("timeouts", "client keepalive header", "client=3", None, "times for clients are of the whole: http(…, clients=clients(head_timeout=30, body_timeout=60, keepalive=75))"),
    Option("timeouts", "tunnel websocket", "tunnel=3600", "timeouts(idle={tunnel|seconds=3600}, {=})"),
    Option("timeouts", "connection dial", "dial=5", "timeouts(connect={connection|seconds=5}, {=})"),
    Option("timeouts", "write", "write=30", "timeouts(send={write|seconds=60}, {=})"),
    Option("limitrequests", "average rps requests per", 'average=10', 'limit_requests({average|rate="10/s"})'),
    Option("limitrequests", "nodelay", '"10/s", burst=5, nodelay=True', "limit_requests({=})", "the burst passes at once by default"),
    Option("retry", "attempts count retries times", "attempts=3", "retry({attempts}, {=})"),
    Option("retry", "statuses codes onstatus", "2, statuses=[503]", "retry({=}, on={statuses|list})"),
    Option("servefiles", "directory path dir folder", 'directory="/srv/www"', 'serve_files({directory|text="/srv/www"}, {=})'),
    Option("servefiles", "autoindex listing directorylisting", '"/srv/www", autoindex=True', "serve_files({=}, browse=True)"),
    Option("servefiles", "spa fallback singlepage", '"/srv/www", spa=True', 'serve_files({=}, try_files=[path, "/index.html"])'),
    Option("servefiles", "maxage expires cache", '"/srv/www", max_age=60', 'serve_files({=}, cache_control={maxage|maxage="max-age=3600"})'),
    Option("redirectto", "code statuscode", '"/b", code=301', "redirect_to({=}, status={code})"),
    Option("redirectto", "permanent", '"/b", permanent=True', "redirect_to({=}, status=301)"),
    Option("redirectto", "target location to", 'target="/b"', "redirect_to({target}, {=})"),
    Option("respond", "code statuscode", 'code=404', "respond({code}, {=})"),
    Option("respond", "text content message", '200, text="ok"', "respond({=}, body={text})"),
    Option("respond", "type mimetype mime contenttypes", '200, "{}", type="application/json"', "respond({=}, content_type={type})"),
    Option("respond", "headers", '200, headers={"X-A": "b"}', None, 'set them on the location: .set_response_header("X-A", "b").respond(200)'),
    Option("tls", "cert certfile certchain fullchain", 'cert="cert.pem", key="key.pem"', "{call}(certificate={cert}, {=})"),
    Option("upstreamtls", "certificate clientcert certfile clientcertificate", 'certificate="cert.pem", key="key.pem"', "upstream_tls({=}, cert={certificate})"),
    Option("upstreamtls", "keyfile privatekey", 'cert="cert.pem", keyfile="key.pem"', "upstream_tls({=}, key={keyfile})"),
    Option("upstreamtls", "cafile cacert trustedca rootca", 'cafile="ca.pem"', "upstream_tls({=}, ca={cafile})"),
    Option("upstreamtls", "servername sni host hostname", 'server_name="app.example.com"', "upstream_tls({=}, name={servername})"),
    Option("upstreamtls", "insecure skipverify insecureskipverify noverify", "insecure=True", "upstream_tls({=}, verify=False)"),
    Option("tls", "keyfile privatekey privkey", '"cert.pem", keyfile="key.pem"', "{call}({=}, key={keyfile})"),
    Option("tls", "ca cafile clientcertificate sslclientcertificate", '"cert.pem", "key.pem", ca="ca.pem"', "tls({=}, client_ca={ca})"),
    Option("tls", "minversion version minprotocol", '"cert.pem", "key.pem", min_version="TLSv1.3"', 'tls({=}, minimum_version={minversion})'),
    Option("http", "errorlog", 'server(8080).location("/").respond(200), error_log="error.log"', None, "errors go to the log of Twisted: twist … --log-file=error.log"),
    Option("clients", "clientmaxbodysize maxbodysize bodylimit body maxbody", 'client_max_body_size="8m"', None, "a body is bounded by a verb of the whole, a server or a location: .limit_body(8 * MiB)"),
    Option("tls", "crt pem", 'crt="cert.pem"', "{call}({crt}, {crt}, {=})", "a file may have both the certificate and the key"),
    Option("tls", "sslcert sslcertificate certificatefile | sslkey sslcertificatekey", 'ssl_cert="cert.pem", ssl_key="key.pem"', "{call}({sslcert}, key={sslkey}, {=})"),
    Option("http", "log logfile logs logging accesslogs", 'server(8080).location("/").respond(200), log="access.log"', "http({=}, access_log={log})"),
    Option("http", "workers workerprocesses threads processes", 'server(8080).location("/").respond(200), workers=4', None, "a process uses one processor: run several, each with a port of its own"),
    Option("http", "listen port bind ports address", 'server(8080).location("/").respond(200), listen=8080', None, "where a server listens is its first argument: http(server(8080).location(…)…)"),
    Option("http", "servers", 'servers=[server(8080).location("/").respond(200)]', "http({servers|items}, {=})"),
    Option("basicauth", "file htpasswd userfile passwdfile", 'file="/etc/proxy/htpasswd"', "basic_auth({file}, {=})"),
    Option("basicauth", "username user password", 'username="a", password="b"', None, 'users stand in a file: basic_auth("/etc/proxy/htpasswd"), which htpasswd -B -c /etc/proxy/htpasswd USER writes'),
)  # fmt: skip

#: Calls with an argument too many, which stands for none of the options.
SURPLUS: Final = (
    Option("peer", "", '"127.0.0.1", 9000', "peer({0|hostport})"),
    Option("proxyto", "", '"127.0.0.1:9000", "127.0.0.1:9001"', 'proxy_to(upstream("app", {*|address}))'),
)

#: Calls that lack an argument.
LACKING: Final = (
    Option("setresponseheader setrequestheader", "", '"X-A: b"', "{call}({0|field})"),
    Option("setresponseheader", "", '{"X-A": "b"}', "set_response_header({0|responsefields})"),
    Option("setrequestheader", "", '{"X-A": "b"}', "set_request_header({0|requestfields})"),
    Option(
        "tls",
        "",
        '"cert.pem"',
        'tls({0}, "key.pem", {=1})',
        "the key may be in the same file, which is named twice then",
    ),
    Option("errorpage", "", "", 'error_page(404, to="/404.html")'),
)

#: Methods of a value by the words of others.
METHODS: Final = {
    "matches({0|starting})": "startswith beginswith begins prefix hasprefix beg pathbeg",
    "matches({0|ending})": "endswith suffix hassuffix end",
    "matches({0|containing})": "contains includes has sub",
    "matches({*})": "regex match regexp search reg test",
    "equals({*})": "eq is equal exact",
    "is_in({*})": "in isin oneof anyof among",
}

#: Attributes of what the functions of *calls* give that are no options of theirs, called as if they were verbs.
ATTRIBUTES: Final = (
    Option("server", "listen", "443", None, "where it listens are the first arguments of the function: server(80, 443)"),
    Option("stream", "listen", "443", None, "where it listens are the first arguments of the function: stream(80, 443)"),
    Option("server", "locations", '"/"', "location({*})", 'open one with .location("/"), or take several up with .including(*locations)'),
    Option("http", "servers", "server(80)", None, "servers and streams are the first arguments of the function: http(server(80)…, stream(81)…)"),
    Option("http", "streams", "stream(80)", None, "servers and streams are the first arguments of the function: http(server(80)…, stream(81)…)"),
    Option("location", "match", '"/a"', None, 'the path is the argument that opens a location: .location("/a"), .location(regex("^/a"))'),
    Option("location", "prefix", '"/a"', None, 'the path is the argument that opens a location: .location("/a")'),
    Option("location", "condition", '"/a"', "when({*})", 'a condition is given with .when(method.equals("POST"))'),
    Option("location", "handler", '"/a"', "handle({*})", "a handler of your own is given with .handle(…)"),
    Option("location server http stream", "origin", '"/a"', None, 'for CORS write .set_response_header("Access-Control-Allow-Origin", "https://app.example.com"); for WebSockets websocket_to(…, origins=["https://app.example.com"])'),
    Option("location server http stream", "features", "", None, "features are given by verbs, as .compress() or .timeouts(read=60)"),
    Option("stream", "upstream", '"127.0.0.1:9000"', None, 'a stream has one upstream: stream(80).proxy_to("127.0.0.1:9000")'),
    Option("upstream", "peers", '"127.0.0.1:9000"', None, 'peers are arguments of the function: upstream("app", "127.0.0.1:9000", "127.0.0.1:9001")'),
    Option("upstream", "name", "", None, 'the name and then the strategy are the first arguments of the function: upstream("app", least_conn(), "127.0.0.1:9000")'),
    Option("upstream", "strategy", "least_conn()", None, 'the name and then the strategy are the first arguments of the function: upstream("app", least_conn(), "127.0.0.1:9000")'),
    Option("peer", "address", "", None, 'the address is the first argument of the function: peer("127.0.0.1:9000")'),
)  # fmt: skip

#: Names that are not public ones, and what to write for them; None has no equal.
NAMES: Final = {
    "upstream": "backend pool cluster servergroup loadbalancer balancer upstreams",
    "location": "route pathprefix handlepath locations",
    "server": "listen vhost virtualhost frontend site app entrypoint sever",
    "stream": "tcp tcpserver l4 layer4 tcpproxy",
    "peer": "backendserver node target member",
    "tls": "ssl certificate cert https sslcertificate",
    "upstream_tls": "backendtls peertls clienttls proxyssl",
    "client_address": "remoteaddr clientip remoteip remotehost ip src realip",
    "client_port": "remoteport",
    "request_uri": "uri url requesturl fulluri",
    "path": "documenturi requestpath pathinfo",
    "query_string": "args querystringraw requestquery",
    "query": "arg param queryparam urlparam getparam",
    "header": "reqheader requestheader hdr httpheader",
    "host": "httphost servername requesthost",
    "method": "requestmethod httpmethod verb",
    "protocol": "serverprotocol httpversion",
    "authenticated_user": "user username basicuser",
    'header("user-agent")': "useragent httpuseragent",
    'header("referer")': "referer referrer httpreferer",
    "least_conn": "leastconn leastconnections leastconnection leastrequest bybusyness",
    "round_robin": "roundrobin rr wrr weightedroundrobin byrequests staticrr",
    "ip_hash": "iphash sourcehash clientiphash source",
    "hash_by": "consistenthash hashkey urihash headerhash cookiehash",
    "random_two": "randomtwo powertwo p2c powerofwochoices twochoices randomchoose",
    "random_one": "randomone randomchoice",
    "fastcgi": "fcgi phpfpm phpfastcgi",
    "http2": "h2 h2c grpc",
    "map_value": "mapvalues mapping lookup",
    "split_clients": "splitclients split weighted",
    "regex": "regexp pathregexp",
    "exact": "exactly equals",
    "named": "namedlocation",
    "access_log": "accesslog log logfile logformat",
    "duration": "requesttime responsetime elapsed",
    "bytes_sent": "bodybytessent bytesout",
    "upstream_addr": "upstreamaddress",
    "KiB": "kb kib",
    "MiB": "mb mib",
    "GiB": "gb gib",
    "seconds": "second secs",
    "minutes": "minute mins",
    "clients": "clientlimits limits",
    "http": "proxy proxyconfig config",
}  # fmt: skip

#: Names of things that this version does not have.
MISSING_NAMES: Final = {
    "requestid": 'this version makes no number for a request: write a function, as lambda request: request.header("x-request-id") or uuid4().hex',
    "cache": "this version keeps no responses: browsers and caches in front can",
    "healthcheck": "this version asks no peer by itself: a peer that fails is left alone, max_fails=3, fail_timeout=10",
    "sticky": 'this version sets no cookie for that: write hash_by(cookie("sid"))',
    "middleware": "a step or a filter of your own: .step(…), .filter(…)",
    "geoip": "this version knows no countries",
}  # fmt: skip

#: Strategies by the words of others, as they may be written in a text.
STRATEGIES: Final = {
    "least_conn()": "leastconn leastconnections leastconnection leastrequest leasttime bybusyness",
    "round_robin()": "roundrobin rr wrr weightedroundrobin byrequests staticrr first",
    "ip_hash()": "iphash source sourceip clientiphash sourcehash sticky",
    "random_two()": "randomtwo p2c twochoices randomchoose powertwo powerofttwochoices",
    "random_one()": "random randomone rand",
    "hash_by(request_uri)": "hash urihash uri consistenthash consistent",
    'hash_by(header("x-tenant"))': "header headerhash hdr",
    'hash_by(cookie("sid"))': "cookie cookiehash",
}  # fmt: skip

#: What is given as an access log and is none.
LOGS: Final = {
    "access_log=None": "off none false no null disabled discard",
    'access_log="-"': "on true yes stdout console",
    'access_log="/dev/stderr"': "stderr",
    'access_log=access_log(format="json")': "json",
    "access_log=access_log()": "combined main common default clf",
}
