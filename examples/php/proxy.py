"""PHP, with PHP-FPM: files and folders that are there, and index.php for the rest, as WordPress and Laravel have it.

twist pydsl-proxy --config examples/php/proxy.py
"""

from pathlib import Path

from pydsl_proxy import MiB, fastcgi, http, path, query_string, regex, server, upstream

# PHP runs elsewhere: it has to be an absolute path, and the same one for PHP.
PUBLIC = Path(__file__).resolve().with_name("public")

# The socket of Debian's php-fpm.  No path runs what is not a file there.
php = upstream("php", "unix:/run/php/php-fpm.sock", via=fastcgi(root=PUBLIC, only_existing=True))

site = (
    server(8080)
    .location("/")
    .serve_files(PUBLIC, index=["index.php"], try_files=[path, f"{path}/", f"/index.php?{query_string}"])
    # Uploads as large as PHP's upload_max_filesize; scripts may take two minutes, as PHP's max_execution_time.
    .location(regex(r"\.php$"))
    .limit_body(64 * MiB)
    .timeouts(read=120)
    .proxy_to(php)
)

proxy = http(site)
