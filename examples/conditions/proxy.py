"""Locations that are chosen by more than the path.

twist pydsl-proxy --config examples/conditions/proxy.py
"""

from pydsl_proxy import Request, client_address, cookie, header, http, method, server, upstream

app = upstream("app", "127.0.0.1:9000")
beta = upstream("beta", "127.0.0.1:9001")
writer = upstream("writer", "127.0.0.1:9002")

inside = client_address.within("10.0.0.0/8", "127.0.0.0/8", "::1/128")
robot = header("user-agent").matches(r"bot|crawler|spider", ignore_case=True)


def wants_french(request: Request) -> bool:
    """A plain function of the request is a condition too."""
    return request.header("accept-language").startswith("fr")


web = (
    server(8080)
    .location("/api/")
    .when(method.is_in(["POST", "PUT", "PATCH", "DELETE"]))
    .proxy_to(writer)
    .location("/api/")
    .proxy_to(app)
    .location("/admin/")
    .when(inside & ~robot)
    .proxy_to(app)
    .location("/")
    .when(cookie("beta").equals("yes") | header("x-beta").exists())
    .proxy_to(beta)
    .location("/")
    .when(wants_french)
    .redirect_to("/fr/")
    .location("/")
    .proxy_to(app)
)

proxy = http(web)
