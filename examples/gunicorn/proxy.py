"""Django, Flask or any WSGI application on Gunicorn, its threads kept for the application, and its static files.

cd examples/gunicorn && gunicorn shop:application            (gunicorn.conf.py is read from here)
twist pydsl-proxy --config examples/gunicorn/proxy.py
"""

from pathlib import Path

from pydsl_proxy import MiB, http, peer, server, upstream

# Django: STATIC_ROOT, filled by collectstatic.
STATIC = Path(__file__).with_name("static")

app = upstream(
    "app",
    # All workers are behind one address.  There is nobody else to ask, so it is never left alone.
    peer("127.0.0.1:8000", max_fails=0),
    # Below gunicorn.conf.py's keepalive of 5, so that the proxy closes first; Gunicorn's default of 2 wants a 1 here.
    keepalive_timeout=4,
)

web = (
    server(8080)
    .location("/static/")
    .serve_files(STATIC, cache_control="max-age=3600")
    .location("/")
    # A thread is for a request, not for a client: it gets a request as a whole, and gets rid of its response at once.
    .buffer_request(20 * MiB)
    .buffer_response()
    .compress()
    # No retry: there is nobody else to ask.  A GET on a kept connection that a worker closes as it ends is sent again.
    .timeouts(connect=1, read=30)
    .proxy_to(app)
)

proxy = http(web)
