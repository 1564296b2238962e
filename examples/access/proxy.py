"""Who may pass: addresses, passwords, and the word of another server.

pip install 'pydsl_proxy[auth]'
twist pydsl-proxy --config examples/access/proxy.py
curl --user alice:wonder http://127.0.0.1:8080/staff/
"""

from pathlib import Path

from pydsl_proxy import authenticated_user, server, upstream

# Made by: htpasswd -B -c examples/access/htpasswd alice
users = Path(__file__).with_name("htpasswd")
app = upstream("app", "127.0.0.1:9000")

proxy = (
    server(8080)
    .deny("203.0.113.7")
    .location("/")
    .proxy_to(app)
    # A password, and the user's name for the application, which need not know the password.
    .location("/staff/")
    .basic_auth(users, realm="Staff only")
    .set_request_header("X-User", authenticated_user)
    .remove_request_header("Authorization")
    .proxy_to(app)
    # The office, or a password.
    .location("/reports/")
    .satisfy("any")
    .allow("10.0.0.0/8")
    .deny("all")
    .basic_auth(users, realm="Staff only")
    .proxy_to(app)
    # Whoever has a session at the login server, which redirects all others to its page.
    .location("/account/")
    .auth_request("http://127.0.0.1:9091/verify", copy=["X-User"], pass_reply=True)
    .proxy_to(app)
)
