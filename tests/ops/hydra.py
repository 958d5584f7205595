"""The binary under test, and servers to run it on."""

import os
import secrets
import subprocess
import urllib.parse
from pathlib import Path

import pymysql
import pytest

from chart import ROOT


def find_binary():
    """HYDRA_BIN, else the newest of this tree's builds; None where there is none that has commands."""
    if "HYDRA_BIN" in os.environ:
        return Path(os.environ["HYDRA_BIN"])
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [path for path in (target / "debug/hydra", target / "release/hydra") if path.is_file()]
    newest = max(built, key=lambda path: path.stat().st_mtime, default=None)
    if newest and subprocess.run([newest, "--version"], capture_output=True, timeout=30).stdout.startswith(b"hydra "):
        return newest
    return None


BINARY = find_binary()
MARIADB = os.environ.get("HYDRA_TEST_MARIADB")
needs_hydra = pytest.mark.skipif(BINARY is None, reason="hydra is not built (cargo build --bin hydra)")
needs_mariadb = pytest.mark.skipif(not MARIADB, reason="no MariaDB (scripts/services.sh start mariadb)")


def run(*arguments, environment=None, timeout=120):
    """`hydra ARGUMENTS` with these variables, its output captured."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HYDRA_")}
    return subprocess.run(
        [BINARY, *arguments], capture_output=True, text=True, timeout=timeout, env={**clean, **(environment or {})}
    )


class MariaDb:
    """A database of its own on the test server, dropped at the end."""

    def __init__(self):
        self.parts = urllib.parse.urlsplit(MARIADB)
        self.name = f"ops_{secrets.token_hex(4)}"
        self.admin = self.connect(self.parts.username, self.parts.password, "mysql")
        self.execute(f"create database {self.name} character set utf8mb4")
        self.users = []

    @property
    def address(self):
        return f"{self.parts.hostname}:{self.parts.port}"

    @property
    def url(self):
        return f"mysql://{self.parts.username}:{self.parts.password}@{self.address}/{self.name}"

    def connect(self, user, password, database=None):
        return pymysql.connect(
            host=self.parts.hostname, port=self.parts.port, user=user, password=password,
            database=database or self.name, autocommit=True,
        )  # fmt: skip

    def execute(self, statement):
        with self.admin.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def migrate(self):
        """Brings it to the schema of the binary."""
        migrated = run("migrate", environment={"HYDRA_DATABASE__URL": self.url})
        assert migrated.returncode == 0, migrated.stderr

    def close(self):
        for user in self.users:
            self.execute(f"drop user if exists {user}")
        self.execute(f"drop database if exists {self.name}")
        self.admin.close()
