#!/usr/bin/env python3
"""Makes a hall's database users on MariaDB or MySQL, each with the least rights.

    hydra migrate                                            # as the owner; grants need the tables
    scripts/database-users.py --database hall_b --address mariadb:3306 [--tls] > .cache/users.out
    mariadb -h mariadb -u root -p < .cache/users.out         # the statements
    sed -n 's/^-- secret //p' .cache/users.out > .cache/database.env
    kubectl -n hall-b create secret generic hydra-database --from-env-file .cache/database.env

Prints SQL; the lines `-- secret role=URL` are the keys that the chart asks for. Nothing is changed
until somebody runs the SQL. The rights are those of migrations/src/grants.rs (tests/ops compares
them, and tries the forbidden); docs/security/rights.md explains them.
"""

import argparse
import re
import secrets

REGISTRY = ["counter", "setting", "plot_type", "model", "model_label", "model_plot_type", "alias"]
MEASURED = [
    "image", "shown", "retraining", "conditions", "latest", "prediction", "embedding", "heatmap", "sequence", "track", "run",
    "run_outcome", "run_latency", "daily", "heartbeat", "outbox", "lease", "retention_mark", "garbage",
    "model_label", "model_plot_type",
]  # fmt: skip
# MariaDB takes "leave what is there" for an update of every column
ADDED_BY_NAME = [("plot_type", "insert, update"), ("model", "insert, update")]
TRAIN_ADDS = ["model_label", "release_event"]
TRAIN_NOTES = ["model_plot_type", "training_image", "pin"]
EVENTS = ["catalog_event", "release_event", "label_event"]
STATE = ["detector", "plot_type", "news", "setting", "model", "model_label", "model_plot_type", "alias", "label", "pin", "training_image"]


def rights():
    """Role -> [(table, privileges)]; `*` is every table and view."""
    return {
        "query": [("*", "select")],
        "worker": [
            ("heartbeat", "select, insert, update"),
            ("seaql_migrations", "select"),
            *((table, "select") for table in REGISTRY),
        ],
        "train": [
            ("*", "select"),
            ("counter", "update"),
            *((table, "insert") for table in TRAIN_ADDS),
            *((table, "insert, update") for table in TRAIN_NOTES),
            *ADDED_BY_NAME,
            ("heartbeat", "insert, update"),
            ("alias", "insert, update"),
        ],
        "keep": [
            ("*", "select"),
            ("counter", "update"),
            *((table, "insert, update, delete") for table in MEASURED),
            *ADDED_BY_NAME,
            ("dead_letter", "insert, update, delete"),
        ],
        "control": [
            ("*", "select"),
            ("counter", "update"),
            *((table, "insert") for table in EVENTS),
            *((table, "insert, update, delete") for table in STATE),
            ("heartbeat", "insert, update"),
            ("dead_letter", "update"),
            ("sequence", "update"),
            ("outbox", "insert"),
        ],
    }


def statements(database, address, tls, ca_file, passwords):
    """The SQL, with the URLs as comments."""
    require = "ssl" if tls else "none"
    query = f"?ssl-mode=VERIFY_CA&ssl-ca={ca_file}" if tls else ""
    for role, granted in rights().items():
        user = f"`{database}_{role}`@`%`"
        yield f"create or replace user {user} identified by '{passwords[role]}' require {require};"
        for table, may in granted:
            target = "*" if table == "*" else f"`{table}`"
            yield f"grant {may} on `{database}`.{target} to {user};"
        yield f"-- secret {role}=mysql://{database}_{role}:{passwords[role]}@{address}/{database}{query}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", required=True, help="its name, also the first part of the users' names")
    parser.add_argument("--address", required=True, help="host:port as Hydra sees it")
    parser.add_argument("--tls", action="store_true", help="refuse these users without TLS")
    parser.add_argument("--ca-file", default="/etc/hydra/ca/ca.crt", help="where Hydra finds the authority")
    arguments = parser.parse_args()
    if not re.fullmatch(r"[a-z][a-z0-9_]*", arguments.database):
        parser.error("--database: lower-case letters, digits and underscores only")
    if not re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", arguments.address):
        parser.error("--address: host:port")
    passwords = {role: secrets.token_hex(32) for role in rights()}
    for line in statements(arguments.database, arguments.address, arguments.tls, arguments.ca_file, passwords):
        print(line)


if __name__ == "__main__":
    main()
