"""Header fields that are set from values of the request, and inherited from the outside inwards.

twist pydsl-proxy --config examples/headers/proxy.py
"""

from pydsl_proxy import Request, client_address, cookie, host, http, request_uri, scheme, server, upstream

app = upstream("app", "127.0.0.1:9000")


def plan(request: Request) -> str:
    """What the client pays for; a plain function of the request is a value too."""
    return "paid" if request.header("authorization") else "free"


web = (
    server(8080)
    .set_response_header("X-Content-Type-Options", "nosniff")
    .set_request_header("X-Plan", plan)
    .location("/app/")
    .set_request_header("X-Original-URL", f"{scheme}://{host}{request_uri}")
    .set_request_header("X-Visitor", cookie("visitor"))
    .remove_request_header("Cookie")
    .hide_response_header("X-Powered-By")
    .proxy_to(app)
    .location("/whoami")
    .respond(200, f"{client_address}\n")
    .location("/")
    .set_response_header("Cache-Control", "no-store")
    .proxy_to(app)
)

proxy = http(web).set_response_header("Referrer-Policy", "same-origin")
