#!/usr/bin/env python3
"""Saves and restores what a hall knows: the database and the blob store.

    scripts/backup.py save FOLDER       while everything runs; again into the same folder is quick
    scripts/backup.py restore FOLDER    into an empty database and blob store, all roles stopped

Both are found as hydra finds them: HYDRA_DATABASE__URL, HYDRA_BLOBS__URL (a folder). Needs the
client programs of the database (mariadb-dump and mariadb, or pg_dump and psql; none for SQLite).
After a restore run `hydra doctor --blobs`: it reads every blob that the rows name.

The order matters. The database is saved first and the blobs after it: a blob is written before the
row that names it and never changed, so the copy has all that the saved rows name, unless retention
deleted it in between.
"""

import argparse
import gzip
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

FORM = 1
STAMP = "hydra-blobs.json"


def die(text):
    sys.exit(f"backup: {text}")


def say(text):
    print(f"backup: {text}", flush=True)


def address(variable):
    url = os.environ.get(variable)
    if not url:
        die(f"{variable} is not set")
    return urllib.parse.urlsplit(url)


def run(command, environment, **streams):
    done = subprocess.run(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, **streams)
    if done.returncode:
        die(f"{command[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


class Server:
    """MariaDB, MySQL or PostgreSQL, by its own client programs."""

    def __init__(self, url):
        self.name = url.path.lstrip("/")
        user, password = (urllib.parse.unquote(part or "") for part in (url.username, url.password))
        host, port = url.hostname, url.port
        if url.scheme in ("mysql", "mariadb"):
            # TLS as in hydra's own address
            tls = dict(urllib.parse.parse_qsl(url.query))
            options = [f"--ssl-ca={tls['ssl-ca']}", "--ssl-verify-server-cert"] if "ssl-ca" in tls else []
            login = ["--no-defaults", f"--host={host}", f"--port={port or 3306}", f"--user={user}", *options]
            self.environment = {"MYSQL_PWD": password}
            # one snapshot for all tables, without a lock
            self.dump = ["mariadb-dump", *login, "--single-transaction", "--quick", "--hex-blob", "--routines", self.name]
            self.load = ["mariadb", *login, self.name]
            self.ask = ["mariadb", *login, "-BN", self.name, "-e"]
            self.tables = "select count(*) from information_schema.tables where table_schema = database()"
        else:
            tls = dict(urllib.parse.parse_qsl(url.query))
            self.environment = {"PGPASSWORD": password, "PGSSLMODE": tls.get("sslmode", "prefer")}
            if "sslrootcert" in tls:
                self.environment["PGSSLROOTCERT"] = tls["sslrootcert"]
            login = ["-h", host, "-p", str(port or 5432), "-U", user, "-d", self.name]
            self.dump = ["pg_dump", *login, "--no-owner", "--no-privileges"]
            self.load = ["psql", *login, "-qX", "-v", "ON_ERROR_STOP=1", "--single-transaction"]
            self.ask = ["psql", *login, "-qAtX", "-c"]
            self.tables = "select count(*) from information_schema.tables where table_schema = current_schema()"

    def query(self, statement):
        return run([*self.ask, statement], self.environment, stdout=subprocess.PIPE).decode().split()

    def save(self, path):
        with gzip.open(path, "wb", compresslevel=1) as out:
            dump = subprocess.Popen(
                self.dump, env={**os.environ, **self.environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            shutil.copyfileobj(dump.stdout, out, 1 << 20)
            problem = dump.stderr.read().decode(errors="replace").strip()
            if dump.wait():
                die(f"{self.dump[0]}: {problem}")

    def is_empty(self):
        return self.query(self.tables) == ["0"]

    def restore(self, path):
        with gzip.open(path, "rb") as dump:
            load = subprocess.Popen(
                self.load, env={**os.environ, **self.environment}, stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip
            try:
                shutil.copyfileobj(dump, load.stdin, 1 << 20)
                load.stdin.close()
            except BrokenPipeError:
                pass
            problem = load.stderr.read().decode(errors="replace").strip()
            if load.wait():
                die(f"{self.load[0]}: {problem}")


class File:
    """SQLite."""

    def __init__(self, url):
        self.path = Path(urllib.parse.unquote((url.netloc or "") + url.path))

    def save(self, path):
        plain = path.with_suffix(".db")
        plain.unlink(missing_ok=True)
        source, copy = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True), sqlite3.connect(plain)
        source.backup(copy)
        copy.close()
        source.close()
        with plain.open("rb") as whole, gzip.open(path, "wb", compresslevel=1) as out:
            shutil.copyfileobj(whole, out, 1 << 20)
        plain.unlink()

    def is_empty(self):
        return not self.path.exists()

    def restore(self, path):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(path, "rb") as saved, self.path.open("xb") as out:
            shutil.copyfileobj(saved, out, 1 << 20)
            os.fsync(out.fileno())


def database():
    url = address("HYDRA_DATABASE__URL")
    return File(url) if url.scheme == "sqlite" else Server(url)


def store():
    """The blob store's folder."""
    url = address("HYDRA_BLOBS__URL")
    if url.scheme not in ("", "file"):
        die(f"blobs.url is no folder: save {url.scheme}:// with the tools of that store")
    return Path(urllib.parse.unquote(url.netloc + url.path))


def names(folder):
    """Every blob and signature, by its path within the store; temporary files of writers are passed over.

    Markers stay behind: they tell ingest which images it has announced, and those of images whose rows
    are not in the backup would keep them from being announced when they are sent again.
    """
    return {str(path.relative_to(folder)) for kind in ("blobs", "signatures") for path in (folder / kind).rglob("*")
            if path.is_file() and "#" not in path.name}  # fmt: skip


def copy(source, target):
    """Copies what is not there yet; the name of a blob says what must be in it. Returns how many."""
    new = 0
    for name in sorted(names(source) - names(target)):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + "#part")
        try:
            data = (source / name).read_bytes()
        except FileNotFoundError:
            continue  # retention took it just now
        if name.startswith("blobs/") and hashlib.sha256(data).hexdigest() != path.name:
            die(f"{source / name} is damaged")
        with part.open("wb") as out:
            out.write(data)
            os.fsync(out.fileno())
        part.rename(path)
        new += 1
    return new


def save(folder):
    folder.mkdir(parents=True, exist_ok=True)
    blobs = store()
    if not (blobs / STAMP).is_file():
        die(f"{blobs} is no blob store (is its disk mounted?)")
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    rows = folder / f"database-{moment.replace(':', '')}.sql.gz"
    part = rows.with_name(rows.name + ".part")
    database().save(part)
    say(f"database: {part.stat().st_size} bytes")
    new = copy(blobs, folder / "blobs")
    say(f"blobs: {new} new")
    part.rename(rows)
    note = {"form": FORM, "saved_at": moment, "database": rows.name, "sha256": digest(rows)}
    whole = folder / "backup.json"
    whole.with_suffix(".part").write_text(json.dumps(note, indent=1) + "\n")
    whole.with_suffix(".part").rename(whole)  # from now on this is the one that counts
    for old in folder.glob("database-*.sql.gz*"):
        if old != rows:
            old.unlink()
    say(f"saved to {folder}")


def digest(path):
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            whole.update(piece)
    return whole.hexdigest()


def restore(folder):
    try:
        note = json.loads((folder / "backup.json").read_text())
    except (OSError, ValueError) as error:
        die(f"{folder} holds no whole backup: {error}")
    if note["form"] != FORM:
        die(f"form {note['form']} of a backup is not known here")
    rows = folder / note["database"]
    if digest(rows) != note["sha256"]:
        die(f"{rows} is damaged")
    target, blobs = database(), store()
    if not target.is_empty():
        die("the database is not empty; nothing was changed")
    if names(blobs):
        die(f"{blobs} is not empty; nothing was changed")
    # blobs first, as when they were made: a row never names what is not there
    say(f"blobs: {copy(folder / 'blobs', blobs)}")
    (blobs / STAMP).write_text('{"layout":1}\n')
    target.restore(rows)
    say(f"restored what was saved at {note['saved_at']}; now: hydra migrate, hydra doctor --blobs")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["save", "restore"])
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    {"save": save, "restore": restore}[asked.what](asked.folder)


if __name__ == "__main__":
    main()
