"""Redis and PostgreSQL as processes, and their own clients."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from glob import glob
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.integration.support import Program, folder, require

REDIS = "apt-get install redis-server"
POSTGRESQL = "apt-get install postgresql"


def redis_server(port: int) -> Program:
    """A Redis that keeps nothing on disk."""
    command = [require("redis-server", REDIS), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder())]
    return Program([*command, "--save", "", "--appendonly", "no"], port)


def redis_cli(port: int, *words: str, stdin: bytes = b"") -> bytes:
    """What ``redis-cli`` prints."""
    command = [require("redis-cli", REDIS), "-h", "127.0.0.1", "-p", str(port), *words]
    return _output(command, stdin)


def psql(port: int, query: str, **terms: str) -> str:
    """What a query comes to, as the user *app*; *terms* are those of a connection string."""
    settings = {"host": "127.0.0.1", "port": str(port), "user": "app", "dbname": "postgres", "connect_timeout": "10"}
    wanted = " ".join(f"{name}={value}" for name, value in {**settings, **terms}.items())
    return _output([_postgresql("psql"), "-X", "-At", "-c", query, wanted], b"").decode().strip()


def _output(command: list[str], stdin: bytes) -> bytes:
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)
    if done.returncode:
        raise AssertionError(f"{command[0]} ended with {done.returncode}: {done.stderr.decode()}")
    return done.stdout


def _postgresql(name: str) -> str:
    """Debian keeps the programs of a server out of the path."""
    found = shutil.which(name) or next(iter(sorted(glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)), None)
    if found is None:
        raise SkipTest(f"{name} is not installed: {POSTGRESQL}")
    return found


class Postgresql:
    """A new cluster at *port*, that speaks TLS with the certificate and key; its superuser is *app*."""

    def __init__(self, port: int, certificate: bytes, key: bytes) -> None:
        command = _postgresql("postgres")
        self._files = folder()
        data = self._files / "data"
        data.mkdir(0o700)
        self._own(self._files, data)
        initdb = [_postgresql("initdb"), "-D", str(data), "-U", "app", "--auth=trust", "--no-sync", "--encoding=UTF8"]
        subprocess.run([*self._as_other(), *initdb], capture_output=True, check=True, timeout=120, cwd=self._files)
        for name, content in (("server.crt", certificate), ("server.key", key)):
            (data / name).write_bytes(content)
            (data / name).chmod(0o600)
            self._own(data / name)
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": data,
            "ssl": "on",
            "fsync": "off",
        }
        options = [each for name, value in settings.items() for each in ("-c", f"{name}={value}")]
        self.program = Program([*self._as_other(), command, "-D", str(data), *options], port)

    def _as_other(self) -> list[str]:
        """PostgreSQL refuses to run as root."""
        if os.geteuid():
            return []
        user = self._user()
        to = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig", "TERM"]
        return [require("setpriv", "apt-get install util-linux"), *to]

    def _own(self, *paths: Path) -> None:
        if not os.geteuid():
            for path in paths:
                os.chown(path, self._user().pw_uid, self._user().pw_gid)

    @staticmethod
    def _user() -> pwd.struct_passwd:
        try:
            return pwd.getpwnam("postgres")
        except KeyError:
            return pwd.getpwnam("nobody")
