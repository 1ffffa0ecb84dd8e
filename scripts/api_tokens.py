#!/usr/bin/env python3
"""Runs the lines of `examples/api_tokens.sh` against the example, and compares what they print.

The script's lines stand in the example's documentation. What a line prints is said behind it, after
`#`; an ellipsis stands for anything, and so does what follows a colon behind a status.

    cargo build --example api_tokens && cargo build --features cli --bin rocket-security
    scripts/api_tokens.py                                        # about 3 s
"""

import os
import re
import subprocess

from server import ROOT
from server import Server
from server import binary
from server import check
from server import run

EMAIL = "ann@example.org"
PASSWORD = "a ferry leaves at seven"
LINES = ROOT / "examples/api_tokens.sh"

SECURITY = {"password": {"memory": 64, "iterations": 1}}


def main():
    with Server(binary("target/debug/examples/api_tokens"), SECURITY, "critical") as server:
        server.make_account(EMAIL, PASSWORD)
        own = os.environ | {"SITE": server.url, "EMAIL": EMAIL, "PASSWORD": PASSWORD}
        done = subprocess.run(["bash", LINES], env=own, capture_output=True, text=True)
        check(done.returncode == 0, f"every line succeeds {done.stderr}")
        printed = done.stdout.splitlines()
        for line, expected in zip(printed, said(), strict=False):
            check(re.fullmatch(expected, line), f"{line} is what is said")
        # The last line prints the document of keys, of which nothing is said.
        check(len(printed) == len(said()) + 1, "nothing is printed but that")
        check(printed[-1].startswith('{"issuer":'), "the public keys are told")


def said():
    """Gives what the lines that print something say of it, as patterns."""
    comments = (line.rsplit("  # ", 1) for line in LINES.read_text().splitlines() if "  # " in line)
    shown = [said for before, said in comments if before.startswith(("curl", "status"))]
    statuses = [re.sub(r"^(\d{3}):.*", r"\1", text) for text in shown]
    return [re.escape(text.strip()).replace("…", ".*") for text in statuses]


if __name__ == "__main__":
    run(main)
