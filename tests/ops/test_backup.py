"""scripts/backup.py on each database. With rows, and under load, it is rehearsed by
tests/tests/faults/backup.rs."""

import hashlib
import os
import secrets
import subprocess

import pytest

from chart import ROOT
from hydra import MARIADB, needs_hydra, run

POSTGRES = os.environ.get("HYDRA_TEST_POSTGRES")


def server(client, url):
    """Two empty databases on a server, dropped at the end."""
    names = [f"backup_{secrets.token_hex(4)}" for _ in range(2)]
    for name in names:
        client(f"create database {name}")
    yield [f"{url}/{name}" for name in names]
    for name in names:
        client(f"drop database {name}")


@pytest.fixture(params=["sqlite", "mariadb", "postgres"])
def urls(request, tmp_path):
    """Addresses of a database and of an empty one."""
    if request.param == "sqlite":
        yield [f"sqlite:{tmp_path}/{name}.db" for name in ("one", "two")]
        return
    url = MARIADB if request.param == "mariadb" else POSTGRES
    if not url:
        pytest.skip(f"no {request.param} (scripts/services.sh start)")
    login, address = url.split("://")[1].split("@")
    (user, password), (host, port) = login.split(":"), address.split(":")

    def client(statement):
        if request.param == "mariadb":
            command = ["mariadb", "--no-defaults", "-h", host, "-P", port, "-u", user, "-e", statement]
        else:
            command = ["psql", "-qX", "-h", host, "-p", port, "-U", user, "-d", "postgres", "-c", statement]
        done = subprocess.run(command, env={**os.environ, "MYSQL_PWD": password, "PGPASSWORD": password}, timeout=60)
        assert done.returncode == 0

    yield from server(client, url)


def backup(what, folder, environment):
    script = ROOT / "scripts/backup.py"
    return subprocess.run(
        [script, what, folder], capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )


def put(store, data):
    name = hashlib.sha256(data).hexdigest()
    path = store / "blobs" / name[:2] / name[2:4] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@needs_hydra
def test_a_database_and_its_blobs_come_back(urls, tmp_path):
    stores = [tmp_path / "blobs", tmp_path / "blobs-again"]
    one, two = (
        {"HYDRA_DATABASE__URL": url, "HYDRA_BLOBS__URL": f"file://{store}"} for url, store in zip(urls, stores)
    )
    assert run("migrate", environment=one).returncode == 0
    put(stores[0], b"a plot")
    refused = backup("save", tmp_path / "saved", one)
    assert refused.returncode != 0 and "no blob store" in refused.stderr, "as where the disk is not mounted"
    (stores[0] / "hydra-blobs.json").write_text('{"layout":1}\n')
    first = backup("save", tmp_path / "saved", one)
    assert first.returncode == 0 and "blobs: 1 new" in first.stdout, first.stderr
    put(stores[0], b"another plot")
    second = backup("save", tmp_path / "saved", one)
    assert second.returncode == 0 and "blobs: 1 new" in second.stdout, "only what is new is copied"
    assert len(list((tmp_path / "saved").glob("database-*"))) == 1

    restored = backup("restore", tmp_path / "saved", two)
    assert restored.returncode == 0, restored.stderr
    pending = run("doctor", environment=two).stdout
    assert "answers, schema of this version" in pending, pending
    copied = {path.name: path.read_bytes() for path in (stores[1] / "blobs").rglob("*") if path.is_file()}
    assert copied == {hashlib.sha256(data).hexdigest(): data for data in (b"a plot", b"another plot")}
    again = backup("restore", tmp_path / "saved", two)
    assert again.returncode != 0 and "not empty; nothing was changed" in again.stderr


@needs_hydra
def test_a_damaged_blob_or_dump_ends_it(tmp_path):
    store = tmp_path / "blobs"
    environment = {"HYDRA_DATABASE__URL": f"sqlite:{tmp_path}/one.db", "HYDRA_BLOBS__URL": f"file:{store}"}
    assert run("migrate", environment=environment).returncode == 0
    path = put(store, b"a plot")
    (store / "hydra-blobs.json").write_text('{"layout":1}\n')
    assert backup("save", tmp_path / "saved", environment).returncode == 0
    (dump,) = (tmp_path / "saved").glob("database-*")
    dump.write_bytes(dump.read_bytes() + b"x")
    broken = backup("restore", tmp_path / "saved", {**environment, "HYDRA_DATABASE__URL": f"sqlite:{tmp_path}/two.db"})
    assert broken.returncode != 0 and "is damaged" in broken.stderr
    path.write_bytes(b"no plot")
    bent = backup("save", tmp_path / "later", environment)
    assert bent.returncode != 0 and f"{path} is damaged" in bent.stderr
    assert not (tmp_path / "later/backup.json").exists(), "half a backup is none"


def test_what_is_no_folder_is_left_to_its_own_tools(tmp_path):
    refused = backup("save", tmp_path, {"HYDRA_DATABASE__URL": "sqlite:x.db", "HYDRA_BLOBS__URL": "s3://bucket"})
    assert refused.returncode != 0 and "s3://" in refused.stderr
