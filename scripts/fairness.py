#!/usr/bin/env python3
"""Shows that one client that floods the server does not keep others from logging in.

A user logs in from 127.0.0.1, --logins times, five times a second: first while nothing else happens,
then beside each of two floods from 127.0.0.2. Each has a server of its own, with the default limits.

  registrations  100 at once, each with a password that is as costly to judge as one can be
  logins         160 connections that send wrong passwords as fast as they are answered

It prints, for each, the share of the user's logins that were answered with 503, and how much longer
the others took than without a flood.

    cargo build --release --example quickstart
    scripts/fairness.py target/release/examples/quickstart
"""

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import dataclass

from load import Connections
from load import percentile
from server import Server
from server import check
from server import parser
from server import run

EMAIL = "ann@example.org"
PASSWORD = "a ferry leaves at seven"
COSTLY = "4@8({[<369!1|0$5+7%2" + "\N{BIRD}" * 80
FLOODER = "127.0.0.2"
REGISTRATIONS = 100
CONNECTIONS = 160
PAUSE = 0.2
SECONDS_TO_ANSWER = 20
SECONDS_TO_RISE = 0.5
MOST_SHARE = 0.0
MOST_RATIO = 5


def main():
    arguments = parser(__doc__)
    arguments.add_argument(
        "--logins", type=int, choices=range(5, 51), default=25, metavar="5-50",
        help="of the user, beside each flood (default: %(default)s)",
    )
    arguments = arguments.parse_args()
    floods = {"nothing": nothing, "registrations": register, "logins": log_in_wrongly}
    found = {}
    for name, flood in floods.items():
        with Server(arguments.binary, {}, "critical") as server:
            server.make_account(EMAIL, PASSWORD)
            found[name] = asyncio.run(measure(server.port, flood, arguments.logins))
        print(f"beside {name}: {found[name]}", flush=True)
    quiet = found.pop("nothing")
    for name, load in found.items():
        ratio = load.median / quiet.median if load.times else float("inf")
        print(f"{name}: {load.refused:.0%} answered with 503, the others took {ratio:.1f} times as long")
        load.ratio = ratio
    for name, load in found.items():
        others = load.statuses - Counter({200: load.all, 503: load.all})
        check(not others, f"beside {name} every login is answered with 200 or 503 {dict(others) or ''}")
        check(load.refused <= MOST_SHARE, f"beside {name} no right login is answered with 503")
        check(load.ratio < MOST_RATIO, f"beside {name} logins take less than {MOST_RATIO} times as long")


@dataclass
class Load:
    """What became of the user's logins."""

    statuses: Counter
    times: list
    ratio: float = 1.0

    @property
    def all(self):
        return self.statuses.total()

    @property
    def refused(self):
        return self.statuses[503] / self.all

    @property
    def median(self):
        return percentile(self.times, 50)

    def __str__(self):
        if not self.times:
            return f"{dict(self.statuses)}"
        shares = ", ".join(f"p{share} {percentile(self.times, share):.0f} ms" for share in (50, 90))
        return f"{dict(self.statuses)}, {shares}"


async def measure(port, flood, logins):
    """Has the user log in beside a flood."""
    flooding = asyncio.create_task(flood(port))
    await asyncio.sleep(SECONDS_TO_RISE)
    statuses, times = Counter(), []
    loop = asyncio.get_running_loop()
    for _ in range(logins):
        user, begun = Connections(port), loop.time()
        status = await ask(user, "/login", {"email": EMAIL, "password": PASSWORD})
        statuses[status] += 1
        if status == 200:
            times.append((loop.time() - begun) * 1000)
        user.close()
        await asyncio.sleep(PAUSE)
    flooding.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await flooding
    return Load(statuses, times)


async def nothing(_port):
    pass


async def register(port):
    connections = Connections(port, FLOODER)
    bodies = [
        {"email": f"user{number}@example.org", "password": COSTLY} for number in range(REGISTRATIONS)
    ]
    try:
        await asyncio.gather(*(ask(connections, "/register", body) for body in bodies))
    finally:
        connections.close()


async def log_in_wrongly(port):
    connections = Connections(port, FLOODER)

    async def again(number):
        while True:
            body = {"email": f"user{number}@example.org", "password": "a wrong password"}
            await ask(connections, "/login", body)

    try:
        await asyncio.gather(*(again(number) for number in range(CONNECTIONS)))
    finally:
        connections.close()


async def ask(connections, path, body):
    """Sends JSON, and gives the status of the answer; 0 when there is none."""
    body = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    try:
        async with asyncio.timeout(SECONDS_TO_ANSWER):
            status, _ = await connections.exchange(head.encode() + body)
    except (OSError, EOFError, TimeoutError):
        return 0
    return status


if __name__ == "__main__":
    run(main)
