#!/usr/bin/env python3
"""Makes a hall's virtual host and one RabbitMQ user a role, each with the least rights.

    scripts/broker-users.py --api https://admin:secret@broker:15671 --vhost hall-b \\
        --address amqps://broker:5671 > .cache/broker.env
    kubectl -n hall-b create secret generic hydra-broker --from-env-file .cache/broker.env

Prints one line a user, `role=URL`, which are the keys that the chart asks for. Passwords are drawn
anew at each call, so a second call rotates them. `--remove-guest` also takes RabbitMQ's built-in
user away. The rights are described in docs/security/rights.md, and tests/ops tries the forbidden.
"""

import argparse
import json
import re
import secrets
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

# Which stages each role publishes to; every role also reports burials to keep.
NEXT = {
    "ingest": ["resize"],
    "resize": ["infer"],
    "infer": ["keep", "gradcam"],
    "gradcam": ["keep"],
    "keep": ["notify"],
    "notify": [],
    "train": [],
}
NOTHING = "^$"


def one_of(*patterns):
    """A regular expression for one of these, and nothing around it."""
    return f"^({'|'.join(patterns)})$"


def stage_rights(role):
    """What the user of a stage may do: (configure, write, read), and by topic exchange (write, read)."""
    own = [role, rf"{role}\.dead", rf"{role}\.retry\.[0-9]+"]
    shared = [r"hydra\.work", r"hydra\.retry", r"hydra\.dead"]
    # a private queue, bound to the announcements
    listening = [r"amq\.gen-.*"]
    images = [r"hydra\.images"] if role == "ingest" else []
    rights = (
        one_of(*own, *shared, r"hydra\.registry", *images, *listening),
        one_of(*own, *shared, *listening),
        one_of(role, rf"{role}\.retry\.[0-9]+", *shared, r"hydra\.registry", *images, *listening),
    )
    followers = sorted({*NEXT[role], "keep"})
    topics = {
        # by key: so that a stage can neither write to others than its followers nor listen to others
        "hydra.work": (one_of(*followers), one_of(role)),
        "hydra.retry": (one_of(rf"{role}\.[0-9]+"), one_of(rf"{role}\.[0-9]+")),
        "hydra.dead": (one_of(role), one_of(role)),
    }
    return rights, topics


def users():
    """Every user: name -> (tags, rights, topic rights)."""
    result = {role: ("", *stage_rights(role)) for role in NEXT}
    result["producer"] = ("", (NOTHING, one_of(r"hydra\.images"), NOTHING), {})
    # people: dead letters are read, sent again, dropped; heat maps, training and releases are asked for
    keys = one_of(*NEXT)
    result["control"] = (
        "",
        (NOTHING, one_of(r"hydra\.(work|registry|images)"), one_of(r"[a-z]+\.dead")),
        {"hydra.work": (keys, NOTHING)},
    )
    result["keda"] = ("monitoring", (NOTHING, NOTHING, NOTHING), {})
    return result


class Api:
    """RabbitMQ's management API."""

    def __init__(self, url, ca_file):
        parts = urllib.parse.urlsplit(url)
        self.base = f"{parts.scheme}://{parts.hostname}:{parts.port}/api"
        passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
        passwords.add_password(
            None, self.base, urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password), is_authenticated=True
        )
        handlers = [urllib.request.HTTPBasicAuthHandler(passwords)]
        if parts.scheme == "https":
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)))
        self.opener = urllib.request.build_opener(*handlers)

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.base}/{path}", data=data, method=method, headers=headers)
        try:
            with self.opener.open(request, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if method == "DELETE" and error.code == 404:
                return b""
            sys.exit(f"broker-users: {method} {path}: {error.code} {error.read().decode()[:300]}")


def make(api, vhost, name, tags, rights, topics):
    """Makes or changes a user; returns its password."""
    password = secrets.token_hex(32)
    quoted = urllib.parse.quote(vhost, safe="")
    api.call("PUT", f"users/{name}", {"password": password, "tags": tags})
    configure, write, read = rights
    api.call("PUT", f"permissions/{quoted}/{name}", {"configure": configure, "write": write, "read": read})
    api.call("DELETE", f"topic-permissions/{quoted}/{name}")
    for exchange, (write, read) in topics.items():
        api.call("PUT", f"topic-permissions/{quoted}/{name}", {"exchange": exchange, "write": write, "read": read})
    return password


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--api", required=True, help="management API with an administrator's name and password")
    parser.add_argument("--vhost", required=True, help="the hall's virtual host; made if it is not there")
    parser.add_argument("--address", required=True, help="what the URLs begin with, e.g. amqps://broker:5671")
    parser.add_argument("--management", help="address of the management API in KEDA's URL; default: that of --api")
    parser.add_argument("--ca-file", help="authority of the management API's certificate")
    parser.add_argument("--remove-guest", action="store_true", help="take the built-in user away")
    arguments = parser.parse_args()
    if not re.fullmatch(r"[a-z0-9-]+", arguments.vhost):
        parser.error("--vhost: lower-case letters, digits and dashes only, since it is a part of user names")
    if not re.fullmatch(r"amqps?://[^/@]+", arguments.address):
        parser.error("--address: like amqps://broker:5671, without user and path")
    api = Api(arguments.api, arguments.ca_file)
    api.call("PUT", f"vhosts/{arguments.vhost}")
    parts = urllib.parse.urlsplit(arguments.api)
    management = arguments.management or f"{parts.scheme}://{parts.hostname}:{parts.port}"
    for role, (tags, rights, topics) in users().items():
        name = f"{arguments.vhost}-{role}"
        password = make(api, arguments.vhost, name, tags, rights, topics)
        scheme, _, rest = (management if role == "keda" else arguments.address).partition("://")
        print(f"{role}={scheme}://{name}:{password}@{rest}/{arguments.vhost}")
    if arguments.remove_guest:
        api.call("DELETE", "users/guest")


if __name__ == "__main__":
    main()
