"""Who may do what in the database, by trying the forbidden: S06, S07."""

import importlib.util
import re
import subprocess

import pymysql
import pytest

from chart import ROOT
from hydra import MariaDb, needs_hydra, needs_mariadb

SCRIPT = ROOT / "scripts/database-users.py"
spec = importlib.util.spec_from_file_location("database_users", SCRIPT)
database_users = importlib.util.module_from_spec(spec)
spec.loader.exec_module(database_users)
RIGHTS = database_users.rights()
DENIED = {1044, 1045, 1142, 1143, 1227, 1290, 1370}  # access denied, in its forms; 1290: --secure-file-priv
WRITES = ("insert", "update", "delete")


def test_the_rights_are_those_of_the_migrations():
    source = (ROOT / "migrations/src/grants.rs").read_text()
    constants = {
        name: re.findall(r'"(\w+)"', body) for name, body in re.findall(r"^const (\w+): [^=]*=\s*\[(.*?)\];", source, re.M | re.S)
    }
    assert constants["REGISTRY"] == database_users.REGISTRY
    assert constants["MEASURED"] == database_users.MEASURED
    for name in ("TRAIN_ADDS", "TRAIN_NOTES"):
        assert constants[name] == getattr(database_users, name)
    assert constants["EVENTS"] == database_users.EVENTS
    assert constants["STATE"] == database_users.STATE
    body = re.search(r"fn rights\(self\).*?\n    }\n", source, re.S).group(0)
    arms = dict(re.findall(r"Self::(\w+) => (.*?)(?=Self::\w+ =>|\Z)", body, re.S))
    for role, granted in RIGHTS.items():
        arm = arms[role.capitalize()]
        found = re.findall(r'\("([\w*]+)", "([\w, ]+)"\)', arm)
        for name, may in re.findall(r"(\w+)\.map\(\|table\| \(table, \"([\w, ]+)\"\)\)", arm):
            found += [(table, may) for table in constants[name]]
        assert sorted(found) == sorted(granted), role


def test_a_name_that_could_be_more_than_a_name_is_refused():
    for name in ("a; drop", "a`b", "A", ""):
        run = subprocess.run([SCRIPT, "--database", name, "--address", "h:3306"], capture_output=True, text=True)
        assert run.returncode == 2


def test_with_tls_no_user_gets_in_without():
    run = subprocess.run([SCRIPT, "--database", "hall_b", "--address", "h:3306", "--tls"], capture_output=True, text=True)
    users = [line for line in run.stdout.splitlines() if line.startswith("create")]
    assert len(users) == len(RIGHTS) and all(line.endswith("require ssl;") for line in users)
    secrets = [line for line in run.stdout.splitlines() if line.startswith("-- secret")]
    assert all("ssl-mode=VERIFY_CA&ssl-ca=/etc/hydra/ca/ca.crt" in line for line in secrets)


@pytest.fixture(scope="module")
def database():
    """A migrated database with all users: (database, {role: connection})."""
    database = MariaDb()
    try:
        database.migrate()
        written = subprocess.run(
            [SCRIPT, "--database", database.name, "--address", database.address], capture_output=True, text=True
        )
        assert written.returncode == 0, written.stderr
        connections = {}
        for line in written.stdout.splitlines():
            if line.startswith("-- secret "):
                role, user, password = re.match(r"-- secret (\w+)=mysql://(\w+):(\w+)@", line).groups()
                connections[role] = database.connect(user, password)
            else:
                database.execute(line)
        database.users = [f"`{database.name}_{role}`@`%`" for role in RIGHTS]
        yield database, connections
        for connection in connections.values():
            connection.close()
    finally:
        database.close()


def allowed(connection, statement):
    """Whether the server lets this user run it; any other error counts as let."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return True
    except pymysql.err.MySQLError as error:
        return error.args[0] not in DENIED


def tables(database):
    return [name for (name, kind) in database.execute(f"show full tables from {database.name}") if kind == "BASE TABLE"]


def attempts(table):
    """A statement for each privilege that names no column and touches no row."""
    return {
        "select": f"select 1 from `{table}` where 1 = 0",
        "insert": f"insert into `{table}` select * from `{table}` where 1 = 0",
        "update": None,
        "delete": f"delete from `{table}` where 1 = 0",
    }


@needs_hydra
@needs_mariadb
@pytest.mark.parametrize("role", RIGHTS)
def test_each_role_may_do_what_is_granted_and_nothing_else(role, database):
    database, connections = database
    granted = RIGHTS[role]
    everywhere = {may for table, mays in granted if table == "*" for may in mays.split(", ")}
    for table in tables(database):
        may = everywhere | {m for name, mays in granted if name == table for m in mays.split(", ")}
        column = database.execute(f"show columns from {database.name}.`{table}`")[0][0]
        tried = attempts(table)
        tried["update"] = f"update `{table}` set `{column}` = `{column}` where 1 = 0"
        if "select" not in may:
            # these read as well; without the right to read, write what needs no reading
            tried["insert"] = tried["update"] = None
            tried["delete"] = f"delete from `{table}` limit 0"
        for privilege, statement in tried.items():
            if statement is not None:
                assert allowed(connections[role], statement) == (privilege in may), (role, privilege, table)


@needs_hydra
@needs_mariadb
@pytest.mark.parametrize("role", RIGHTS)
def test_no_role_changes_the_schema_reads_files_or_sees_other_databases(role, database):
    database, connections = database
    for statement in (
        "create table mine (a int)",
        "drop table image",
        "alter table image add column a int",
        "truncate table label_event",
        "create view mine as select 1",
        "create user mine",
        f"grant select on {database.name}.* to current_user",
        "select * from mysql.user",
        "select 'x' into outfile '/tmp/mine'",
        "load data infile '/etc/passwd' into table image",
        "set global max_connections = 1",
        "create procedure mine() select 1",
        "create trigger mine before insert on image for each row set @a = 1",
        "lock tables image write" if role in ("query", "worker") else "drop database mysql",
    ):
        assert not allowed(connections[role], statement), statement


@needs_hydra
@needs_mariadb
def test_nobody_can_change_or_delete_what_was_decided(database):
    _, connections = database
    for connection in connections.values():
        for table in database_users.EVENTS:
            assert not allowed(connection, f"delete from {table} where 1 = 0")
            assert not allowed(connection, f"update {table} set who = who where 1 = 0")


@needs_hydra
@needs_mariadb
def test_show_grants_says_what_the_table_says(database):
    database, _ = database
    for role, granted in RIGHTS.items():
        expected = {}
        for table, may in granted:
            expected.setdefault(table, set()).update(may.upper().split(", "))
        shown = {}
        for (line,) in database.execute(f"show grants for `{database.name}_{role}`@`%`"):
            match = re.match(rf"GRANT ([A-Z, ]+) ON `{database.name}`\.(\*|`(\w+)`) TO", line)
            if match:
                shown[match.group(3) or "*"] = set(match.group(1).split(", "))
            else:
                assert line.startswith("GRANT USAGE ON *.*"), line
        assert shown == expected, role
