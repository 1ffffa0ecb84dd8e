#!/usr/bin/env python3
"""Runs a command with a database server of its own, and ends with the command's exit code.

The server is empty, private, and gone afterwards; it is fast and forgets what it committed when the
machine loses power. The command finds it in SECURITY_TEST_DATABASE_URL. Behind `pgbouncer`, which
pools by transaction, SECURITY_TEST_ADMIN_URL leads to PostgreSQL itself.

    scripts/with_database.py postgres  -- cargo test --features postgres
    scripts/with_database.py mariadb   -- cargo test --features mysql
    scripts/with_database.py pgbouncer -- cargo test --features postgres
    scripts/with_database.py postgres  -- sh -c 'psql "$SECURITY_TEST_DATABASE_URL"'
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys

from databases import MariaDB
from databases import PgBouncer
from databases import PostgreSQL
from server import run

KINDS = ("postgres", "mariadb", "pgbouncer")


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("kind", choices=KINDS)
    arguments.add_argument("command", nargs=argparse.REMAINDER, help="after --")
    arguments = arguments.parse_args()
    command = arguments.command[arguments.command[:1] == ["--"] :]
    if not command:
        sys.exit("with_database.py: no command is given after --")
    with contextlib.ExitStack() as servers:
        code = end_with(command, os.environ | urls(arguments.kind, servers))
    sys.exit(code)


def urls(kind, servers):
    """Starts the servers, and gives the variables that lead to them."""
    start = servers.enter_context
    if kind == "mariadb":
        return {"SECURITY_TEST_DATABASE_URL": start(MariaDB()).url}
    postgres = start(PostgreSQL())
    if kind == "postgres":
        return {"SECURITY_TEST_DATABASE_URL": postgres.url}
    bouncer = start(PgBouncer(postgres))
    return {
        "SECURITY_TEST_DATABASE_URL": bouncer.url,
        "SECURITY_TEST_ADMIN_URL": postgres.url,
    }


def end_with(command, environment):
    """Runs the command, and gives its exit code as a shell would."""
    try:
        process = subprocess.Popen(command, env=environment)
    except OSError as fault:
        print(f"with_database.py: {command[0]}: {fault.strerror}", file=sys.stderr)
        return 127 if isinstance(fault, FileNotFoundError) else 126
    try:
        code = process.wait()
    except BaseException as end:
        # Ctrl-C reached the command as well; whatever else ends us has to be passed on.
        if not isinstance(end, KeyboardInterrupt):
            process.terminate()
        process.wait()
        raise
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    # Whoever presses Ctrl-C wants no traceback.
    try:
        run(main)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
